"""`investbot intelligence`: what is refused before anything is asked, and keys that end up where they belong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from investbot.cli.commands import intelligence
from investbot.domain.errors import DataError
from tests.integration.cli import Shell

ITEM = {"source": "news", "bias": 0.5, "confidence": 0.5, "published_at": "2024-01-01", "expires_at": "2024-01-02"}
NEWS = '\n[[intelligence.sources]]\nname = "news"\nkind = "json"\nurl = "http://127.0.0.1:9/"\n{more}\n'


@pytest.mark.parametrize("text", [json.dumps(ITEM), f"\n{json.dumps(ITEM)}\n\n", json.dumps([ITEM])])
def test_lines_and_lists_are_read(text: str) -> None:
    assert intelligence._items(text) == [ITEM]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no item"),
        ("[]", "no item"),
        ("{", "Item 1 is not JSON"),
        (json.dumps(ITEM) + "\nnonsense", "Item 2 is not JSON"),
        ("[1", "cannot be read"),
        ("[" * 9000, "cannot be read"),
        ("[1]", "Item 1: .*JSON object"),
        (json.dumps({**ITEM, "bias": 3}), "Item 1: .*bias"),
        (json.dumps({**ITEM, "bias": float("nan")}), "Item 1 is not JSON"),
        (json.dumps([{**ITEM, "bias": float("inf")}]), "cannot be read"),
    ],
)
def test_what_is_no_item_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        intelligence._items(text)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    tmp_path = tmp_path_factory.mktemp("shell")
    shell = Shell(tmp_path, here=True)
    shell.ok("init")
    for name, more in (("with", 'key_header = "X-Key"'), ("without", "")):
        profile = (tmp_path / "quick.toml").read_text(encoding="utf-8") + NEWS.format(more=more)
        (tmp_path / f"{name}.toml").write_text(profile, encoding="utf-8")
        shell.ok("create", name, "--profile", f"{name}.toml")
    return shell


def test_keys_go_into_the_instance_s_own_store_and_are_never_told(shell: Shell) -> None:
    canary = "canary-key-51c0"
    stored = shell("intelligence", "key", "with", "news", "--from", "-", given=f"{canary}\n")
    assert (stored.code, canary in stored.out + stored.err) == (0, False)
    (shell.folder / "key.txt").write_text(canary, encoding="utf-8")
    told = shell("intelligence", "key", "without", "news", "--from", "key.txt", "--json")
    assert told.code == 0
    assert told.json == {"name": "without", "source": "news"}
    assert "key_header" in told.err
    assert "plain text" in told.err
    assert [row["key"] for row in shell.told("keys", "check", "with")["keys"]] == ["intelligence.news"]
    assert canary not in "".join(
        path.read_text(errors="ignore") for path in (shell.home / "run").rglob("*") if path.is_file()
    )


@pytest.mark.parametrize(
    ("words", "given", "code", "said"),
    [
        (("key", "with", "rumours", "--from", "-"), "k", 64, "has no source 'rumours'; it has news"),
        (("key", "with", "news", "--from", "-"), "", 65, "one line"),
        (("key", "with", "news", "--from", "-"), "a\nb", 65, "one line"),
        (("key", "with", "news", "--from", "gone.txt"), "", 65, "No such file"),
        (("key", "with", "news", "--from", "-"), "x" * 5000, 65, "more than 4096 bytes"),
        (("key", "with", "news"), "", 64, "--from"),
        (("push", "with"), "", 64, "--from FILE"),
        (("push", "with", "--from", "-"), "nonsense", 65, "not JSON"),
        (("push", "with", "--from", "-"), json.dumps(ITEM), 69, "supervisor"),
        (("push", "nobody", "--from", "-"), json.dumps(ITEM), 66, "nobody"),
    ],
)
def test_refusals_are_sentences(shell: Shell, words: tuple[str, ...], given: str, code: int, said: str) -> None:
    result = shell("intelligence", *words, given=given)
    assert result.code == code
    assert said in result.err


def test_without_items_the_list_is_empty(shell: Shell) -> None:
    told: Any = shell.told("intelligence", "list", "with")
    assert told == []
