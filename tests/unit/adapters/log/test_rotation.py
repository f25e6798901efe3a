"""A log file that is put aside by size and by age, and a past that stays within its bounds."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from investbot.adapters.log.json_lines import JsonLines, Redactor
from investbot.adapters.log.rotation import Bounds, RotatingFile
from investbot.domain.market import DAY, HOUR, Millis
from investbot.domain.times import parse_rfc3339, rfc3339

START = parse_rfc3339("2026-01-02T03:04:05Z")


class HandClock:
    def __init__(self, at: Millis) -> None:
        self.at = at

    def now(self) -> Millis:
        return self.at

    def monotonic(self) -> float:
        return self.at / 1000


Opener = Callable[..., RotatingFile]


@pytest.fixture
def clock() -> HandClock:
    return HandClock(START)


@pytest.fixture
def opened(tmp_path: Path, clock: HandClock) -> Iterator[Opener]:
    made: list[RotatingFile] = []

    def opener(**bounds: int) -> RotatingFile:
        handler = RotatingFile(tmp_path / "instance.log", clock, Bounds(**bounds))
        made.append(handler)
        return handler

    yield opener
    for handler in made:
        handler.close()


def say(handler: RotatingFile, text: str) -> None:
    handler.emit(logging.LogRecord("investbot", logging.INFO, "f.py", 1, text, (), None))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_lines_are_appended_to_a_private_file(tmp_path: Path, opened: Opener) -> None:
    for _ in range(2):
        handler = opened()
        say(handler, "one")
        handler.close()
        handler.close()
    assert (tmp_path / "instance.log").read_text() == "one\none\n"
    assert stat.S_IMODE((tmp_path / "instance.log").stat().st_mode) == 0o600


def test_a_full_file_is_put_aside(tmp_path: Path, opened: Opener, clock: HandClock) -> None:
    handler = opened(file_bytes=10)
    say(handler, "123456789")
    say(handler, "next")
    assert names(tmp_path) == ["instance.log", "instance.log.20260102T030405.000Z"]
    assert (tmp_path / "instance.log").read_text() == "next\n"
    clock.at += 7
    say(handler, "123456789")
    assert "instance.log.20260102T030405.007Z" in names(tmp_path)


def test_two_rotations_in_one_moment_lose_nothing(tmp_path: Path, opened: Opener) -> None:
    handler = opened(file_bytes=4)
    for text in ("one", "two", "six"):
        say(handler, text)
    assert "".join(path.read_text() for path in sorted(tmp_path.iterdir(), reverse=True)) == "one\ntwo\nsix\n"


def test_an_old_file_is_put_aside(tmp_path: Path, opened: Opener, clock: HandClock) -> None:
    handler = opened(file_age=HOUR)
    say(handler, "one")
    clock.at += HOUR - 1
    say(handler, "two")
    assert names(tmp_path) == ["instance.log"]
    clock.at += 1
    say(handler, "three")
    assert (tmp_path / "instance.log").read_text() == "three\n"


def test_a_restart_knows_how_old_the_file_is(tmp_path: Path, opened: Opener, clock: HandClock) -> None:
    (tmp_path / "instance.log").write_text(f'{{"at": "{rfc3339(START - DAY)}", "level": "info"}}\n')
    say(opened(file_age=DAY), "one")
    assert (tmp_path / "instance.log").read_text() == "one\n"
    assert len(names(tmp_path)) == 2


def test_a_file_without_a_moment_counts_from_now(tmp_path: Path, opened: Opener, clock: HandClock) -> None:
    (tmp_path / "instance.log").write_text("what is this\n")
    handler = opened(file_age=DAY)
    say(handler, "one")
    clock.at += DAY - 1
    say(handler, "two")
    assert names(tmp_path) == ["instance.log"]


def test_the_past_stays_within_its_total(tmp_path: Path, opened: Opener, clock: HandClock) -> None:
    handler = opened(file_bytes=10, total_bytes=30)
    for number in range(6):
        say(handler, f"number {number}"[:9])
        clock.at += 1000
        os.utime(tmp_path / "instance.log", (clock.at / 1000, clock.at / 1000))
    assert names(tmp_path) == [
        "instance.log",
        "instance.log.20260102T030409.000Z",
        "instance.log.20260102T030410.000Z",
    ]


def test_what_is_too_old_is_dropped_with_all_before_it(tmp_path: Path, opened: Opener, clock: HandClock) -> None:
    ages = {"20251101T000000.000Z": 60 * DAY, "20251230T000000.000Z": 2 * DAY}
    for stamp, age in ages.items():
        path = tmp_path / f"instance.log.{stamp}"
        path.write_text("x")
        os.utime(path, ((START - age) / 1000, (START - age) / 1000))
    handler = opened(file_bytes=4)
    say(handler, "one")
    os.utime(tmp_path / "instance.log", (START / 1000, START / 1000))
    say(handler, "two")
    assert names(tmp_path) == [
        "instance.log",
        "instance.log.20251230T000000.000Z",
        "instance.log.20260102T030405.000Z",
    ]


def test_a_disk_that_takes_nothing_is_survived_and_counted(tmp_path: Path, opened: Opener) -> None:
    (tmp_path / "instance.log").mkdir()
    handler = opened()
    say(handler, "one")
    assert handler.lost == 1


def test_it_writes_what_its_formatter_makes(tmp_path: Path, opened: Opener) -> None:
    handler = opened()
    handler.setFormatter(JsonLines(Redactor(), instance="alpha"))
    say(handler, "started")
    assert '"event": "started", "instance": "alpha"' in (tmp_path / "instance.log").read_text()
