"""Candles by websocket: what is believed of them, and what happens when the socket breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from investbot.adapters.venues.ccxt.candle_stream import CandleStream
from investbot.adapters.venues.ccxt.series import Series
from investbot.adapters.venues.ccxt.venue import CcxtVenue
from investbot.domain.market import MINUTE, SECOND, Candle, Instrument, Timeframe
from investbot.ports.venue import MarketFact
from tests.exchange.bars import kline, listed
from tests.exchange.clock import HandClock
from tests.exchange.exchange import Exchange

ONE = Timeframe.parse("1m")
BTC = Instrument("BTC/USDT", Decimal("0.01"), Decimal("0.00001"))
START = 1_700_000_040_000
"""A full minute."""


def row(minute: int, close: float = 100.0) -> list[float]:
    return [START + minute * MINUTE, 100.0, 200.0, 50.0, close, 1.0]


def series() -> Series:
    return Series(BTC, ONE, START, SECOND)


def closes(candles: list[Candle]) -> list[tuple[int, float]]:
    return [((candle.opened_at - START) // MINUTE, float(candle.close)) for candle in candles]


def at(minutes: float) -> int:
    return START + round(minutes * MINUTE)


async def until(check: Callable[[], bool], seconds: float = 20.0) -> None:
    for _ in range(round(seconds * 100)):
        if check():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never happened")


# ---- what a series believes ----------------------------------------------------------------------------------------


def test_a_final_bar_is_a_candle_at_once() -> None:
    mine = series()
    assert closes(mine.hear([row(0, 101)], at(1), final=True)) == [(0, 101.0)]
    assert mine.next_at == at(1)
    assert mine.hear([row(0, 102)], at(1), final=True) == []
    assert mine.hear([row(2)], at(3), final=True) == []
    assert closes(mine.accept([row(1, 5), row(1, 103), row(2)], at(3))) == [(1, 103.0)]


def test_without_that_word_a_bar_ends_when_the_next_begins() -> None:
    mine = series()
    assert mine.hear([row(0, 101)], at(0.5), final=False) == []
    assert mine.hear([row(0, 102)], at(1), final=False) == []
    assert closes(mine.hear([row(0, 103), row(1, 104)], at(1), final=False)) == [(0, 103.0)]
    assert mine.hear([row(0, 99)], at(1.1), final=False) == []
    assert closes(mine.hear([row(2)], at(2), final=False)) == [(1, 104.0)]


def test_a_bar_that_was_not_followed_is_left_to_be_asked_for() -> None:
    mine = series()
    assert mine.hear([row(1)], at(1), final=False) == []
    mine.hear([row(0, 101)], at(0.5), final=False)
    assert mine.hear([row(2)], at(2), final=False) == []
    assert mine.hear(None, at(1), final=False) == []
    assert mine.hear([row(1)], at(1), final=False) == []
    assert mine.next_at == START


def test_a_bar_that_was_asked_for_meanwhile_is_not_given_out_twice() -> None:
    mine = series()
    mine.hear([row(0, 101)], at(0.5), final=False)
    assert closes(mine.accept([row(0, 102), row(1)], at(1.1))) == [(0, 102.0)]
    assert mine.hear([row(1)], at(1.1), final=False) == []
    assert closes(mine.hear([row(2)], at(2), final=False)) == [(1, 100.0)]


@pytest.mark.parametrize("final", [True, False])
def test_a_bar_of_the_future_and_a_row_that_cannot_be_are_nothing(final: bool) -> None:
    mine = series()
    mine.hear([row(0)], at(0.5), final=False)
    assert mine.hear([row(0), row(1)], at(0.9), final=final) == []
    assert mine.hear([["x"], None, row(0)[:5], [START, 1, 0, 2, 1, 1]], at(1), final=final) == []
    assert mine.hear("no list", at(1), final=final) == []


# ---- what a stream tells -------------------------------------------------------------------------------------------


@dataclass
class Teller:
    """Stands for the class of an exchange: tells what it is given, and fails where that is an error."""

    said: list[Any]
    markets: dict[str, dict[str, str]] = field(default_factory=lambda: {"BTC/USDT": {"id": "BTCUSDT"}})
    streaming: dict[str, Any] = field(default_factory=dict)
    ohlcvs: dict[str, Any] = field(default_factory=dict)
    handled: list[Any] = field(default_factory=list)

    async def watch_ohlcv(self, symbol: str, timeframe: str) -> list[list[float]]:
        if not self.said:
            await asyncio.Event().wait()
        told = self.said.pop(0)
        if isinstance(told, Exception):
            raise told
        rows: list[list[float]] = told
        return rows

    def handle_message(self, client: Any, message: Any) -> None:
        self.handled.append(message)


async def test_a_stream_that_breaks_is_told_and_comes_back_with_patience() -> None:
    heard: list[Any] = []
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    told = Teller([[row(0)], OSError("x"), ValueError("y"), [row(1)], OSError("z"), [row(2)]])
    stream = CandleStream(
        told, ["BTC/USDT"], ONE, (), lambda *what: heard.append(what), sleep=sleep, jitter=lambda: 0.5
    )
    stream.start()
    await until(lambda: len(heard) == 6)
    assert stream.alive
    assert [rows if rows is None else rows[0][0] for _, rows, _ in heard] == [at(0), None, None, at(1), None, at(2)]
    assert slept == [5.0, 10.0, 5.0]
    assert told.streaming["keepAlive"] == 15_000
    await stream.stop()
    await stream.stop()


@pytest.mark.parametrize(
    ("final", "message"),
    [
        (("k.x", "k.t", "k.s"), {"k": {"x": True, "t": START, "s": "BTCUSDT"}}),
        (
            ("data.0.confirm", "data.0.start", "topic"),
            {"data": [{"confirm": True, "start": START}], "topic": "kline.1.BTCUSDT"},
        ),
        (("data.0.2", "data.0.0", "arg.instId"), {"data": [[str(START), "1", "1"]], "arg": {"instId": "BTCUSDT"}}),
    ],
)
async def test_the_word_that_a_bar_is_final_is_found_in_the_venues_message(
    final: tuple[str, ...], message: Any
) -> None:
    heard: list[Any] = []
    told = Teller([])
    stream = CandleStream(
        told, ["BTC/USDT"], ONE, final, lambda *what: heard.append(what), sleep=asyncio.sleep, jitter=lambda: 0.5
    )
    stream.start()
    told.ohlcvs = {"BTC/USDT": {"1m": [row(-1), row(0), row(1)]}}
    told.handle_message(None, message)
    assert heard == [("BTC/USDT", [row(0)], True)]
    others: list[Any] = [{}, [], None, "text", {"k": 5, "data": []}, {"k": {"x": False, "t": START, "s": "BTCUSDT"}}]
    others.append({"k": {"x": True, "t": START, "s": "ETHUSDT"}})
    for other in others:
        told.handle_message(None, other)
    assert len(heard) == 1
    assert told.handled == [message, *others]
    await stream.stop()


# ---- a real socket -------------------------------------------------------------------------------------------------


@dataclass
class Desk:
    """A venue on an exchange with sockets; only the test moves the clock of both."""

    exchange: Exchange
    clock: HandClock
    venue: CcxtVenue
    slept: list[float]
    facts: list[MarketFact] = field(default_factory=list)

    @property
    def closed(self) -> list[int]:
        return [(fact.opened_at - START) // MINUTE for fact in self.facts if isinstance(fact, Candle)]

    def asked(self) -> int:
        return self.exchange.core.requests.get("GET klines", 0)

    def alive(self) -> bool:
        self.clock.tick(10)  # the stream speaks when a second has passed
        return self.venue.health()["candles"] == "stream"


@asynccontextmanager
async def streaming(**options: Any) -> AsyncIterator[Desk]:
    clock = HandClock(START + 20 * SECOND)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0.01)

    async with Exchange(seed=7, now=clock.now) as exchange:
        settings = exchange.settings() | {"timeout": 2000, "timeout_on_exit": 1} | options
        venue = CcxtVenue("binance", ONE, clock, settings=settings, warmup=3, sleep=sleep, jitter=lambda: 0.5)
        desk = Desk(exchange, clock, venue, slept)
        await venue.open(["BTC/USDT"])

        async def read() -> None:
            async for fact in venue.facts({}, None):
                desk.facts.append(fact)

        reading = asyncio.ensure_future(read())
        await until(lambda: len(desk.facts) == 3)
        try:
            yield desk
        finally:
            await venue.close()
            await reading


async def moved(desk: Desk, seconds: float) -> None:
    """Let time pass in small steps, so that the stream tells of the open bar meanwhile."""
    for _ in range(round(seconds / 5)):
        desk.clock.tick(5 * SECOND)
        await asyncio.sleep(0.08)


async def test_a_candle_comes_with_its_close_and_is_not_asked_for() -> None:
    async with streaming() as desk:
        await until(desk.alive)
        before = desk.asked()
        await moved(desk, 40)
        await until(lambda: desk.closed == [-3, -2, -1, 0])
        await moved(desk, 60)
        await until(lambda: desk.closed[-1] == 1)
        await desk.venue.poll()
        assert desk.asked() == before
        last = desk.facts[-1]
        assert isinstance(last, Candle)
        said = kline(desk.exchange.core.path, listed("BTCUSDT"), last.opened_at, "1m", desk.clock.at)
        assert [str(price) for price in (last.open, last.high, last.low, last.close)] == [
            f"{Decimal(str(price)):.2f}" for price in said[1:5]
        ]


async def test_a_lost_close_and_a_dropped_socket_are_healed_by_asking() -> None:
    async with streaming() as desk:
        await until(desk.alive)
        desk.exchange.admin.streams("lose", channel="market", count=1_000)
        await moved(desk, 45)
        assert desk.closed == [-3, -2, -1]
        await desk.venue.poll()
        await until(lambda: desk.closed == [-3, -2, -1, 0])
        desk.exchange.admin.clear()
        desk.exchange.admin.streams("drop", channel="market")
        await until(lambda: 5.0 in desk.slept)
        await until(desk.alive)
        await moved(desk, 60)
        await until(lambda: desk.closed[-1] == 1)


async def test_doubled_and_swapped_messages_change_nothing() -> None:
    async with streaming() as desk:
        await until(desk.alive)
        desk.exchange.admin.streams("duplicate", channel="market", count=1_000)
        desk.exchange.admin.streams("reorder", channel="market", count=20)
        await moved(desk, 180)
        await until(lambda: (desk.closed and desk.closed[-1]) == 2)
        assert desk.closed == [-3, -2, -1, 0, 1, 2]


async def test_nobody_listens_where_candles_come_from_an_address_without_sockets_or_the_operator_says_so() -> None:
    async with streaming(options={"capabilities": {"candle_stream": False}}) as desk:
        assert desk.venue._connection._stream is None
        assert desk.venue.health()["candles"] == "polling"
    for api in ({"public": "http://127.0.0.1:9"}, "http://127.0.0.1:9"):
        venue = CcxtVenue("binance", ONE, HandClock(), settings={"urls": {"api": api}})
        assert not venue._connection._streams()
    assert CcxtVenue("binance", ONE, HandClock())._connection._streams()
    assert not CcxtVenue("alpaca", ONE, HandClock())._connection._streams()
