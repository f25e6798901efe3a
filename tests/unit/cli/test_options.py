from __future__ import annotations

from pathlib import Path

import pytest

from investbot.cli.options import GlobalOptions, hoist
from investbot.domain.errors import UsageError


@pytest.mark.parametrize(
    "line",
    [
        ["--home", "h", "--json", "status", "alpha"],
        ["status", "alpha", "--json", "--home", "h"],
        ["status", "--home=h", "alpha", "--json"],
    ],
)
def test_options_of_every_command_stand_anywhere(line: list[str]) -> None:
    assert hoist(line) == (GlobalOptions(home=Path("h"), json=True), ["status", "alpha"])


def test_what_follows_two_dashes_is_left_alone() -> None:
    assert hoist(["status", "--", "--json"]) == (GlobalOptions(), ["status", "--", "--json"])


def test_quiet_debug_and_passphrase_file() -> None:
    options, rest = hoist(["-q", "up", "--passphrase-file", "~/p", "--debug"])
    assert rest == ["up"]
    assert options == GlobalOptions(passphrase_file=Path.home() / "p", quiet=True, debug=True)


@pytest.mark.parametrize("line", [["status", "--home"], ["--home=", "status"], ["--passphrase-file"]])
def test_a_missing_value_is_refused(line: list[str]) -> None:
    with pytest.raises(UsageError, match="needs a value"):
        hoist(line)


@pytest.mark.parametrize(
    ("line", "rest"),
    [
        (["signals", "--last"], ["signals", "--last", "1"]),
        (["signals", "--last", "--json", "--symbol", "S"], ["signals", "--last", "1", "--symbol", "S"]),
        (["signals", "--last", "alpha"], ["signals", "--last", "1", "alpha"]),
        (["signals", "--last", "5"], ["signals", "--last", "5"]),
        (["signals", "--last=5"], ["signals", "--last=5"]),
    ],
)
def test_last_without_a_number_is_the_last_one(line: list[str], rest: list[str]) -> None:
    assert hoist(line)[1] == rest


def test_json_and_quiet_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="choose one"):
        hoist(["status", "--json", "--quiet"])
