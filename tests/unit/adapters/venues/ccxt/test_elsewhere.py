"""Candles from other exchanges, and from the market cache, while the own one shows none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from investbot.adapters.history.candle_cache import CandleCache
from investbot.adapters.venues.ccxt.connection import Connection
from investbot.adapters.venues.ccxt.elsewhere import Source
from investbot.adapters.venues.ccxt.venue import CcxtVenue
from investbot.domain.facts import DataFresh, DataStale
from investbot.domain.market import MINUTE, Candle, Quality, Timeframe
from investbot.ports.venue import MarketFact
from tests.exchange.clock import HandClock
from tests.exchange.server import LoopbackExchange

ONE = Timeframe.parse("1m")
BTC, ETH = "BTC/USDT", "ETH/USDT"
NOW = 1_700_000_050_000


@dataclass
class Desk:
    """A venue, its own exchange, another one, and what came."""

    own: LoopbackExchange
    other: LoopbackExchange
    clock: HandClock
    venue: CcxtVenue
    facts: list[MarketFact] = field(default_factory=list)

    async def minute(self, times: int = 1) -> list[MarketFact]:
        before = len(self.facts)
        for _ in range(times):
            self.clock.tick(MINUTE)
            await self.venue.poll()
        await asyncio.sleep(0.01)
        return self.facts[before:]


@asynccontextmanager
async def desk(store: CandleCache | None = None, symbol: str = BTC, timeframe: Timeframe = ONE) -> AsyncIterator[Desk]:
    clock = HandClock(NOW)
    async with LoopbackExchange(clock.now) as own, LoopbackExchange(clock.now) as other:
        connection = Connection("binanceus", other.settings(), clock, lambda: 0.5)
        venue = CcxtVenue(
            "binance",
            timeframe,
            clock,
            settings=own.settings(),
            sources=[Source(connection, {BTC: symbol})],
            store=store,
            warmup=3,
            stale_after_ms=3 * MINUTE,
            sleep=clock.sleep,
            jitter=lambda: 0.5,
        )
        it = Desk(own, other, clock, venue)
        await venue.open([BTC])

        async def read() -> None:
            async for fact in venue.facts({}, None):
                it.facts.append(fact)

        reading = asyncio.ensure_future(read())
        for _ in range(5000):
            if venue._release is not None:
                break
            await asyncio.sleep(0.002)
        try:
            yield it
        finally:
            await venue.close()
            await reading


def candles(facts: list[MarketFact]) -> list[tuple[int, Quality]]:
    return [((fact.opened_at - NOW) // MINUTE + 1, fact.quality) for fact in facts if isinstance(fact, Candle)]


async def test_another_exchange_is_asked_when_a_candle_is_overdue_and_then_at_once() -> None:
    async with desk() as it:
        assert candles(await it.minute()) == [(0, Quality.GOOD)]
        assert it.venue.health()["sources"] == "binanceus, market cache"
        it.own.fail("503", times=1000)
        assert candles(await it.minute(2)) == []
        assert it.other.requests == []
        assert candles(await it.minute()) == [(1, Quality.LATE), (2, Quality.LATE), (3, Quality.GOOD)]
        assert it.venue.health()["source BTC/USDT"] == "binanceus"
        assert candles(await it.minute()) == [(4, Quality.GOOD)]
        it.own._faults.clear()
        it.clock.tick(MINUTE)
        assert candles(await it.minute())[-1] == (6, Quality.GOOD)
        assert candles(await it.minute()) == [(7, Quality.GOOD)]
        assert "source BTC/USDT" not in it.venue.health()
        assert not any(isinstance(fact, DataStale) for fact in it.facts)


async def test_where_nobody_has_fresh_candles_the_market_is_stale_until_somebody_has() -> None:
    async with desk() as it:
        it.own.fail("503", times=1000)
        it.other.fail("503", times=1000)
        facts = await it.minute(6)
        assert [type(fact) for fact in facts] == [DataStale]
        assert "503" in it.venue.health()["source binanceus"]
        it.other._faults.clear()
        facts = await it.minute(2)
        assert any(isinstance(fact, DataFresh) for fact in facts)
        assert len(candles(facts)) == 8


async def test_a_source_without_the_market_is_asked_once_and_says_so() -> None:
    async with desk(symbol="NOPE/USDT") as it:
        it.own.fail("503", times=1000)
        await it.minute(4)
        asked = len(it.other.requests)
        await it.minute(4)
        assert len(it.other.requests) == asked
        assert "has no market NOPE/USDT" in it.venue.health()["source binanceus"]


async def test_the_market_cache_comes_last(tmp_path: Path) -> None:
    cache = CandleCache(tmp_path)
    async with desk(cache, symbol="NOPE/USDT") as it:
        it.own.fail("503", times=1000)
        opened_at = NOW // MINUTE * MINUTE
        cache.keep(BTC, ONE, opened_at, opened_at + 2 * MINUTE, [(opened_at, 60000.0, 60001.0, 59999.0, 60000.5, 1.0)])
        facts = await it.minute(4)
        assert next(fact.opened_at for fact in facts if isinstance(fact, Candle)) == opened_at
        assert it.venue.health()["source BTC/USDT"] == "market cache"
