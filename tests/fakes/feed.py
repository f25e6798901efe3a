"""A feed in memory that comes, goes and falls behind as tests say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal

from investbot.domain.errors import InvestBotError
from investbot.domain.facts import Tick
from investbot.domain.market import MINUTE, Candle, Instrument, Millis
from investbot.ports.prices import HearPrice
from tests.unit.feed.builders import BEGIN, Market, candle


class FakeFeed:
    """Serves a market's candles while `there`; it knows them up to `behind` bars before the newest."""

    def __init__(self, market: Market, *, there: bool = True) -> None:
        self.market = market
        self.there = there
        self.behind = 0
        self.first = BEGIN
        self.trouble = ""
        self.refusal: InvestBotError | None = None
        self.asked = 0
        self.breaks_when_asked = False
        self.closes = 0
        self.tells_prices = True
        self.followed: frozenset[str] = frozenset()
        self._heard: HearPrice | None = None
        self._known: Millis | None = None
        self._woken: Callable[[], None] = lambda: None

    @property
    def up(self) -> bool:
        return self.there

    def come(self) -> None:
        self.there = True
        self._woken()

    def go(self) -> None:
        self.there = False
        self._woken()

    def wake(self) -> None:
        self._woken()

    async def open(self, symbols: Sequence[str], woken: Callable[[], None]) -> Mapping[str, Instrument] | None:
        self._woken = woken
        if self.refusal is not None:
            raise self.refusal
        if not self.there:
            return None
        return {symbol: Instrument(symbol, Decimal("0.01"), Decimal("0.00001"), Decimal(5)) for symbol in symbols}

    def follow(self, symbols: Collection[str], heard: HearPrice) -> None:
        self.followed, self._heard = frozenset(symbols), heard

    def price(self, symbol: str, price: str) -> None:
        """Let a price be told, where somebody follows it and the feed is there."""
        if self.there and not self.closes and symbol in self.followed and self._heard is not None:
            self._heard(Tick(self.market.at, symbol, Decimal(price)))

    def first_at(self, symbol: str) -> Millis:
        return self.first if self.there else 1 << 62

    async def candles(self, symbol: str, since: Millis) -> Sequence[Candle] | None:
        self.asked += 1
        if self.breaks_when_asked:
            self.breaks_when_asked, self.there = False, False
        if not self.there or since < self.first:
            return None
        end = self.market.closed - self.behind
        return [candle(number, symbol) for number in range((since - BEGIN) // MINUTE, end)]

    def now(self) -> Millis | None:
        if self.there:
            self._known = self.market.at
        return None if self._known is None else self.market.at

    def health(self) -> Mapping[str, str]:
        return {"feed": "serves" if self.there else "away"}

    async def close(self) -> None:
        self.closes += 1
