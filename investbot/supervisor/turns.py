"""Processes are made one after another, a little apart: a fleet that starts at once asks venue and disk at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Turns:
    """Gives turns at least `gap_s` seconds apart, each gap spread by ±`jitter` of it; who comes alone does not wait."""

    def __init__(
        self,
        now: Callable[[], float],
        chance: Callable[[], float],
        *,
        gap_s: float = 0.05,
        jitter: float = 0.5,
        first: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`now` reads monotonic seconds, `chance` gives numbers in [0, 1); before any turn `first` is waited for."""
        self._now = now
        self._chance = chance
        self._gap_s = gap_s
        self._jitter = jitter
        self._first = first
        self._next = now()

    async def take(self) -> None:
        """Wait for a turn."""
        if self._first is not None:
            await self._first()
        now = self._now()
        mine = max(now, self._next)
        self._next = mine + self._gap_s * (1 + self._jitter * (2 * self._chance() - 1))
        if mine > now:
            await asyncio.sleep(mine - now)
