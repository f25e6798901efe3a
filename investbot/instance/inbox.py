"""The one queue of an instance: market facts wait for room, everything else always gets in."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Inbox(Generic[Item]):
    """First in, first out: at most `bound` market facts wait here; operators and failures are never held back."""

    def __init__(self, bound: int) -> None:
        self._queue: asyncio.Queue[tuple[Item, bool]] = asyncio.Queue()
        self._room = asyncio.Semaphore(bound)
        self._coming = 0

    async def put(self, item: Item) -> None:
        """Put a market fact in, as soon as there is room for it."""
        self._coming += 1
        try:
            await self._room.acquire()
        except BaseException:
            self._coming -= 1
            raise
        self._queue.put_nowait((item, True))

    def put_now(self, item: Item) -> None:
        """Put anything else in, at once."""
        self._queue.put_nowait((item, False))

    async def get(self) -> Item:
        """Take the oldest item out, waiting for one."""
        item, from_market = await self._queue.get()
        if from_market:
            self._coming -= 1
            self._room.release()
        return item

    @property
    def market_waiting(self) -> int:
        """How many market facts are given out but not taken, those that wait for room included."""
        return self._coming

    @property
    def waiting(self) -> int:
        """How many items wait here."""
        return self._queue.qsize()

    def drain(self) -> list[Item]:
        """Take out all that is left, oldest first."""
        left: list[Item] = []
        while not self._queue.empty():
            left.append(self._queue.get_nowait()[0])
        return left
