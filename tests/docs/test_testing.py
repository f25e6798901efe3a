"""The table of scenarios names tests that are there and marked, and no marked one is missing in it."""

from __future__ import annotations

import re

from tests.conftest import REPOSITORY

TOLD = re.compile(r"^\| .*\| `(test_\w+\.py)::(test_\w+)` \|$", re.MULTILINE)
MARKED = re.compile(r"^@pytest\.mark\.scenarios\n(?:@.*\n)*(?:async )?def (test_\w+)", re.MULTILINE)


def test_the_table_of_scenarios_is_what_the_mark_runs() -> None:
    told = set(TOLD.findall((REPOSITORY / "docs/testing.md").read_text(encoding="utf-8")))
    files = (REPOSITORY / "tests/integration").glob("test_*.py")
    marked = {(file.name, name) for file in files for name in MARKED.findall(file.read_text(encoding="utf-8"))}
    assert len(marked) > 25
    assert told == marked
