"""docs/features.md has every number once, and what it names is there."""

from __future__ import annotations

import re

import pytest

from tests.conftest import REPOSITORY
from tests.docs.manual import entries

NUMBERS = {
    0: "2 3 5 6 7 9 10 11 12 14 16 18 19 20 21 22 23 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 41 42 43 44",
    1: "2 3 6 7 8 9 10 11 13 14 15 16 17 18 19 20 22 23 24 25 26 28 29 30 31 32 33 34 35 37 38 39 40 41",
    2: "1 2 3 4 5 6 7 8 10 12 13 14 15 16 17 18 20 21 22 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41",
    3: "1 2 4 6 7 8 9 10 11 12 13 14 15 16 17 19 21 22 24 25 26 27 28 29 30 31 33 34 35 36 37 40 41 42 43 44 45 46",
    4: "1 2 3 4 5 6 8 9 10 11 14 15",
}
TEXT = (REPOSITORY / "docs/features.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+\.\d+) \| (.+?) \| (.+) \|$", TEXT, re.MULTILINE)
PATHS = {entry.path for entry in entries()}


def test_every_number_is_there_once_and_in_order() -> None:
    wanted = [f"{part}.{number}" for part, numbers in NUMBERS.items() for number in numbers.split()]
    assert [number for number, _, _ in ROWS] == wanted


@pytest.mark.parametrize(("number", "feature", "served"), ROWS)
def test_a_row_says_what_serves_it(number: str, feature: str, served: str) -> None:
    assert feature.strip()
    assert served.strip(" -")


def commands() -> list[tuple[str, str]]:
    return [(number, words) for number, _, served in ROWS for words in re.findall(r"`investbot ([^`]+)`", served)]


@pytest.mark.parametrize(("number", "words"), commands())
def test_a_command_it_names_is_in_the_program(number: str, words: str) -> None:
    said = words.split()
    path = next((tuple(said[:length]) for length in (2, 1) if tuple(said[:length]) in PATHS), None)
    assert path is not None, f"row {number}: investbot {words}"
    options = {name for entry in entries() if entry.path == path for name, _ in entry.options}
    known = {name for names in options for name in names.split(", ")} | {"--help", "--json", "--debug"}
    assert [word for word in said if word.startswith("--") and word not in known] == []


def test_a_script_it_names_is_there() -> None:
    assert [name for name in re.findall(r"`(scripts/\w+)", TEXT) if not (REPOSITORY / name).is_file()] == []
