from __future__ import annotations

import time

import pytest

from investbot.cli.times import parse_since, wall_clock
from investbot.domain.errors import UsageError

NOW = 1_767_323_045_678


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-01-02", 1_767_312_000_000),
        ("2026-01-02T03:04:05Z", 1_767_323_045_000),
        ("2026-01-02T03:04:05.678Z", NOW),
        ("2h", NOW - 7_200_000),
        ("0s", NOW),
    ],
)
def test_moments_and_ages(given: str, expected: int) -> None:
    assert parse_since(given, NOW) == expected


@pytest.mark.parametrize("given", ["yesterday", "", "2026-13-01", "-2h"])
def test_other_text_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match="how long ago"):
        parse_since(given, NOW)


def test_the_wall_clock_is_in_milliseconds() -> None:
    assert abs(wall_clock() - time.time() * 1000) < 1000
