"""The machine's clocks."""

from __future__ import annotations

import time

from investbot.adapters.clock import SystemClock


def test_wall_time_is_in_milliseconds_utc() -> None:
    before = int(time.time() * 1000)
    assert before <= SystemClock().now() <= before + 5000


def test_monotonic_time_never_goes_back() -> None:
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
