"""What the clocks of Tokyo, London and New York show, by the rules of summer time, without a table of time zones.

The rules in force: Japan has none; the United Kingdom follows the European Union's since 1996 (last Sunday of March to
last Sunday of October, at 01:00 UTC); the United States changed theirs in 2007 (second Sunday of March to first Sunday
of November, at 02:00 local time; before that first Sunday of April to last Sunday of October, since 1987). Source: the
IANA time zone database, against which a test holds them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from investbot.domain.market import DAY, HOUR, Millis

Offset = Callable[[Millis], Millis]
"""Milliseconds by which a clock is ahead of UTC at a moment (milliseconds UTC)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SUNDAY = 6
_NEW_RULES = 2007


def tokyo(at: Millis) -> Millis:
    """Tell how far Tokyo is ahead of UTC, milliseconds."""
    del at
    return 9 * HOUR


def london(at: Millis) -> Millis:
    """Tell how far London is ahead of UTC, milliseconds."""
    begins, ends = _european_summer(_year(at))
    return HOUR if begins <= at < ends else 0


def new_york(at: Millis) -> Millis:
    """Tell how far New York is ahead of UTC (it is behind: below zero), milliseconds."""
    begins, ends = _american_summer(_year(at))
    return -4 * HOUR if begins <= at < ends else -5 * HOUR


def _year(at: Millis) -> int:
    return _year_of(at // DAY)


@lru_cache(maxsize=1024)
def _year_of(day: int) -> int:
    return (_EPOCH + timedelta(days=day)).year


@lru_cache(maxsize=64)
def _european_summer(year: int) -> tuple[Millis, Millis]:
    return _last_sunday(year, 3) + HOUR, _last_sunday(year, 10) + HOUR


@lru_cache(maxsize=64)
def _american_summer(year: int) -> tuple[Millis, Millis]:
    """Begin at 02:00 winter time, 07:00 UTC; end at 02:00 summer time, 06:00 UTC."""
    if year >= _NEW_RULES:
        return _sunday(year, 3, 2) + 7 * HOUR, _sunday(year, 11, 1) + 6 * HOUR
    return _sunday(year, 4, 1) + 7 * HOUR, _last_sunday(year, 10) + 6 * HOUR


def _sunday(year: int, month: int, which: int) -> Millis:
    """Give midnight UTC of a month's first, second, … Sunday."""
    first = datetime(year, month, 1, tzinfo=UTC)
    day = first + timedelta(days=(_SUNDAY - first.weekday()) % 7 + 7 * (which - 1))
    return (day - _EPOCH) // timedelta(milliseconds=1)


def _last_sunday(year: int, month: int) -> Millis:
    """Give midnight UTC of a month's last Sunday; the month has 31 days."""
    last = datetime(year, month, 31, tzinfo=UTC)
    return (last - _EPOCH) // timedelta(milliseconds=1) - ((last.weekday() - _SUNDAY) % 7) * DAY
