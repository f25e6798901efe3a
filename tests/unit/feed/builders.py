"""Candles, and a market that does what tests say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from decimal import Decimal

from investbot.domain.errors import InvestBotError
from investbot.domain.facts import Tick
from investbot.domain.market import MINUTE, Bar, Candle, Cursor, Instrument, Millis, Timeframe
from investbot.ports.prices import HearPrice
from investbot.ports.venue import MarketFact

ONE = Timeframe.parse("1m")
BEGIN: Millis = 1_700_000_040_000 // MINUTE * MINUTE
BTC, ETH = "BTC/USDT", "ETH/USDT"


def candle(number: int, symbol: str = BTC, begin: Millis = BEGIN) -> Candle:
    """Give the candle that opens `number` minutes after `begin`, told apart by its prices."""
    low = Decimal(100) + abs(number) % 50
    prices = (low + 1, low + 2, low, low + Decimal("1.5"))
    opened, high, lowest, close = (price.quantize(Decimal("0.01")) for price in prices)
    bar = Bar(float(opened), float(high), float(lowest), float(close), 1.0 + number % 7)
    return Candle(symbol, ONE, begin + number * MINUTE, opened, high, lowest, close, bar)


def candles(first: int, end: int, symbol: str = BTC) -> list[Candle]:
    return [candle(number, symbol) for number in range(first, end)]


class Market:
    """A market at the other end of any number of venues; `at` is its time in milliseconds.

    The newest `missing` candles that closed are not to be had; a stream begins `repeats` candles early.
    """

    def __init__(self, closed: int = 1000) -> None:
        self.closed = closed
        self.missing = 0
        self.repeats = 0
        self.opened = 0
        self.polls = 0
        self.live: list[MarketVenue] = []
        self.refusal: InvestBotError | None = None
        self.breaks: InvestBotError | None = None
        self.told_health: dict[str, str] = {}

    @property
    def at(self) -> Millis:
        return BEGIN + self.closed * MINUTE + 2000

    def venue(self) -> MarketVenue:
        return MarketVenue(self)

    def close_bars(self, count: int = 1) -> None:
        """Let time pass to the close of so many more bars, and tell those who listen."""
        for _ in range(count):
            self.closed += 1
            for venue in self.live:
                venue.news.set()

    def price(self, price: str, symbol: str = BTC) -> None:
        """Tell a price to every venue that follows it."""
        for venue in self.live:
            if symbol in venue.followed and venue.heard is not None:
                venue.heard(Tick(self.at, symbol, Decimal(price)))

    def fail(self, error: InvestBotError) -> None:
        """Break every stream that is open."""
        self.breaks = error
        for venue in self.live:
            venue.news.set()


class MarketVenue:
    """A venue on such a market."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.news = asyncio.Event()
        self.closes = 0
        self.symbols: tuple[str, ...] = ()
        self.followed: frozenset[str] = frozenset()
        self.heard: HearPrice | None = None

    async def open(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        if self.market.refusal is not None:
            raise self.market.refusal
        self.market.opened += 1
        self.symbols = tuple(symbols)
        return {symbol: Instrument(symbol, Decimal("0.01"), Decimal("0.00001"), Decimal(5)) for symbol in symbols}

    async def facts(self, anchors: Mapping[str, Millis], cursor: Cursor | None) -> AsyncIterator[MarketFact]:
        market = self.market
        numbers = {symbol: (anchors[symbol] - BEGIN) // MINUTE - market.repeats for symbol in self.symbols}
        market.live.append(self)
        try:
            while not self.closes:
                self.news.clear()
                if market.breaks is not None:
                    error, market.breaks = market.breaks, None
                    raise error
                while min(numbers.values()) < market.closed - market.missing:
                    symbol = min(numbers, key=lambda name: (numbers[name], self.symbols.index(name)))
                    numbers[symbol] += 1
                    yield candle(numbers[symbol] - 1, symbol)
                await self.news.wait()
        finally:
            market.live.remove(self)

    def follow(self, symbols: Collection[str], heard: HearPrice) -> None:
        self.followed, self.heard = frozenset(symbols), heard

    async def poll(self) -> None:
        self.market.polls += 1

    def now(self) -> Millis:
        return self.market.at

    def health(self) -> Mapping[str, str]:
        return dict(self.market.told_health)

    async def close(self) -> None:
        self.closes += 1
        self.news.set()


async def until(check: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until a callable is true."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "waited too long"
        await asyncio.sleep(0.002)
