"""A point in time as an operator writes it."""

from __future__ import annotations

import pytest

from investbot.backup.restore import Point, parse_point
from investbot.domain.errors import UsageError


def test_numbers_are_events_and_the_rest_is_a_moment() -> None:
    assert parse_point("812") == Point(seq=812)
    assert parse_point("2026-01-31T14:05:00Z") == Point(at=1_769_868_300_000)
    assert parse_point("2026-01-31") == Point(at=1_769_817_600_000)


@pytest.mark.parametrize("text", ["0", "-1", "yesterday", "", "٣", "12:00", "1.5"])
def test_what_is_neither_is_refused_with_both_ways_to_write_it(text: str) -> None:
    with pytest.raises(UsageError, match="write --at 812 or --at 2026-01-31T14:05:00Z"):
        parse_point(text)
