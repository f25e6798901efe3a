"""What every market that tells prices between two closes promises, shown on each of them and on its fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Protocol

import pytest

from investbot.adapters.venues.ccxt.venue import CcxtVenue
from investbot.adapters.venues.fed import FedVenue
from investbot.adapters.venues.replay import ReplayVenue
from investbot.adapters.venues.synthetic import SyntheticVenue
from investbot.bootstrap.live import WatchedVenue
from investbot.domain.facts import Tick
from investbot.domain.market import Bar, Candle, Instrument, Timeframe
from investbot.ports.prices import Prices
from investbot.ports.venue import Venue
from tests.exchange.clock import HandClock
from tests.exchange.exchange import Exchange
from tests.fakes.feed import FakeFeed
from tests.fakes.venue import FakeVenue
from tests.unit.adapters.venues.files import START
from tests.unit.feed.builders import Market

BTC, ETH = "BTC/USDT", "ETH/USDT"
ONE = Timeframe.parse("1m")


class Told(Venue, Prices, Protocol):
    """A venue that tells prices too."""


@dataclass
class Stand:
    """A venue that is open and read; `nudge` lets a quarter of a second pass in which prices change."""

    venue: Told
    instruments: Mapping[str, Instrument]
    nudge: Callable[[int], None]
    clock: HandClock
    ticks: list[Tick] = field(default_factory=list)
    heard_at: dict[str, list[float]] = field(default_factory=lambda: {BTC: [], ETH: []})

    def hear(self, tick: Tick) -> None:
        self.ticks.append(tick)
        self.heard_at[tick.symbol].append(self.clock.seconds)

    async def passes(self, seconds: float) -> None:
        for number in range(round(seconds * 4)):
            self.clock.tick(250)
            self.nudge(number)
            await asyncio.sleep(0.02)
            await self.venue.poll()

    async def until(self, check: Callable[[], object]) -> None:
        for _ in range(200):
            if check():
                return
            await self.passes(1)
        raise AssertionError("it never happened")


@asynccontextmanager
async def reading(stand: Stand) -> AsyncIterator[Stand]:
    async def read() -> None:
        async for _ in stand.venue.facts({}, None):
            pass

    task = asyncio.create_task(read())
    await asyncio.sleep(0.05)
    try:
        yield stand
    finally:
        await stand.venue.close()
        await asyncio.wait((task,))


def nothing(_number: int) -> None:
    """Leave the market to itself."""


@asynccontextmanager
async def exchange(options: Mapping[str, object], symbols: Sequence[str] = (BTC, ETH)) -> AsyncIterator[Stand]:
    clock = HandClock()
    async with Exchange(seed=7, now=clock.now) as there:
        settings = there.settings() | {"timeout": 2000, "timeout_on_exit": 1, "options": {"capabilities": options}}
        venue = CcxtVenue("binance", ONE, clock, settings=settings, warmup=3)
        instruments = await venue.open(symbols)
        async with reading(Stand(venue, instruments, nothing, clock)) as stand:
            yield stand


def stream() -> AbstractAsyncContextManager[Stand]:
    return exchange({})


def polling() -> AbstractAsyncContextManager[Stand]:
    return exchange({"price_stream": ""})


@asynccontextmanager
async def fed() -> AsyncIterator[Stand]:
    """A venue whose feed tells prices; it tells one a second, as the promise of a feed is that of its venue."""
    market = Market()
    clock, feed = HandClock(market.at), FakeFeed(market)

    def nudge(number: int) -> None:
        if number % 4 == 0:
            for symbol in (BTC, ETH):
                feed.price(symbol, f"{100 + number % 7}")

    venue = WatchedFed(FedVenue(feed, market.venue, ONE, clock, jitter=lambda: 0.5))
    instruments = await venue.open((BTC, ETH))
    async with reading(Stand(venue, instruments, nudge, clock)) as stand:
        yield stand


class WatchedFed(WatchedVenue):
    """As an instance at an exchange has it."""

    def __init__(self, venue: FedVenue) -> None:
        super().__init__(venue, lambda: pytest.fail("nobody asks"))


@asynccontextmanager
async def fake() -> AsyncIterator[Stand]:
    price = Decimal(100)
    candles = [
        Candle(symbol, ONE, START, price, price, price, price, Bar(100, 100, 100, 100, 1)) for symbol in (BTC, ETH)
    ]
    venue = FakeVenue(candles)
    instruments = await venue.open((BTC, ETH))

    def nudge(number: int) -> None:
        if number % 4 == 0:
            for symbol in (BTC, ETH):
                venue.price(symbol, f"{100 + number % 7}")

    async with reading(Stand(venue, instruments, nudge, HandClock())) as stand:
        yield stand


@pytest.fixture(params=[stream, polling, fed, fake], ids=["stream", "polling", "fed", "fake"])
async def stand(request: pytest.FixtureRequest) -> AsyncIterator[Stand]:
    make: Callable[[], AbstractAsyncContextManager[Stand]] = request.param
    async with make() as made:
        yield made


async def test_nothing_is_told_that_nobody_wants(stand: Stand) -> None:
    await stand.passes(4)
    assert stand.ticks == []


async def test_only_what_is_wanted_is_told_and_only_what_was_opened(stand: Stand) -> None:
    stand.venue.follow({BTC, "DOGE/USDT"}, stand.hear)
    await stand.until(lambda: len(stand.ticks) >= 3)
    assert {tick.symbol for tick in stand.ticks} == {BTC}
    stand.venue.follow({BTC, ETH}, stand.hear)
    await stand.until(lambda: {tick.symbol for tick in stand.ticks} == {BTC, ETH})


async def test_at_most_one_a_second_and_symbol_on_the_tick_and_in_order(stand: Stand) -> None:
    stand.venue.follow((BTC, ETH), stand.hear)
    await stand.until(lambda: min(map(len, stand.heard_at.values())) >= 3)
    for moments in stand.heard_at.values():
        assert min(later - earlier for earlier, later in pairwise(moments)) >= 1.0
    for tick in stand.ticks:
        assert tick.price > 0
        assert tick.price % stand.instruments[tick.symbol].tick == 0
    assert [tick.at for tick in stand.ticks] == sorted(tick.at for tick in stand.ticks)


async def test_it_ends_at_once_and_can_begin_again(stand: Stand) -> None:
    stand.venue.follow((BTC,), stand.hear)
    await stand.until(lambda: stand.ticks)
    stand.venue.follow((), stand.hear)
    count = len(stand.ticks)
    await stand.passes(5)
    assert len(stand.ticks) == count
    stand.venue.follow((BTC,), stand.hear)
    await stand.until(lambda: len(stand.ticks) > count)


async def test_after_closing_nothing_is_told(stand: Stand) -> None:
    stand.venue.follow((BTC,), stand.hear)
    await stand.until(lambda: stand.ticks)
    await stand.venue.close()
    count = len(stand.ticks)
    await stand.passes(3)
    assert len(stand.ticks) == count


def test_the_past_and_what_is_made_up_tell_no_prices() -> None:
    """So a replay and a paper run can only ever decide at closes, as a backtest does."""
    assert not isinstance(ReplayVenue({}, ONE, speed=0), Prices)
    assert not isinstance(SyntheticVenue(ONE, candles=1, speed=0), Prices)
