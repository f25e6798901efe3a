"""Prices between two closes, by the real class of an exchange over loopback sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from investbot.adapters.venues.ccxt.followed_prices import QUIET_S
from investbot.adapters.venues.ccxt.price_source import PriceSource
from investbot.adapters.venues.ccxt.venue import CcxtVenue
from investbot.domain.facts import Tick
from investbot.domain.market import SECOND
from tests.exchange.bars import listed
from tests.exchange.book import ladder
from tests.exchange.clock import HandClock
from tests.exchange.exchange import Exchange
from tests.unit.adapters.venues.ccxt.test_candle_stream import ONE, START, until

BTC = "BTC/USDT"


@dataclass
class Desk:
    """A venue that has read its past; only the test moves the clock of both."""

    exchange: Exchange
    clock: HandClock
    venue: CcxtVenue
    ticks: list[Tick] = field(default_factory=list)
    heard_at: list[float] = field(default_factory=list)

    def hear(self, tick: Tick) -> None:
        self.ticks.append(tick)
        self.heard_at.append(self.clock.seconds)

    def follow(self, *symbols: str) -> None:
        self.venue.follow(symbols, self.hear)

    async def moved(self, seconds: float, step: float = 0.5) -> None:
        """Let time pass and look, as the scheduler does."""
        for _ in range(round(seconds / step)):
            self.clock.tick(round(step * 1000))
            await asyncio.sleep(0.03)
            await self.venue.poll()

    async def until(self, check: Any, step: float = 0.5) -> None:
        for _ in range(600):
            if check():
                return
            await self.moved(step, step)
        raise AssertionError("it never happened")

    def asked(self) -> int:
        return self.exchange.core.requests.get("GET ticker/24hr", 0)

    def subscribed(self) -> list[str]:
        sockets = self.exchange.streams._sockets
        return sorted(name for socket in sockets for name in socket.streams if "ticker" in name.lower())

    def bid_at(self, at: int) -> Decimal:
        core = self.exchange.core
        return ladder(core.path, listed("BTCUSDT"), at, "bid", core.rules)[0][0]

    @property
    def health(self) -> dict[str, str]:
        return dict(self.venue.health())


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[Desk]:
    clock = HandClock(START + 20 * SECOND)

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0.01)

    async with Exchange(seed=7, now=clock.now) as exchange:
        settings = exchange.settings() | {"timeout": 2000, "timeout_on_exit": 1} | options
        venue = CcxtVenue("binance", ONE, clock, settings=settings, warmup=3, sleep=sleep, jitter=lambda: 0.5)
        desk = Desk(exchange, clock, venue)
        facts: list[Any] = []
        await venue.open([BTC, "ETH/USDT"])

        async def read() -> None:
            async for fact in venue.facts({}, None):
                facts.append(fact)  # noqa: PERF401 - it is looked at meanwhile

        reading = asyncio.ensure_future(read())
        await until(lambda: len(facts) == 6)
        try:
            yield desk
        finally:
            await venue.close()
            await venue.close()
            await reading


POLLING = {"options": {"capabilities": {"price_stream": ""}}}


async def test_nothing_is_followed_that_nobody_wants() -> None:
    async with opened() as desk:
        await desk.moved(5)
        assert (desk.subscribed(), desk.asked(), desk.ticks) == ([], 0, [])
        assert "prices" not in desk.health
        desk.follow("DOGE/USDT")
        await desk.moved(5)
        assert (desk.subscribed(), desk.asked(), desk.ticks) == ([], 0, [])


@pytest.mark.parametrize("stream", ["watch_ticker", "watch_bids_asks", "watch_trades"])
async def test_prices_come_by_stream_at_most_one_a_second(stream: str) -> None:
    async with opened(options={"capabilities": {"price_stream": stream}}) as desk:
        desk.follow(BTC)
        await desk.until(lambda: len(desk.ticks) >= 5, 0.25)
        assert {tick.symbol for tick in desk.ticks} == {BTC}
        assert desk.asked() == 0
        assert desk.health["prices"] == "stream"
        gaps = [later - earlier for earlier, later in pairwise(desk.heard_at)]
        assert min(gaps) >= 1.0
        assert max(gaps) < 5.0
        assert all(abs(tick.price / desk.bid_at(tick.at) - 1) < Decimal("0.01") for tick in desk.ticks)
        assert [tick.at for tick in desk.ticks] == sorted(tick.at for tick in desk.ticks)


async def test_the_price_is_what_a_sale_brings() -> None:
    async with opened() as desk:
        desk.follow(BTC)
        await desk.until(lambda: len(desk.ticks) >= 4)
        for tick in desk.ticks:
            assert tick.price in {desk.bid_at(tick.at - seconds * SECOND) for seconds in range(5)}
            assert tick.price % Decimal("0.01") == 0


async def test_when_nobody_wants_it_any_more_the_venue_is_told() -> None:
    async with opened() as desk:
        desk.follow(BTC)
        await desk.until(lambda: desk.ticks)
        assert len(desk.subscribed()) == 1
        desk.follow()
        await desk.until(lambda: not desk.subscribed())
        count = len(desk.ticks)
        await desk.moved(10)
        assert (len(desk.ticks), desk.asked()) == (count, 0)
        desk.follow(BTC)
        await desk.until(lambda: len(desk.ticks) >= count + 2)
        assert desk.health["prices"] == "stream"


async def test_without_a_stream_it_is_asked_every_few_seconds() -> None:
    async with opened(**POLLING) as desk:
        desk.follow(BTC)
        await desk.moved(9.5)
        assert 3 <= desk.asked() <= 4
        assert len(desk.ticks) == desk.asked()
        assert desk.subscribed() == []
        assert desk.health["prices"] == "polling"
        desk.follow()
        await desk.moved(9)
        assert desk.asked() <= 4


async def test_a_silent_stream_is_stood_in_for_and_believed_again() -> None:
    async with opened() as desk:
        desk.follow(BTC)
        await desk.until(lambda: desk.ticks)
        desk.exchange.admin.streams("lose", channel="market", count=100_000)
        await desk.until(lambda: desk.asked() >= 2)
        assert desk.health["prices"] == "polling"
        count = len(desk.ticks)
        desk.exchange.admin.clear()
        await desk.until(lambda: desk.health["prices"] == "stream" and len(desk.ticks) > count + 1)
        asked = desk.asked()
        await desk.moved(5)
        assert desk.asked() == asked


async def test_a_dropped_socket_is_stood_in_for_at_once_and_comes_back() -> None:
    async with opened() as desk:
        desk.follow(BTC)
        await desk.until(lambda: desk.ticks)
        count, dropped_at = len(desk.ticks), desk.clock.seconds
        desk.exchange.admin.streams("drop", channel="market")
        await until(lambda: desk.venue._prices._lines[BTC].heard_at is None)
        await desk.venue.poll()
        await until(lambda: desk.asked() == 1)
        assert desk.clock.seconds - dropped_at < QUIET_S
        await desk.until(lambda: len(desk.ticks) >= count + 3)
        await desk.until(lambda: desk.health["prices"] == "stream")


async def test_a_venue_that_does_not_answer_is_asked_less_and_less_and_its_candles_go_on() -> None:
    async with opened(**POLLING) as desk:
        desk.exchange.faults.add(endpoint="GET ticker/24hr", kind="500", count=None)
        desk.follow(BTC)
        await desk.moved(40)
        assert desk.ticks == []
        assert 3 <= desk.asked() <= 9
        assert "price_error" in desk.health
        assert desk.health["circuit"] == "closed"


async def test_a_price_far_from_the_last_close_is_dropped() -> None:
    async with opened() as desk:
        desk.follow(BTC)
        await desk.until(lambda: desk.ticks)
        desk.exchange.admin.price(symbol="BTCUSDT", factor=1.6)
        await desk.moved(3)
        before = desk.ticks[0].price
        assert all(tick.price < before * Decimal("1.1") for tick in desk.ticks)
        assert int(desk.health["prices_wild"]) >= 1
        await desk.until(lambda: desk.ticks[-1].price > before * Decimal("1.5"), 5)  # a close has told the same


async def test_a_second_wish_replaces_the_first() -> None:
    async with opened() as desk:
        desk.follow(BTC)
        desk.follow("ETH/USDT")
        await desk.until(lambda: len(desk.ticks) >= 3)
        assert {tick.symbol for tick in desk.ticks} == {"ETH/USDT"}
        desk.follow(BTC, "ETH/USDT")
        await desk.until(lambda: {tick.symbol for tick in desk.ticks} == {BTC, "ETH/USDT"})


async def test_a_venue_without_tickers_is_not_asked_and_one_that_takes_nothing_back_is_not_told() -> None:
    class Plain:
        def __init__(self) -> None:
            self.has: dict[str, bool] = {}
            self.streaming: dict[str, Any] = {}

        async def watch_ticker(self, symbol: str, params: dict[str, str]) -> dict[str, str]:
            await asyncio.sleep(0.01)
            return {"bid": "1"}

    async def ask(symbol: str) -> object:
        raise AssertionError

    heard: list[Any] = []
    source = PriceSource(Plain(), "watch_ticker", ask, lambda: 1.0, sleep=asyncio.sleep, jitter=lambda: 0.5)
    assert not source.asks
    watching = source.watch(BTC, lambda *told: heard.append(told))
    assert watching is not None
    await until(lambda: bool(heard))
    await source.leave(BTC, watching)
    assert not watching.alive
