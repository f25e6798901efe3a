"""A market in memory, with everything the port promises and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from decimal import Decimal

from investbot.domain.errors import DataError
from investbot.domain.facts import SourceEnded, Tick
from investbot.domain.market import Candle, Cursor, Instrument, Millis
from investbot.ports.prices import HearPrice
from investbot.ports.venue import MarketFact


class FakeVenue:
    """Gives out the candles it is made with, then whatever a test `put`s, until `finish` or `close`."""

    def __init__(self, candles: Iterable[Candle], instruments: Iterable[Instrument] = ()) -> None:
        self.candles = list(candles)
        self._instruments = {instrument.symbol: instrument for instrument in instruments}
        for candle in self.candles:
            plain = Instrument(candle.symbol, Decimal("0.01"), Decimal("0.00000001"))
            self._instruments.setdefault(candle.symbol, plain)
        self._opened: tuple[str, ...] = ()
        self._news: asyncio.Queue[MarketFact | None] = asyncio.Queue()
        self._now: Millis = 0
        self.polls = 0
        self.closed = False
        self.followed: frozenset[str] = frozenset()
        self._heard: HearPrice | None = None

    async def open(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        for symbol in symbols:
            if symbol not in self._instruments:
                raise DataError(f"The fake market has no {symbol}.")
        self._opened = tuple(symbols)
        return {symbol: self._instruments[symbol] for symbol in symbols}

    async def facts(self, anchors: Mapping[str, Millis], cursor: Cursor | None) -> AsyncIterator[MarketFact]:
        order = {symbol: place for place, symbol in enumerate(self._opened)}
        wanted = [
            candle
            for candle in self.candles
            if candle.symbol in order and candle.opened_at >= anchors.get(candle.symbol, 0)
        ]
        for candle in sorted(wanted, key=lambda candle: (candle.closed_at, order[candle.symbol])):
            self._now = candle.closed_at
            yield candle
        while (fact := await self._news.get()) is not None:
            self._now = max(self._now, fact.at)
            yield fact

    def put(self, *facts: MarketFact) -> None:
        """Let facts happen."""
        for fact in facts:
            self._news.put_nowait(fact)

    def finish(self, *, close: bool = True) -> None:
        """End the stream as a replay does."""
        last = max((candle.closed_at for candle in self.candles), default=0)
        self.put(SourceEnded(last, close))
        self._news.put_nowait(None)

    def follow(self, symbols: Collection[str], heard: HearPrice) -> None:
        self.followed, self._heard = frozenset(symbols) & frozenset(self._opened), heard

    def price(self, symbol: str, price: str) -> None:
        """Let a price be told, where somebody follows it."""
        if symbol in self.followed and self._heard is not None and not self.closed:
            self._heard(Tick(self._now, symbol, Decimal(price)))

    async def poll(self) -> None:
        self.polls += 1

    def now(self) -> Millis:
        return self._now

    def health(self) -> Mapping[str, str]:
        return {"source": "fake"}

    async def close(self) -> None:
        self.closed = True
        self._news.put_nowait(None)
