"""A circuit breaker: a venue that keeps failing is left alone for a while, but for exits."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from investbot.domain.errors import VenueUnavailable

FAILURES = 5
"""Failures in a row that open the circuit."""
FIRST_S, MOST_S = 5.0, 60.0
"""Seconds the circuit stays open at first, and at most."""


class Circuit(StrEnum):
    """Closed: all passes. Open: exits only. Half-open: one question may try."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """Counts failures in a row; opens for 5 s, then twice as long, up to 60 s, ±25 %, by a monotonic clock."""

    def __init__(self, venue: str, monotonic: Callable[[], float], jitter: Callable[[], float]) -> None:
        self._venue = venue
        self._monotonic = monotonic
        self._jitter = jitter
        self._failed = 0
        self._opened = 0
        self._until = 0.0
        self._probing = False

    @property
    def state(self) -> Circuit:
        """Where the circuit stands now."""
        if not self._opened:
            return Circuit.CLOSED
        return Circuit.OPEN if self._monotonic() < self._until else Circuit.HALF_OPEN

    def admit(self, *, urgent: bool) -> None:
        """Let a question through or raise VenueUnavailable, which then means that nothing was sent.

        What is `urgent` (exits, cancels) always passes and is a probe as well.
        """
        state = self.state
        if urgent or state is Circuit.CLOSED:
            return
        if state is Circuit.OPEN:
            wait = self._until - self._monotonic()
            raise VenueUnavailable(
                f"{self._venue} failed {self._failed} times in a row and is left alone for another {wait:.0f} s."
            )
        if self._probing:
            raise VenueUnavailable(f"{self._venue} failed before and is just being tried again.")
        self._probing = True

    def succeeded(self) -> None:
        """Close the circuit: the venue answers."""
        self._failed = self._opened = 0
        self._probing = False

    def failed(self) -> None:
        """Count a failure of the venue; open the circuit where there are too many, or the probe was one."""
        self._failed += 1
        probed, self._probing = self.state is Circuit.HALF_OPEN, False
        if probed or (not self._opened and self._failed >= FAILURES):
            self._opened += 1
            length = min(FIRST_S * 2.0 ** min(self._opened - 1, 10), MOST_S) * (0.75 + 0.5 * self._jitter())
            self._until = self._monotonic() + length

    def abandoned(self) -> None:
        """Take a question back that was never answered nor failed, such as one cut short by a shutdown."""
        self._probing = False
