"""What every venue promises, shown on each of them and on the fake that stands in for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from investbot.adapters.venues.ccxt.venue import CcxtVenue
from investbot.adapters.venues.replay import ReplayVenue
from investbot.adapters.venues.synthetic import SyntheticVenue
from investbot.domain.errors import DataError
from investbot.domain.facts import SourceEnded
from investbot.domain.market import Bar, Candle, Cursor, Instrument, Millis, Timeframe
from investbot.ports.venue import MarketFact, Venue
from tests.exchange.clock import HandClock
from tests.exchange.server import LoopbackExchange
from tests.fakes.venue import FakeVenue
from tests.unit.adapters.venues.files import MINUTE, START, rows, write

ONE_MINUTE = Timeframe.parse("1m")
SYMBOLS = ("BTC/USDT", "ETH/USDT")
COUNT = 60
"""Candles of each symbol that a stream gives out."""


@dataclass
class Stand:
    """A venue that can be made again, as after a restart of its process."""

    make: Callable[[], Venue]
    nudge: Callable[[], None] = lambda: None
    """Lets time pass on a live market."""


@asynccontextmanager
async def replay(folder: Path) -> AsyncIterator[Stand]:
    lines = rows(COUNT + 3)
    files = {
        SYMBOLS[0]: write(folder / "btc.csv.gz", lines[:COUNT]),
        SYMBOLS[1]: write(folder / "eth.csv", lines[3:]),
    }
    yield Stand(lambda: ReplayVenue(files, ONE_MINUTE, speed=0))


@asynccontextmanager
async def synthetic(folder: Path) -> AsyncIterator[Stand]:
    yield Stand(lambda: SyntheticVenue(ONE_MINUTE, candles=COUNT, speed=0))


@asynccontextmanager
async def ccxt(folder: Path) -> AsyncIterator[Stand]:
    clock = HandClock()
    async with LoopbackExchange(clock.now) as exchange:
        yield Stand(
            lambda: CcxtVenue("binance", ONE_MINUTE, clock, settings=exchange.settings(), warmup=COUNT - 10),
            lambda: clock.tick(20_000),
        )


@asynccontextmanager
async def fake(folder: Path) -> AsyncIterator[Stand]:
    price = Decimal(100)
    candles = [
        Candle(symbol, ONE_MINUTE, START + minute * MINUTE, price, price, price, price, Bar(100, 100, 100, 100, 1))
        for symbol in SYMBOLS
        for minute in range(COUNT)
    ]
    yield Stand(lambda: FakeVenue(candles))


@pytest.fixture(params=[replay, synthetic, ccxt, fake], ids=["replay", "synthetic", "ccxt", "fake"])
async def stand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stand]:
    make: Callable[[Path], AbstractAsyncContextManager[Stand]] = request.param
    async with make(tmp_path) as made:
        yield made


async def read(
    stand: Stand, anchors: dict[str, Millis] | None = None, cursor: Cursor | None = None, most: int = 2 * COUNT
) -> list[Candle]:
    """Make a venue, read `most` candles or up to its end, and close it; polls as the scheduler would."""
    venue = stand.make()
    candles: list[Candle] = []
    try:
        await venue.open(SYMBOLS)
        stream = venue.facts(anchors or {}, cursor)
        while len(candles) < most:
            fact = await following(stream, venue, stand)
            if isinstance(fact, SourceEnded):
                break
            assert isinstance(fact, Candle)
            assert venue.now() >= fact.closed_at
            candles.append(fact)
    finally:
        await venue.close()
    return candles


async def following(stream: AsyncIterator[MarketFact], venue: Venue, stand: Stand) -> MarketFact:
    task = asyncio.ensure_future(anext(stream))
    while not (await asyncio.wait([task], timeout=0.02))[0]:
        stand.nudge()
        await venue.poll()
    return task.result()


async def test_every_symbol_has_its_steps(stand: Stand) -> None:
    venue = stand.make()
    instruments = await venue.open(SYMBOLS)
    assert list(instruments) == list(SYMBOLS)
    for symbol, instrument in instruments.items():
        assert isinstance(instrument, Instrument)
        assert (instrument.symbol, instrument.quote) == (symbol, "USDT")
    await venue.close()


async def test_candles_ascend_and_are_never_repeated(stand: Stand) -> None:
    candles = await read(stand)
    assert len(candles) == 2 * COUNT
    for symbol in SYMBOLS:
        opened = [candle.opened_at for candle in candles if candle.symbol == symbol]
        assert len(opened) == COUNT
        assert opened == sorted(set(opened))


async def test_symbols_are_ordered_by_closing_time_and_then_as_they_were_asked_for(stand: Stand) -> None:
    keys = [(candle.closed_at, SYMBOLS.index(candle.symbol)) for candle in await read(stand)]
    assert keys == sorted(keys)


async def test_candles_are_sound_and_exact(stand: Stand) -> None:
    venue = stand.make()
    instruments = await venue.open(SYMBOLS)
    await venue.close()
    for candle in await read(stand):
        tick = instruments[candle.symbol].tick
        prices = (candle.open, candle.high, candle.low, candle.close)
        assert 0 < candle.low <= min(prices)
        assert max(prices) <= candle.high
        assert all(price % tick == 0 for price in prices)
        assert tuple(float(price) for price in prices) == candle.bar[:4]
        assert candle.timeframe == ONE_MINUTE


async def test_after_a_restart_the_same_candles_come_again(stand: Stand) -> None:
    first = await read(stand)
    anchors = {symbol: next(c.opened_at for c in first if c.symbol == symbol) for symbol in SYMBOLS}
    for place in (0, 7, COUNT, 2 * COUNT - 1):
        cursor = Cursor(first[place].symbol, first[place].opened_at)
        again = await read(stand, anchors, cursor)
        assert [_without_quality(candle) for candle in again] == [_without_quality(candle) for candle in first]


async def test_a_series_begins_at_its_anchor(stand: Stand) -> None:
    first = await read(stand)
    anchors = {
        symbol: [candle.opened_at for candle in first if candle.symbol == symbol][place]
        for symbol, place in zip(SYMBOLS, (20, 30), strict=True)
    }
    candles = await read(stand, anchors, most=40)
    for symbol, anchor in anchors.items():
        assert next(candle.opened_at for candle in candles if candle.symbol == symbol) == anchor


async def test_an_unknown_symbol_is_refused(stand: Stand) -> None:
    venue = stand.make()
    with pytest.raises(DataError, match=r"NOPE.*\.$"):
        await venue.open([SYMBOLS[0], "NOPE"])
    await venue.close()


async def test_its_time_never_goes_back(stand: Stand) -> None:
    venue = stand.make()
    await venue.open(SYMBOLS)
    moments = [venue.now()]
    stream = venue.facts({}, None)
    for _ in range(2 * COUNT):
        await following(stream, venue, stand)
        moments.append(venue.now())
    assert moments == sorted(moments)
    await venue.close()


async def test_health_is_text_and_names_the_source(stand: Stand) -> None:
    venue = stand.make()
    await venue.open(SYMBOLS)
    health = venue.health()
    assert health["source"]
    assert all(isinstance(text, str) for pair in health.items() for text in pair)
    await venue.close()


async def test_closing_twice_is_safe_and_so_is_closing_what_was_never_opened(stand: Stand) -> None:
    venue = stand.make()
    await venue.close()
    venue = stand.make()
    await venue.open(SYMBOLS)
    await venue.poll()
    await venue.close()
    await venue.close()


def _without_quality(candle: Candle) -> tuple[object, ...]:
    """Leave out what depends on when a live market was opened."""
    return (candle.symbol, candle.opened_at, candle.open, candle.high, candle.low, candle.close, candle.bar)
