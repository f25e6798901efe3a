"""A clock that only a test moves."""

from __future__ import annotations

import asyncio


class HandClock:
    """Wall and monotonic time that stand still until `tick` or a `sleep` moves them."""

    def __init__(self, at: int = 1_700_000_010_000) -> None:
        self.at = at
        self.seconds = 100.0
        self.slept: list[float] = []

    def now(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def tick(self, millis: int) -> None:
        self.at += millis
        self.seconds += millis / 1000

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.tick(round(seconds * 1000))
        await asyncio.sleep(0)
