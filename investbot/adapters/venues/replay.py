"""Candle files as a market: the past, at any speed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from investbot.adapters.venues.candle_file import DEFAULT_RULES, CandleFile
from investbot.adapters.venues.instruments import InstrumentRules
from investbot.adapters.venues.merging import merged
from investbot.adapters.venues.pacing import Pacer, Sleep
from investbot.domain.errors import DataError
from investbot.domain.facts import SourceEnded
from investbot.domain.market import Candle, Cursor, Instrument, Millis, Timeframe
from investbot.domain.schedule import Schedule, Told
from investbot.ports.venue import MarketFact


class ReplayVenue:
    """Gives out the candles of one or several files, merged by closing time and then by the order of symbols.

    `files` names the file of each symbol; `speed` is candles a real second (0 = as fast as it goes);
    `close_at_end` travels with the SourceEnded fact that follows the last candle; `told` are facts of that time, each
    given out in its moment between the candles.
    """

    def __init__(
        self,
        files: Mapping[str, Path],
        timeframe: Timeframe,
        *,
        speed: float = 60.0,
        close_at_end: bool = True,
        rules: InstrumentRules = DEFAULT_RULES,
        told: Sequence[Told] = (),
        sleep: Sleep = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files = {symbol: CandleFile(path, symbol, timeframe, rules) for symbol, path in files.items()}
        self._names = ", ".join(path.name for path in files.values())
        self._close_at_end = close_at_end
        self._timeframe = timeframe
        self._told = told
        self._pacer = Pacer(speed, monotonic)
        self._sleep = sleep
        self._opened: tuple[str, ...] = ()
        self._now: Millis = 0

    async def open(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Check every file whole; DataError names the line that cannot be trusted."""
        for symbol in symbols:
            if symbol not in self._files:
                known = ", ".join(self._files) or "none"
                raise DataError(f"The replay has no candle file for {symbol}; it has {known}: see venue.replay.files.")
        instruments = {symbol: await asyncio.to_thread(self._files[symbol].check) for symbol in symbols}
        self._opened = tuple(symbols)
        self._now = min((self._files[symbol].first_opened_at for symbol in symbols), default=0)
        return instruments

    async def facts(self, anchors: Mapping[str, Millis], cursor: Cursor | None) -> AsyncIterator[MarketFact]:
        """Stream the files from their anchors on; nothing is paced up to and including `cursor`."""
        order = {symbol: place for place, symbol in enumerate(self._opened)}
        known = (-1, 0)
        if cursor is not None:
            known = (cursor.opened_at, order.get(cursor.symbol, len(order)))
        # What was told since the cursor's close may have been worked on or not: its name says so to the engine.
        told = Schedule(self._told, known[0] + self._timeframe.ms if cursor is not None else 0)
        sources = [_Source(self._files[symbol].candles(anchors.get(symbol))) for symbol in self._opened]
        try:
            async for place, candle in merged(sources):
                delay = self._pacer.skip() if (candle.opened_at, place) <= known else self._pacer.delay()
                if delay is not None:
                    await self._sleep(delay)
                for fact in told.before(candle.closed_at):
                    yield fact
                self._now = candle.closed_at
                yield candle
        finally:
            for source in sources:
                source.close()
        for fact in told.before(self._now + 1):
            yield fact
        yield SourceEnded(self._now, self._close_at_end)

    async def poll(self) -> None:
        """Do nothing: a file has no news."""

    def now(self) -> Millis:
        """The close of the last candle given out; before it, the opening of the first one."""
        return self._now

    def health(self) -> Mapping[str, str]:
        """Name the files, how many candles they hold, and what was odd in them."""
        files = [self._files[symbol] for symbol in self._opened]
        facts = {"source": f"replay of {self._names}", "candles": str(sum(file.rows for file in files))}
        warnings = [warning for file in files for warning in file.warnings]
        return facts | ({"warnings": "; ".join(warnings)} if warnings else {})

    async def close(self) -> None:
        """Do nothing: each stream closes its own files."""


class _Source:
    """Candles of one file, read a block at a time in a thread so that the event loop never waits for a disk."""

    def __init__(self, blocks: Generator[list[Candle], None, None]) -> None:
        self._blocks = blocks
        self._block: list[Candle] = []
        self._at = 0

    def ready(self) -> Candle | None:
        """Take the next candle if it is in memory."""
        if self._at < len(self._block):
            self._at += 1
            return self._block[self._at - 1]
        return None

    async def next(self) -> Candle | None:
        """Read the next block and take its first candle; None at the end."""
        self._block = await asyncio.to_thread(next, self._blocks, [])
        self._at = 0
        return self.ready()

    def close(self) -> None:
        """Close the file."""
        with suppress(ValueError):  # a cancelled stream may leave its thread in the middle of a block
            self._blocks.close()
