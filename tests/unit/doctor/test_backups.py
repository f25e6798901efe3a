from __future__ import annotations

from pathlib import Path

import pytest

from investbot.control.backed_up import backed_up_at
from investbot.doctor.checks import backups
from investbot.doctor.issue import Level
from investbot.domain.market import DAY, HOUR
from tests.unit.doctor.builders import NOW, make_backup, make_home, make_host, make_instance


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = make_home(tmp_path)
    make_instance(made, "alpha")
    make_instance(made, "beta")
    return made


def found(home: Path, now: int = NOW) -> list[tuple[Level, str]]:
    return [(issue.level, f"{issue.what} | {issue.fix}") for issue in backups.check(make_host(home, now=now))]


def test_nothing_to_back_up(tmp_path: Path) -> None:
    assert found(make_home(tmp_path)) == [(Level.OK, "there is nothing to back up yet | ")]


def test_no_backup_at_all_is_one_line(home: Path) -> None:
    assert found(home) == [(Level.WARNING, "there is no verified backup | investbot backup create --all")]


def test_the_oldest_is_told(home: Path) -> None:
    for name, hours in (("alpha", 30), ("beta", 2), ("_fleet", 47)):
        make_backup(home, name, NOW - hours * HOUR)
    assert found(home) == [(Level.OK, "2 verified, the oldest 47 h ago | ")]
    assert found(home, NOW - 3 * DAY) == [(Level.OK, "2 verified, the oldest 0 h ago | ")]


def test_old_and_missing_ones_are_named(home: Path) -> None:
    make_backup(home, "alpha", NOW - 2 * DAY)
    assert found(home) == [
        (Level.WARNING, "the last verified backup of alpha is 2 days old | investbot backup create alpha"),
        (Level.WARNING, "beta has no verified backup | investbot backup create beta"),
        (Level.WARNING, "what all instances share has no verified backup | investbot backup create --all"),
    ]
    make_backup(home, "alpha", NOW - 2 * DAY + 1000)
    assert [what for _, what in found(home) if "alpha" in what] == []


def test_the_newest_archive_that_is_there_counts(home: Path) -> None:
    assert backed_up_at(home, "alpha") is None
    make_backup(home, "alpha", NOW)
    last = make_backup(home, "alpha", NOW - DAY)  # the clock was set back; the number says which is the newer
    assert backed_up_at(home, "alpha") == NOW - DAY
    last.unlink()
    assert backed_up_at(home, "alpha") == NOW


@pytest.mark.parametrize(
    "spoilt", ["", "[]", '{"verified": 5}', '{"verified": {"x": {}}}', '{"verified": {"000001-x.ibk": 1}}']
)
def test_marks_that_were_spoilt_prove_nothing(home: Path, spoilt: str) -> None:
    folder = make_backup(home, "alpha", NOW).parent
    (folder / "x").write_text("")
    (folder / "000001-x.ibk").write_text("")
    (folder / "verified.json").write_text(spoilt)
    assert backed_up_at(home, "alpha") is None
