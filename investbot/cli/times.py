"""Moments as an operator writes them on the command line."""

from __future__ import annotations

import time

from investbot.domain.errors import UsageError
from investbot.domain.market import Millis, parse_duration
from investbot.domain.times import parse_rfc3339


def wall_clock() -> Millis:
    """Give the machine's time in milliseconds UTC; for `--since 2h`, ages and file names, never for trading."""
    return time.time_ns() // 1_000_000


def parse_since(given: str, now: Millis) -> Millis:
    """Read a moment (`2026-01-02`, `2026-01-02T03:04:05Z`) or how long before `now` (`2h`); UsageError otherwise."""
    try:
        return now - parse_duration(given)
    except UsageError:
        pass
    try:
        return parse_rfc3339(given)
    except UsageError:
        message = f"{given!r} is not a time; write 2026-01-02, 2026-01-02T03:04:05Z or how long ago, such as 2h."
        raise UsageError(message) from None
