"""Every fault of the loopback exchange met by real ccxt classes: what is said, sent, and kept secret."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster

from investbot.adapters.clock import SystemClock
from investbot.adapters.venues.ccxt.breaker import FAILURES, Circuit
from investbot.adapters.venues.ccxt.trading import CcxtTrading
from investbot.domain.errors import (
    AuthFailed,
    DataError,
    InvestBotError,
    OrderRejected,
    OutcomeUnknown,
    RateLimited,
    VenueError,
    VenueUnavailable,
)
from investbot.domain.market import Instrument
from investbot.domain.order import Order, OrderState, OrderType, Role, Side
from tests.exchange.exchange import Exchange
from tests.unit.adapters.venues.ccxt.desk import BTC, KEYS, Desk, order

START = 1_700_000_000_000


@asynccontextmanager
async def desk(
    *, speed: float = 0, patience_ms: int = 400, key: str = "main", connect: bool = True, **options: Any
) -> AsyncIterator[tuple[Exchange, CcxtTrading]]:
    async with Exchange(seed=7, start=START, speed=speed) as exchange:
        settings = exchange.settings() | {"timeout": patience_ms, "timeout_on_exit": 1}
        venue = CcxtTrading("binance", exchange.credentials(key), SystemClock(), settings=settings, **options)
        if connect:
            await venue.connect({"BTC/USDT": BTC})
        yield exchange, venue
        await venue.close()


def entry(exchange: Exchange, sequence: int = 1) -> Order:
    price = BTC.price_down(Decimal(exchange.admin.state()["prices"]["BTCUSDT"]) * Decimal("1.01"))
    made = order(Role.ENTRY, Side.BUY, quantity="0.01", sequence=sequence, client_order_id=f"ibentry{sequence:017d}")
    return replace(made, price=price)


LOST = ["reset", "timeout", "500", "500html", "502", "503", "-1007", "html", "empty", "null", "object", "list", "words"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", [*LOST, "429", "418", "403", "-1015", "cut", "missing"])
async def test_a_submit_with_a_lost_answer_is_unknown_and_sent_once(kind: str, when: str) -> None:
    async with desk() as (exchange, venue):
        exchange.faults.add("POST order", kind, when=when, retry_after=1)
        wanted = entry(exchange)
        with pytest.raises(OutcomeUnknown) as caught:
            await venue.submit(wanted)
        assert len(exchange.core.submissions) == 1
        assert caught.value.__cause__ is caught.value.__context__ is None
        found = await venue.lookup(wanted)
        applied = when == "after" or kind in {"cut", "missing"}
        assert (found is not None) is applied
        orders = exchange.truth()["accounts"]["main"]["orders"]
        assert [each["clientOrderId"] for each in orders] == ([wanted.client_order_id] if applied else [])


@pytest.mark.parametrize(
    ("kind", "problem"), [("-2010", OrderRejected), ("401", AuthFailed), ("-1021", VenueUnavailable)]
)
async def test_a_definite_refusal_is_told_as_such(kind: str, problem: type[VenueError]) -> None:
    async with desk() as (exchange, venue):
        exchange.faults.add("POST order", kind)
        with pytest.raises(problem):
            await venue.submit(entry(exchange))
        await venue.submit(entry(exchange, 2))


async def test_where_nobody_listens_nothing_was_sent() -> None:
    async with desk() as (exchange, venue):
        wanted = entry(exchange)
        await exchange.__aexit__(None, None, None)
        for _ in range(2):
            with pytest.raises(VenueUnavailable):
                await venue.balances()
        with pytest.raises(VenueUnavailable, match="nothing was sent"):
            await venue.submit(wanted)


@pytest.mark.parametrize("kind", [*LOST, "403", "cut", "nan", "missing"])
async def test_a_read_that_goes_wrong_is_unavailable_never_empty(kind: str) -> None:
    async with desk() as (exchange, venue):
        await venue.submit(entry(exchange))
        await venue.submit(resting := replace(order(Role.TARGET, quantity="0.001"), price=Decimal(62_000)))
        for endpoint, ask in (
            ("GET account", venue.balances),
            ("GET openOrders", lambda: venue.open_orders("BTC/USDT")),
            ("GET myTrades", lambda: venue.fills("BTC/USDT", None, START - 1)),
            ("GET order", lambda: venue.lookup(resting)),
        ):
            exchange.faults.clear()
            exchange.faults.add(endpoint, kind, count=2)
            if kind == "list" and endpoint in {"GET openOrders", "GET myTrades"}:
                assert await ask() == []
                continue
            with pytest.raises(VenueUnavailable):
                await ask()


async def test_a_limit_is_honoured_by_every_instance_of_the_account(tmp_path: Path) -> None:
    async with desk(limits=tmp_path) as (exchange, venue):
        exchange.faults.add("GET account", "429", retry_after=7)
        with pytest.raises(RateLimited) as caught:
            await venue.balances()
        assert caught.value.retry_after_s == 7
        settings = exchange.settings() | {"timeout_on_exit": 1}
        twin = CcxtTrading("binance", exchange.credentials("main"), SystemClock(), settings=settings, limits=tmp_path)
        other = CcxtTrading(
            "binance", exchange.credentials("second"), SystemClock(), settings=settings, limits=tmp_path
        )
        asked = len(exchange.core.requests)
        venue._limiter._sleep = twin._limiter._sleep = _no_sleep
        with pytest.raises(_SleptError):
            await twin.connect({"BTC/USDT": BTC})
        with pytest.raises(_SleptError):
            await venue.submit(replace(order(Role.EXIT), quantity=Decimal("0.001")))
        assert not exchange.core.submissions
        assert len(exchange.core.requests) == asked
        await other.connect({"BTC/USDT": BTC})
        await other.close()
        await twin.close()


class _SleptError(Exception):
    pass


async def _no_sleep(seconds: float) -> None:
    raise _SleptError(str(seconds))


async def test_the_venues_own_count_of_weight_is_taken_over() -> None:
    async with desk() as (exchange, venue):
        for _ in range(4):
            await venue.fills("BTC/USDT", None, START)
        used = exchange.core.weights.peak
        assert venue.health().limit_left <= 1 - used / 6000 + 0.02


async def test_a_failing_venue_opens_the_circuit_and_exits_still_try() -> None:
    async with desk() as (exchange, venue):
        exchange.faults.add("*", "500", count=None)
        for _ in range(FAILURES):
            with pytest.raises(VenueUnavailable):
                await venue.balances()
        assert str(venue.health().circuit) == Circuit.OPEN
        sent = sum(exchange.core.requests.values())
        with pytest.raises(VenueUnavailable, match="left alone"):
            await venue.balances()
        with pytest.raises(VenueUnavailable, match="left alone"):
            await venue.submit(entry(exchange))
        assert sum(exchange.core.requests.values()) == sent
        with pytest.raises(OutcomeUnknown):
            await venue.submit(order(Role.EXIT))
        with pytest.raises(VenueUnavailable):
            await venue.cancel(order(Role.STOP), "1")
        assert sum(exchange.core.requests.values()) > sent
        exchange.faults.clear()
        assert await venue.cancel(order(Role.STOP), "1") is None
        assert str(venue.health().circuit) == Circuit.CLOSED
        assert (await venue.balances())["USDT"].free == 10_000


async def test_the_venues_time_is_modelled_at_any_speed_and_after_a_jump() -> None:
    async with desk(speed=50) as (exchange, venue):
        for _ in range(5):
            await asyncio.sleep(0.1)
            await venue.submit(entry(exchange, _ + 1))
            assert abs(venue.clock.raw() - exchange.core.now()) < 1000
        assert venue.health().clock_rate == pytest.approx(50, rel=0.05)
        exchange.admin.set(skew_ms=-60_000)
        with pytest.raises(VenueUnavailable, match="finds our clock wrong"):
            await venue.submit(entry(exchange, 8))
        report = await venue.submit(entry(exchange, 9))
        assert report.state is OrderState.ACKNOWLEDGED
        assert venue.health().clock_skew_ms > 50_000


async def test_a_stop_takes_the_kind_the_market_lists() -> None:
    async with desk() as (exchange, venue):
        await venue.submit(entry(exchange))
        stop = replace(order(Role.STOP, quantity="0.009"), stop_price=Decimal(58_000))
        venue._exchange.markets["BTC/USDT"]["info"]["orderTypes"] = ["LIMIT", "MARKET", "STOP_LOSS_LIMIT"]
        await venue.submit(stop)
        sent = exchange.core.submissions[-1].query
        assert (sent["type"], sent["price"], sent["stopPrice"]) == ("STOP_LOSS_LIMIT", "57420", "58000")
        venue._exchange.markets["BTC/USDT"]["info"]["orderTypes"] = ["LIMIT", "MARKET"]
        with pytest.raises(OrderRejected, match="the instance has to keep it"):
            await venue.submit(stop)


async def test_digits_that_ccxt_would_change_are_not_sent() -> None:
    async with desk() as (exchange, venue):
        await venue.connect({"BTC/USDT": Instrument("BTC/USDT", Decimal("0.00001"), Decimal("0.0000001"))})
        with pytest.raises(OrderRejected, match=r"does not fit binance's steps: ccxt would send 0\.00123 at None"):
            await venue.submit(order(Role.EXIT, quantity="0.0012345"))
        with pytest.raises(OrderRejected, match="ccxt refuses it"):
            await venue.submit(order(Role.EXIT, quantity="0.0000001"))
        with pytest.raises(OrderRejected, match=r"ccxt would send 0\.0123 at 60000$|at 60000\.$"):
            await venue.submit(replace(order(Role.TARGET), price=Decimal("60000.00001")))
        assert not exchange.core.submissions


async def test_a_market_that_is_not_traded_is_refused() -> None:
    async with desk() as (_, venue):
        with pytest.raises(OrderRejected, match="ETH/USDT is not traded here"):
            await venue.submit(order(Role.EXIT, symbol="ETH/USDT"))
    async with desk(connect=False) as (_, venue):
        with pytest.raises(DataError, match="no market NO/PE"):
            await venue.connect({"NO/PE": Instrument("NO/PE", Decimal(1), Decimal(1))})
        assert venue._exchange is None


async def test_a_cancel_without_a_status_is_followed_by_a_lookup() -> None:
    async with Desk("bybit") as venue_desk:
        _bybit(venue_desk)
        options = {"enableUnifiedAccount": True, "enableUnifiedMargin": False, "unifiedMarginStatus": 5}
        venue = CcxtTrading("bybit", KEYS, SystemClock(), settings=venue_desk.settings(**options))
        await venue.connect({"BTC/USDT": BTC})
        wanted = order(Role.TARGET)
        told = {"orderId": "b1", "orderLinkId": wanted.client_order_id}
        venue_desk.add("POST", "/v5/order/cancel", {"retCode": 0, "retMsg": "OK", "result": told})
        for status, state in (("Cancelled", OrderState.CANCELLED), ("New", OrderState.ACKNOWLEDGED)):
            listed = {
                **told,
                "symbol": "BTCUSDT",
                "orderStatus": status,
                "qty": "0.0123",
                "cumExecQty": "0",
                "side": "Sell",
            }
            body = {"retCode": 0, "retMsg": "OK", "result": {"category": "spot", "list": [listed]}}
            venue_desk.add("GET", "/v5/order/(realtime|history)", body)
            report = await venue.cancel(wanted, "b1")
            assert report is not None
            assert (report.state, report.order_id, report.venue_order_id) == (state, wanted.order_id, "b1")
        await venue.close()


async def test_a_cancel_by_venue_id_only_finds_that_id_first() -> None:
    async with Desk("alpaca") as venue_desk:
        asset = {"class": "crypto", "symbol": "BTC/USD", "name": "Bitcoin", "status": "active", "tradable": True}
        steps = {"min_order_size": "0.0001", "min_trade_increment": "0.0001", "price_increment": "1", "id": "a"}
        venue_desk.add("GET", "/v2/assets", [asset | steps])
        venue_desk.add("GET", "/v2/account$", {"currency": "USD", "cash": "10", "buying_power": "10"})
        venue_desk.add("GET", "/v2/positions", [])
        venue_desk.add("DELETE", "/v2/orders/", b"", status=204)
        venue = CcxtTrading("alpaca", KEYS, SystemClock(), settings=venue_desk.settings())
        await venue.connect({"BTC/USD": Instrument("BTC/USD", Decimal(1), Decimal("0.0001"))})
        wanted = order(Role.TARGET, symbol="BTC/USD")
        listed = {"id": "a1", "client_order_id": wanted.client_order_id, "symbol": "BTC/USD", "qty": "0.0123"}
        listed |= {
            "submitted_at": "2023-11-14T22:13:20Z",
            "filled_qty": "0",
            "status": "new",
            "type": "limit",
            "side": "sell",
            "time_in_force": "gtc",
        }
        venue_desk.add("GET", "/v2/orders$", [])
        assert await venue.cancel(wanted, None) is None
        venue_desk.add("GET", "/v2/orders$", [listed | {"status": "filled", "filled_qty": "0.0123"}])
        assert await venue.cancel(wanted, None) is None
        assert not venue_desk.asked("DELETE", "orders")
        venue_desk.add("GET", "/v2/orders$", [listed])
        report = await venue.cancel(wanted, None)
        assert report is not None
        assert report.venue_order_id == "a1"
        assert [each.path for each in venue_desk.asked("DELETE", "orders")] == ["/v2/orders/a1"]
        await venue.close()


async def test_nothing_blocks_the_event_loop(blockbuster: BlockBuster, tmp_path: Path) -> None:
    async with desk(limits=tmp_path) as (exchange, venue):
        wanted = entry(exchange)
        await venue.submit(wanted)
        await venue.lookup(wanted)
        await venue.balances()
        await venue.fills("BTC/USDT", None, START)


async def complaint(ask: Callable[[], Awaitable[object]]) -> list[str]:
    """Ask, and give the traceback of the trouble there was, which is to have no cause that could tell more."""
    try:
        await ask()
    except InvestBotError as error:
        trouble = error
    else:
        return []
    assert trouble.__cause__ is None
    assert trouble.__context__ is None or trouble.__suppress_context__
    return traceback.format_exception(trouble)


def files(folder: Path) -> list[Path]:
    return list(folder.rglob("*.json"))


async def test_no_secret_is_ever_told(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    echo = f'{{"code":-1,"msg":"bad key {KEYS["apiKey"]} of {KEYS["secret"]}, signature=abcdef123456"}}'.encode()
    async with Desk("binance") as venue_desk:
        _binance(venue_desk)
        settings = {**venue_desk.settings(), "verbose": True, "timeout": 300}
        venue = CcxtTrading("binance", KEYS, SystemClock(), settings=settings, limits=tmp_path / "limits")
        await venue.connect({"BTC/USDT": BTC})
        wanted = order(Role.EXIT)
        for status in (200, 400, 401, 403, 418, 429, 500):
            venue_desk.add("POST", "/order$", echo, status=status)
            venue_desk.add("GET", "/(order|account|openOrders|myTrades)$", echo, status=status)
            venue_desk.add("DELETE", "/order$", echo, status=status)
            for ask in (
                lambda: venue.submit(wanted),
                lambda: venue.lookup(wanted),
                lambda: venue.cancel(wanted, "1"),
                venue.balances,
                lambda: venue.fills("BTC/USDT", None, START),
                lambda: venue.open_orders("BTC/USDT"),
            ):
                with contextlib.suppress(RateLimited):
                    await venue._limiter._change(lambda bucket: (replace(bucket, paused_until=0.0), 0.0))
                said += await complaint(ask)
            said += [repr(venue), str(venue.health()), repr(venue._keys), repr(venue._caller)]
        await venue.close()
        bad = CcxtTrading("binance", KEYS, SystemClock(), settings={"options": KEYS["secret"]})
        said += await complaint(lambda: bad.connect({"BTC/USDT": BTC}))
    streams = capsys.readouterr()
    said += [caplog.text, streams.out, streams.err]
    said += [f"{path} {path.read_text()}" for path in files(tmp_path)]
    everything = "\n".join(said)
    assert "bad key … of …" in everything
    assert len(said) > 50
    for secret in (KEYS["apiKey"], KEYS["secret"], "abcdef123456", "signature=a"):
        assert secret not in everything


def _binance(venue_desk: Desk) -> None:
    steps = [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
    ]
    symbol: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "status": "TRADING",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "filters": steps,
    }
    symbol |= {"orderTypes": ["LIMIT", "MARKET", "STOP_LOSS"], "isSpotTradingAllowed": True, "permissions": ["SPOT"]}
    venue_desk.add("GET", "/exchangeInfo", {"symbols": [symbol]})
    venue_desk.add("GET", "/account$", {"balances": [{"asset": "USDT", "free": "10", "locked": "0"}]})


def _bybit(venue_desk: Desk) -> None:
    steps = {
        "lotSizeFilter": {"basePrecision": "0.00001", "minOrderQty": "0.00001"},
        "priceFilter": {"tickSize": "0.01"},
    }
    market = {"symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "status": "Trading"} | steps
    found = {"retCode": 0, "retMsg": "OK", "result": {"category": "spot", "list": [market]}}
    venue_desk.add("GET", "/v5/market/instruments-info", found)
    coin = {"coin": "USDT", "walletBalance": "10", "locked": "0"}
    wallet = {"list": [{"accountType": "UNIFIED", "coin": [coin]}]}
    venue_desk.add("GET", "/v5/account/wallet-balance", {"retCode": 0, "retMsg": "OK", "result": wallet})


async def test_orders_of_the_two_kinds_are_urgent_or_not() -> None:
    async with desk() as (exchange, venue):
        seen: list[bool] = []
        take = venue._limiter.take

        async def noted(weight: int, *, urgent: bool) -> None:
            seen.append(urgent)
            await take(weight, urgent=urgent)

        venue._limiter.take = noted  # type: ignore[method-assign]
        await venue.submit(entry(exchange))
        await venue.submit(order(Role.EXIT, quantity="0.001"))
        assert seen == [False, True]
        assert order(Role.EXIT).type is OrderType.MARKET


async def test_an_error_is_forgotten_once_the_same_question_is_answered() -> None:
    async with desk() as (exchange, venue):
        exchange.faults.add("GET account", "500")
        with pytest.raises(VenueUnavailable):
            await venue.balances()
        assert "-1000" in venue.health().last_error
        await venue.open_orders("BTC/USDT")
        assert "-1000" in venue.health().last_error
        await venue.balances()
        assert venue.health().last_error == ""


@pytest.mark.parametrize(("speed", "window"), [(1, "10000"), (50, "59000")])
async def test_where_time_runs_fast_the_widest_window_is_asked_for(speed: float, window: str) -> None:
    async with desk(speed=speed) as (exchange, venue):
        await venue.submit(entry(exchange))
        assert exchange.core.submissions[-1].query["recvWindow"] == window
