"""A made-up market for machines without a network: seeded, with trends, bursts of volatility, and jumps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import count, islice
from math import floor, log10

from investbot.adapters.venues.instruments import InstrumentRules
from investbot.adapters.venues.pacing import Pacer, Sleep
from investbot.adapters.venues.synthetic_walk import walk
from investbot.domain.errors import DataError
from investbot.domain.facts import SourceEnded
from investbot.domain.market import Bar, Candle, Cursor, Instrument, Millis, Timeframe
from investbot.ports.venue import MarketFact

EPOCH: Millis = 1_704_067_200_000
"""2024-01-01T00:00:00Z, where synthetic time begins unless it is said otherwise."""
START_PRICES = {"BTC": 60_000.0, "ETH": 3_000.0, "BNB": 600.0, "SOL": 150.0, "XRP": 2.0, "DOGE": 0.2}
DEFAULT_PRICE = 100.0
DEFAULT_RULES = InstrumentRules()


class SyntheticVenue:
    """Makes the same candles for the same seed and symbol, whatever the speed and however often it is restarted.

    `candles` bounds each symbol's series (None = endless); `speed` is candles a real second (0 = as fast as it goes);
    `first_at` is when the first bar opens (milliseconds, put back onto the timeframe); every series begins at `price`
    (quote per base) and moves by about `volatility` a bar (a fraction), None = as usual for the symbol. After a
    restart the series is made again from its beginning: some two seconds for 200,000 candles.
    """

    def __init__(
        self,
        timeframe: Timeframe,
        *,
        seed: int = 1,
        candles: int | None = None,
        speed: float = 60.0,
        close_at_end: bool = True,
        first_at: Millis = EPOCH,
        price: Decimal | None = None,
        volatility: Decimal | None = None,
        rules: InstrumentRules = DEFAULT_RULES,
        sleep: Sleep = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timeframe = timeframe
        self._seed = seed
        self._candles = candles
        self._close_at_end = close_at_end
        self._first_at = first_at // timeframe.ms * timeframe.ms
        self._price = None if price is None else float(price)
        self._volatility = None if volatility is None else float(volatility)
        self._rules = rules
        self._pacer = Pacer(speed, monotonic)
        self._sleep = sleep
        self._instruments: dict[str, Instrument] = {}
        self._now = self._first_at

    async def open(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Invent an instrument for every symbol; DataError for a text that is none."""
        for symbol in symbols:
            base, _, quote = symbol.partition("/")
            if not (base and quote):
                raise DataError(
                    f"The synthetic market has no symbol {symbol}; write it as BASE/QUOTE, such as BTC/USDT."
                )
        self._instruments = {
            symbol: self._rules.instrument(symbol, usual_tick(self._start(symbol))) for symbol in symbols
        }
        return dict(self._instruments)

    async def facts(self, anchors: Mapping[str, Millis], cursor: Cursor | None) -> AsyncIterator[MarketFact]:
        """Stream the series from their anchors on; nothing is paced up to and including `cursor`."""
        order = {symbol: place for place, symbol in enumerate(self._instruments)}
        known = (-1, 0) if cursor is None else (cursor.opened_at, order.get(cursor.symbol, len(order)))
        series = [self._series(instrument) for instrument in self._instruments.values()]
        first = [anchors.get(symbol, self._first_at) for symbol in self._instruments]
        for _ in islice(count(), self._candles):
            for place, candles in enumerate(series):
                candle = next(candles)
                wanted = candle.opened_at >= first[place]
                paced = wanted and (candle.opened_at, place) > known
                delay = self._pacer.delay() if paced else self._pacer.skip()
                if delay is not None:
                    await self._sleep(delay)
                if wanted:
                    self._now = candle.closed_at
                    yield candle
        yield SourceEnded(self._now, self._close_at_end)

    def _series(self, instrument: Instrument) -> Iterator[Candle]:
        symbol, timeframe, tick = instrument.symbol, self._timeframe, instrument.tick
        step = float(tick)
        opened_at = self._first_at
        for *prices, volume in walk(self._seed, symbol, self._start(symbol), timeframe.ms, self._volatility):
            opened, high, low, close = (max(round(price / step), 1) * tick for price in prices)
            bar = Bar(float(opened), float(high), float(low), float(close), volume)
            yield Candle(symbol, timeframe, opened_at, opened, high, low, close, bar)
            opened_at += timeframe.ms

    def _start(self, symbol: str) -> float:
        return start_price(symbol) if self._price is None else self._price

    async def poll(self) -> None:
        """Do nothing: the series is made as it is read."""

    def now(self) -> Millis:
        """The close of the last candle given out; before it, the opening of the first one."""
        return self._now

    def health(self) -> Mapping[str, str]:
        """Name the seed and the length of the series."""
        return {
            "source": f"synthetic, seed {self._seed}",
            "candles": "endless" if self._candles is None else str(self._candles),
        }

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""


def start_price(symbol: str) -> float:
    """Choose where the series of a symbol begins (quote per base)."""
    return START_PRICES.get(symbol.partition("/")[0], DEFAULT_PRICE)


def usual_tick(price: float) -> Decimal:
    """Choose a tick of about a ten-thousandth of the price, never coarser than a cent."""
    return Decimal(1).scaleb(min(-2, floor(log10(price)) - 4))
