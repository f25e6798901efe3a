"""The two clocks a process may ask for: everything below the ports is told the time instead."""

from __future__ import annotations

from typing import Protocol

from investbot.domain.market import Millis


class Clock(Protocol):
    """Wall time for stamps, monotonic time for waiting."""

    def now(self) -> Millis:
        """UTC in milliseconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump."""
        ...
