"""docs/commands.md is what the program says of itself, and every command shows how it is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from investbot.config.loading import check_profile
from tests.conftest import REPOSITORY
from tests.docs.manual import Entry, entries, manual

ENTRIES = entries()


def named(entry: Entry) -> str:
    return " ".join(entry.path)


def test_the_manual_is_made_from_the_program() -> None:
    stored = (REPOSITORY / "docs/commands.md").read_text(encoding="utf-8")
    assert stored == manual(), "write it anew: python -m tests.docs.manual > docs/commands.md"


@pytest.mark.parametrize("entry", ENTRIES, ids=named)
def test_every_command_says_what_it_does_and_shows_how(entry: Entry) -> None:
    assert re.match(r"[A-Z].*[.:]", entry.summary)
    assert entry.examples
    for example in entry.examples:
        assert example.startswith(f"investbot {named(entry)}")
    assert [name for name, text in entry.options if not text] == []


@pytest.mark.parametrize("document", ["README.md", "docs/operating.md", "docs/learning.md"])
def test_every_command_a_document_names_is_there(document: str) -> None:
    known = {entry.path for entry in ENTRIES} | {entry.path[:1] for entry in ENTRIES}
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    for words in re.findall(r"(?:^|`)investbot ((?:[a-z]+ ?)+)", text, re.MULTILINE):
        path = tuple(words.split())
        assert path[:1] in known, f"investbot {words}"


def test_the_readme_is_short_and_says_what_it_is() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    assert "no financial advice" in text


def test_the_profile_in_the_readme_has_no_mistakes(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", (REPOSITORY / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "mine.toml").write_text(block, encoding="utf-8")
    assert check_profile(tmp_path / "mine.toml") == []


@pytest.mark.parametrize("document", ["README.md", "docs/operating.md", "docs/learning.md", "docs/features.md"])
def test_links_lead_somewhere(document: str) -> None:
    path = REPOSITORY / document
    links = re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not link.startswith("http") and not (path.parent / link).exists()] == []
