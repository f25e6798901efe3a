"""The machine's own clocks: the only place that reads them for the rest of the house."""

from __future__ import annotations

import time

from investbot.domain.market import Millis

_NANOS_A_MILLI = 1_000_000


class SystemClock:
    """Wall time for stamps, monotonic time for waiting."""

    def now(self) -> Millis:
        """UTC in milliseconds since the epoch."""
        return time.time_ns() // _NANOS_A_MILLI

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()
