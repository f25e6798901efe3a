"""A restart takes the past out of the market cache and asks for the gap only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from investbot.adapters.history.candle_cache import CandleCache
from investbot.adapters.venues.ccxt.series import Series
from investbot.adapters.venues.ccxt.shelf import Shelf
from investbot.adapters.venues.ccxt.venue import CcxtVenue
from investbot.domain.market import MINUTE, SECOND, Candle, Instrument, Millis, Timeframe
from investbot.ports.history import CandleStore, Kept, Row
from tests.exchange.clock import HandClock
from tests.exchange.server import LoopbackExchange

ONE = Timeframe.parse("1m")
BTC = "BTC/USDT"
NOW = 1_700_000_050_000


async def life(
    exchange: LoopbackExchange, clock: HandClock, store: CandleStore | None, anchor: int, live: int = 0
) -> tuple[list[Candle], int]:
    """Run a venue from `anchor` (bars back) over `live` further minutes; give its candles and how often it asked."""
    exchange.requests.clear()
    venue = CcxtVenue("binance", ONE, clock, settings=exchange.settings(), store=store, sleep=clock.sleep)
    candles: list[Candle] = []

    async def read() -> None:
        async for fact in venue.facts({BTC: (clock.now() // MINUTE - anchor) * MINUTE}, None):
            assert isinstance(fact, Candle)
            candles.append(fact)

    await venue.open([BTC])
    reading = asyncio.ensure_future(read())
    for _ in range(5000):
        if venue._release is not None:
            break
        await asyncio.sleep(0.002)
    for _ in range(live):
        clock.tick(MINUTE)
        await venue.poll()
    await venue.close()
    await reading
    return candles, len(exchange.asked("klines"))


async def test_a_restart_asks_for_the_gap_only_and_sees_the_same(tmp_path: Path) -> None:
    clock, cache = HandClock(NOW), CandleCache(tmp_path)
    async with LoopbackExchange(clock.now) as exchange:
        exchange.missing = {("BTCUSDT", (NOW // MINUTE - 700) * MINUTE)}
        first, asked = await life(exchange, clock, cache, 2500, live=3)
        assert (len(first), asked >= 6) == (2502, True)
        clock.tick(5 * MINUTE)
        again, asked = await life(exchange, clock, cache, 2508)
        assert asked == 1
        assert int(exchange.asked("klines")[0]["startTime"]) == first[-1].closed_at
        assert [(candle.opened_at, candle.bar, candle.close) for candle in again[: len(first)]] == [
            (candle.opened_at, candle.bar, candle.close) for candle in first
        ]
        assert len(again) == len(first) + 5
        _, asked = await life(exchange, clock, cache, 2600)
        assert asked <= 4, "what lies before is asked for, what is known is not"
        everything, _ = await life(exchange, clock, None, 2600)
        kept, asked = await life(exchange, clock, cache, 2600)
        assert [candle.bar for candle in kept] == [candle.bar for candle in everything]
        assert asked == 0


async def test_live_candles_are_written_every_so_often(tmp_path: Path) -> None:
    clock, cache = HandClock(NOW), CandleCache(tmp_path)
    async with LoopbackExchange(clock.now) as exchange:
        venue = CcxtVenue("binance", ONE, clock, settings=exchange.settings(), store=cache, warmup=3)
        await venue.open([BTC])
        stream = venue.facts({}, None)
        for _ in range(3):
            await anext(stream)
        reading = asyncio.ensure_future(anext(stream))
        for _ in range(5000):
            if venue._release is not None:
                break
            await asyncio.sleep(0.002)
        clock.tick(MINUTE)
        await venue.poll()
        candle = await reading
        assert isinstance(candle, Candle)
        (told,) = cache.series()
        assert (told.last_at, told.candles) == (candle.opened_at, 4)
        clock.tick(SECOND)
        await venue.close()


async def test_live_candles_that_follow_each_other_are_written_together(tmp_path: Path) -> None:
    clock, cache = HandClock(NOW), CandleCache(tmp_path)
    shelf = Shelf(cache, clock.monotonic)
    series = Series(Instrument(BTC, Decimal("0.01"), Decimal("0.00001")), ONE, NOW // MINUTE * MINUTE, SECOND)
    for bar in (0, 1, 4):
        since = NOW // MINUTE * MINUTE + bar * MINUTE
        series.next_at = since
        for _ in range(3):  # a hole is asked for again before it is believed
            given = series.accept([[since, 5.0, 6.0, 4.0, 5.0, 1.0]], since + 2 * MINUTE)
            shelf.note(series, since, given)
    await shelf.write()
    assert cache.series() == []
    clock.tick(30 * SECOND)
    await shelf.write()
    (told,) = cache.series()
    assert (told.candles, told.missing, told.unasked) == (3, 0, 2)


class Full:
    """A store on a disk that takes nothing."""

    def __init__(self) -> None:
        self.tried = 0

    def read(self, symbol: str, timeframe: Timeframe, since: Millis, limit: int) -> Kept:
        return Kept((), since)

    def keep(self, symbol: str, timeframe: Timeframe, since: Millis, until: Millis, rows: Sequence[Row]) -> None:
        self.tried += 1
        raise OSError(28, "No space left on device")


async def test_a_full_disk_is_no_reason_not_to_trade(caplog: pytest.LogCaptureFixture) -> None:
    clock, store = HandClock(NOW), Full()
    async with LoopbackExchange(clock.now) as exchange:
        candles, _ = await life(exchange, clock, store, 1500, live=3)
    assert len(candles) == 1503
    assert store.tried == 1
