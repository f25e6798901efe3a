"""Several series as one stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from heapq import heapify, heappop, heapreplace
from typing import Protocol

from investbot.domain.market import Candle, Millis


class Source(Protocol):
    """One ascending series, read a piece at a time."""

    def ready(self) -> Candle | None:
        """Take the next candle if it is in memory."""
        ...

    async def next(self) -> Candle | None:
        """Fetch the next piece and take its first candle; None at the end."""
        ...


async def merged(sources: Sequence[Source]) -> AsyncIterator[tuple[int, Candle]]:
    """Merge series by closing time and then by their order; each candle comes with the place of its series."""
    heap: list[tuple[Millis, int, Candle]] = []
    for place, source in enumerate(sources):
        candle = await source.next()
        if candle is not None:
            heap.append((candle.closed_at, place, candle))
    heapify(heap)
    while heap:
        _, place, candle = heap[0]
        yield place, candle
        following = sources[place].ready() or await sources[place].next()
        if following is None:
            heappop(heap)
        else:
            heapreplace(heap, (following.closed_at, place, following))
