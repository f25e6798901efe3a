from __future__ import annotations

import ast
import re
from pathlib import Path

from investbot.domain import errors

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "glossary.md"

# Words that are no class of the domain: readings and wholes that other rooms give a shape to.
TERMS = {
    "Confluence",
    "RiskLimit",
    "RiskGate",
    "Position",
    "Portfolio",
    "Fact",
    "Event",
    "Ledger",
    "Strategy",
    "Venue",
    "Profile",
    "Instance",
    "Supervisor",
    "Vault",
    "Backup",
}


def rows() -> list[list[str]]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return [row for row in cells if row[0] != "Word"]


def domain_classes() -> set[str]:
    found: set[str] = set()
    for path in (REPOSITORY / "investbot" / "domain").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {node.name for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")}
    return found


def test_every_word_of_the_domain_is_explained_and_no_other() -> None:
    assert {row[0] for row in rows()} == domain_classes() | TERMS


def test_every_word_is_explained_once_and_in_words() -> None:
    words = [row[0] for row in rows()]
    assert len(words) == len(set(words))
    assert [row[0] for row in rows() if len(row[-1].split()) < 3] == []


def test_the_exit_codes_are_those_of_the_program() -> None:
    codes = {row[0]: row[1] for row in rows() if len(row) == 3}
    told = {name: str(getattr(errors, name).exit_code) for name in codes}
    assert codes == told
    assert set(codes) == {name for name in domain_classes() if isinstance(getattr(errors, name, None), type)}


def test_words_that_are_not_used_are_not_used_as_names() -> None:
    unwanted = re.compile(r"^(Bot|Base|Data|Info|Trade)$|(Manager|Helper|Utils)$")
    assert [name for name in domain_classes() if unwanted.search(name)] == []
