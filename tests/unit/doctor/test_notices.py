from __future__ import annotations

from pathlib import Path

import pytest

from investbot.doctor.checks import notices
from investbot.doctor.issue import Level
from investbot.supervisor.route_health import RouteHealth, write_health
from tests.unit.doctor.builders import make_home, make_host


def found(folder: Path, **routes: RouteHealth) -> list[tuple[Level, str]]:
    home = make_home(folder)
    write_health(home / "run/notices.json", {name if name != "fleet" else "": each for name, each in routes.items()}, 0)
    return [(issue.level, f"{issue.what} | {issue.fix}") for issue in notices.check(make_host(home))]


def test_without_an_address_all_is_well(tmp_path: Path) -> None:
    assert found(tmp_path) == [(Level.OK, "no address is in use | ")]


def test_addresses_that_work_are_well(tmp_path: Path) -> None:
    one = found(tmp_path, fleet=RouteHealth("m", "discord.com", sent=3, waiting=2))
    assert one == [(Level.OK, "1 address in use | ")]


def test_a_refused_address_is_an_error(tmp_path: Path) -> None:
    refused = RouteHealth("m", "discord.com", refused=True, why="Discord knows no such webhook (404).")
    good = RouteHealth("m", "discord.com")
    ((level, text),) = found(tmp_path, alpha=refused, fleet=good)
    assert level is Level.ERROR
    assert text == (
        "notices of alpha are not sent any more: Discord knows no such webhook (404). | "
        "investbot notify set discord --instance alpha"
    )


def test_what_waits_is_a_warning(tmp_path: Path) -> None:
    failing = RouteHealth("m", "discord.com", why="Discord cannot be reached.", waiting=3)
    many = RouteHealth("m", "discord.com", waiting=notices.MANY)
    (first, second) = found(tmp_path, alpha=many, fleet=failing)
    assert first == (Level.WARNING, "3 notices of the fleet wait: Discord cannot be reached. | investbot notify test")
    assert second == (Level.WARNING, "100 notices of alpha wait | investbot notify test --instance alpha")


@pytest.mark.parametrize("junk", ["", "[]", '{"routes": 3}', '{"routes": {"": 4}}'])
def test_a_file_that_cannot_be_read_is_none(tmp_path: Path, junk: str) -> None:
    home = make_home(tmp_path)
    (home / "run/notices.json").write_text(junk, encoding="utf-8")
    assert [issue.level for issue in notices.check(make_host(home))] == [Level.OK]
