"""Waiting that a test can hurry: pauses that grow, with jitter, by a monotonic clock and never by the venue's."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """How a host waits: `sleep` takes seconds, `monotonic` tells them, `jitter` gives 0..1."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    monotonic: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random

    async def either(self, event: asyncio.Event, seconds: float) -> bool:
        """Wait for `event`, at most so many seconds; tell whether it came."""
        if not event.is_set():
            both = (asyncio.ensure_future(event.wait()), asyncio.ensure_future(self.sleep(seconds)))
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in both:
                    each.cancel()
                await asyncio.wait(both)
        return event.is_set()


class Pauses:
    """Pauses in seconds that double from `first_s` to `most_s`, each 25 % shorter or longer by chance."""

    def __init__(self, pace: Pace, first_s: float, most_s: float) -> None:
        self._pace = pace
        self._first_s = first_s
        self._most_s = most_s
        self._next_s = first_s

    def next(self) -> float:
        """Give the next pause in seconds."""
        now_s, self._next_s = self._next_s, min(self._next_s * 2, self._most_s)
        return now_s * (0.75 + 0.5 * self._pace.jitter())

    def reset(self) -> None:
        """Begin again with the shortest."""
        self._next_s = self._first_s


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a host waits, all by the wall, in seconds.

    `absent_s` (at least) is how long an order must be unknown to the venue to count as never accepted;
    `entry_s` how long an entry may wait to be sent before it is given up; `poll_s` and `calm_poll_s` lie between two
    looks at resting orders, without and with a stream; `reconcile_s` between two comparisons of everything;
    `lost_s` is how long the venue may fail before entries pause.
    """

    absent_s: float = 10.0
    entry_s: float = 5.0
    poll_s: float = 3.0
    calm_poll_s: float = 30.0
    reconcile_s: float = 180.0
    lost_s: float = 10.0


class Turns:
    """Lets tasks wait until something they can check has come true."""

    def __init__(self) -> None:
        self._turn = asyncio.Event()

    def stir(self) -> None:
        """Say that something has changed."""
        turn, self._turn = self._turn, asyncio.Event()
        turn.set()

    async def until(self, check: Callable[[], bool]) -> None:
        """Wait until `check` is true."""
        while not check():
            await self._turn.wait()
