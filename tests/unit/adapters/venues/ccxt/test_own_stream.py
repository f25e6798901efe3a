"""The stream of own orders: real sockets of the loopback exchange, and what happens when they break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from investbot.adapters.clock import SystemClock
from investbot.adapters.venues.ccxt.own_stream import OwnStream
from investbot.adapters.venues.ccxt.trading import CcxtTrading
from investbot.domain.errors import AuthFailed, VenueError, VenueUnavailable
from investbot.domain.order import Fill, Role, Side
from investbot.ports.trading import VenueOrder
from tests.exchange.exchange import Exchange
from tests.unit.adapters.venues.ccxt.desk import BTC, KEYS, Desk, order

START = 1_700_000_000_000


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[Exchange, CcxtTrading, list[float]]]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    async with Exchange(seed=7, start=START, speed=0) as exchange:
        settings = exchange.settings() | {"timeout": 1000, "timeout_on_exit": 1}
        credentials = exchange.credentials("main")
        venue = CcxtTrading("binance", credentials, SystemClock(), settings=settings, sleep=sleep, jitter=lambda: 0.5)
        await venue.connect({"BTC/USDT": BTC})
        slept.clear()
        yield exchange, venue, slept
        await venue.close()


async def bought(exchange: Exchange, venue: CcxtTrading, sequence: int) -> list[VenueOrder | Fill]:
    """Buy once the stream is up, and gather the news until all of it is filled."""
    reading = asyncio.ensure_future(venue.news())
    for _ in range(300):
        if exchange.admin.state()["streams"]["users"]:
            break
        await asyncio.sleep(0.01)
    price = BTC.price_down(Decimal(exchange.admin.state()["prices"]["BTCUSDT"]) * Decimal("1.01"))
    made = order(Role.ENTRY, Side.BUY, quantity="0.01", client_order_id=f"ibentry{sequence:017d}")
    await venue.submit(replace(made, price=price))
    heard: list[VenueOrder | Fill] = []
    while sum(each.quantity for each in heard if isinstance(each, Fill)) < Decimal("0.01"):
        heard += await asyncio.wait_for(reading, 5)
        reading = asyncio.ensure_future(venue.news())
    reading.cancel()
    return heard


async def broken(venue: CcxtTrading) -> VenueError:
    """Read the news until the stream breaks off."""
    while True:
        try:
            await asyncio.wait_for(venue.news(), 5)
        except VenueError as error:
            return error


async def test_a_dropped_socket_is_told_once_and_dialled_again_with_patience() -> None:
    async with listening() as (exchange, venue, slept):
        await bought(exchange, venue, 1)
        exchange.admin.streams("drop")
        assert isinstance(await broken(venue), VenueUnavailable)
        assert slept == []
        heard = await bought(exchange, venue, 2)
        assert slept[0] == 5.0
        ids = {each.client_order_id for each in heard if isinstance(each, VenueOrder)}
        assert "ibentry00000000000000002" in ids


async def test_a_refused_stream_waits_longer_each_time() -> None:
    async with listening() as (exchange, venue, slept):
        exchange.admin.streams("refuse", count=6)
        for _ in range(6):
            error = await broken(venue)
            assert isinstance(error, VenueUnavailable), error
        assert slept == [5.0, 10.0, 20.0, 40.0, 60.0]
        await bought(exchange, venue, 1)
        exchange.admin.streams("drop")
        slept.clear()
        await broken(venue)
        await bought(exchange, venue, 2)
        assert slept[0] == 5.0


async def test_a_revoked_key_ends_the_stream_as_such() -> None:
    async with listening() as (exchange, venue, _):
        await bought(exchange, venue, 1)
        exchange.admin.key("main", revoked=True)
        problems = [await broken(venue) for _ in range(2)]
        assert isinstance(problems[-1], AuthFailed), problems


async def test_duplicates_and_disorder_pass_and_orders_of_others_too() -> None:
    async with listening() as (exchange, venue, _):
        exchange.admin.streams("duplicate", count=50)
        heard = await bought(exchange, venue, 1)
        fills = {each.trade_id: each for each in heard if isinstance(each, Fill)}
        assert sum(each.quantity for each in fills.values()) == Decimal("0.01")
        exchange.admin.order(
            "main", symbol="ETHUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.1", price="2900"
        )
        exchange.admin.order(
            "main", symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.001", price="57000"
        )
        seen: list[VenueOrder] = []
        while not any(each.quantity == Decimal("0.001") for each in seen):
            seen += [each for each in await asyncio.wait_for(venue.news(), 5) if isinstance(each, VenueOrder)]
        assert {each.symbol for each in seen} == {"BTC/USDT"}


async def test_closing_ends_the_stream_at_once() -> None:
    async with listening() as (exchange, venue, _):
        await bought(exchange, venue, 1)
        await asyncio.wait_for(venue.close(), 5)
        with pytest.raises(VenueUnavailable):
            await venue.news()


async def test_an_exchange_without_a_stream_says_so() -> None:
    async with Desk("alpaca") as desk:
        venue = CcxtTrading("alpaca", KEYS, SystemClock(), settings=desk.settings() | {"has": {"watchOrders": False}})
        with pytest.raises(VenueUnavailable, match="not connected"):
            await venue.news()


class Odd:
    """An exchange whose stream answers what a test says."""

    id = "odd"
    has = {"watchOrders": True}  # noqa: RUF012 - stands for ccxt's

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.closed = 0

    async def watch_orders(self, symbol: str) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def close_ws_clients(self) -> None:
        self.closed += 1
        raise OSError("gone")


class Caller:
    """Translates as the real one does."""

    def tell_time(self) -> None:
        pass

    def translated(self, error: Exception, asked: object) -> VenueError:
        return VenueUnavailable(f"translated {type(error).__name__}.")


@pytest.mark.parametrize(
    ("answer", "said"), [({"no": "list"}, "told no list"), (KeyError("x"), "KeyError"), ([None], "unreadable")]
)
async def test_what_a_stream_may_raise_or_tell_breaks_it(answer: object, said: str) -> None:
    def read(row: Any) -> VenueOrder | Fill | None:
        raise VenueUnavailable("unreadable.")

    exchange: Any = Odd(answer)
    caller: Any = Caller()
    stream = OwnStream(exchange, ["BTC/USDT"], caller, read, read, sleep=asyncio.sleep, jitter=lambda: 0.5)
    with pytest.raises(VenueUnavailable, match=said):
        await asyncio.wait_for(stream.news(), 5)
    assert exchange.closed == 1
    await stream.stop()
