"""How fast stored candles are given out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from investbot.domain.errors import ConfigError

Sleep = Callable[[float], Awaitable[None]]
EVERY = 200
"""Candles between two breaths of the event loop where none has to be waited for."""
SHORTEST_S = 0.002
"""Seconds worth sleeping; shorter waits are added up."""


class Pacer:
    """Holds `speed` candles a real second by a monotonic clock, without drift; 0 is as fast as it goes.

    `delay` is asked before each candle: seconds to sleep, or None to go on at once.
    """

    def __init__(self, speed: float, monotonic: Callable[[], float]) -> None:
        if not 0 <= speed < float("inf"):
            raise ConfigError(f"The speed of a replay is {speed}, but it must be 0 (as fast as it goes) or more.")
        self._speed = speed
        self._monotonic = monotonic
        self._began: float | None = None
        self._given = 0
        self._unbroken = 0

    def skip(self) -> float | None:
        """Let a candle through that only rebuilds what was known: a breath now and then, no waiting."""
        self._unbroken += 1
        if self._unbroken < EVERY:
            return None
        self._unbroken = 0
        return 0.0

    def delay(self) -> float | None:
        """Tell how long to sleep before the next candle."""
        if self._speed:
            if self._began is None:
                self._began = self._monotonic()
            due = self._began + self._given / self._speed
            self._given += 1
            wait = due - self._monotonic()
            if wait >= SHORTEST_S:
                self._unbroken = 0
                return wait
        return self.skip()
