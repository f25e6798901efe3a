"""The real class of ccxt against an exchange where things go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.exchange.exchange import Exchange
from tests.unit.exchange.ask import BTC, buy, orders, wrong

LOST = [
    ("429", "DDoSProtection"),
    ("418", "DDoSProtection"),
    ("500", "OperationFailed"),
    ("500html", "ExchangeNotAvailable"),
    ("502", "ExchangeNotAvailable"),
    ("503", "OperationFailed"),
    ("-1007", "RequestTimeout"),
    ("reset", "NetworkError"),
    ("timeout", "RequestTimeout"),
]


@pytest.mark.parametrize(("kind", "error"), LOST, ids=[kind for kind, _ in LOST])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_order_whose_answer_is_lost(
    exchange: Exchange, binance: Any, kind: str, error: str, when: str
) -> None:
    rule = exchange.faults.add("POST order", kind, when=when, match={"type": "MARKET"})
    with pytest.raises(getattr(wrong, error)):
        await buy(binance)
    assert rule.hits == 1
    assert [order["clientOrderId"] for order in orders(exchange)] == (["ib1"] if when == "after" else [])
    assert (await buy(binance, "ib2"))["status"] == "closed"
    outcome = exchange.truth()["submissions"][0]["outcome"]
    assert outcome == ("lost before" if when == "before" else f"FILLED, answer {kind}")


async def test_a_cut_answer_has_no_id(exchange: Exchange, binance: Any) -> None:
    exchange.faults.add("POST order", "cut")
    answer = await buy(binance)
    assert (answer["id"], answer["status"]) == (None, None)
    assert len(orders(exchange)) == 1


@pytest.mark.parametrize("kind", ["nan", "missing", "html", "empty", "null", "object", "list", "words"])
async def test_bad_answers_are_bad(exchange: Exchange, binance: Any, kind: str) -> None:
    exchange.faults.add("GET account", kind)
    try:
        told = await binance.fetch_balance()
    except (wrong.BaseError, TypeError, AttributeError, KeyError, ValueError):
        told = {}
    assert not isinstance((told.get("USDT") or {}).get("free"), float)
    assert (await binance.fetch_balance())["USDT"]["free"] == 10_000


async def test_readers_lag_behind(exchange: Exchange, binance: Any) -> None:
    exchange.admin.set(lag_s=0.5)
    await buy(binance)
    with pytest.raises(wrong.OrderNotFound):
        await binance.fetch_order(None, BTC, {"origClientOrderId": "ib1"})
    assert (await binance.fetch_balance())["BTC"]["free"] == 0
    assert await binance.fetch_my_trades(BTC) == []
    await asyncio.sleep(0.6)
    assert (await binance.fetch_order(None, BTC, {"origClientOrderId": "ib1"}))["status"] == "closed"
    assert (await binance.fetch_balance())["BTC"]["free"] > 0
    exchange.admin.clear()
    exchange.faults.add("GET order", "lag", count=2, seconds=60)
    for _ in range(2):
        with pytest.raises(wrong.OrderNotFound):
            await binance.fetch_order(None, BTC, {"origClientOrderId": "ib1"})
    await binance.fetch_order(None, BTC, {"origClientOrderId": "ib1"})


async def test_rules_are_counted_skipped_thrown_and_kept_to_a_key(
    exchange: Exchange, client: Callable[[str], Any]
) -> None:
    async def failures(call: Callable[[], Awaitable[Any]], times: int) -> str:
        marks = ""
        for _ in range(times):
            try:
                await call()
                marks += "."
            except wrong.OperationFailed:
                marks += "x"
        return marks

    main, other = client("main"), client("other")
    exchange.faults.add("GET acc*", "500", skip=1, count=2, key="main")
    assert await failures(other.fetch_balance, 2) == ".."
    assert await failures(main.fetch_balance, 5) == ".xx.."
    exchange.faults.clear()
    exchange.faults.add("GET time", "503", count=None, rate=0.5, seed=3)
    once = await failures(main.fetch_time, 20)
    exchange.faults.clear()
    exchange.faults.add("GET time", "503", count=None, rate=0.5, seed=3)
    assert await failures(main.fetch_time, 20) == once
    assert 3 < once.count("x") < 17
    with pytest.raises(ValueError, match="There is no fault"):
        exchange.faults.add("GET time", "nonsense")


async def test_a_delay_delays_and_a_429_says_for_how_long(exchange: Exchange, binance: Any) -> None:
    exchange.faults.add("GET time", "delay", seconds=0.2)
    began = asyncio.get_running_loop().time()
    await binance.fetch_time()
    assert asyncio.get_running_loop().time() - began >= 0.2
    exchange.faults.add("GET time", "429", retry_after=7)
    with pytest.raises(wrong.DDoSProtection):
        await binance.fetch_time()
    assert binance.last_response_headers["Retry-After"] == "7"


async def test_too_much_weight_is_refused_then_banned() -> None:
    async with Exchange(weight_limit=50, wall=lambda: 1000.0) as exchange, ClientSession() as session:
        url = f"{exchange.settings()['urls']['api']['public']}/exchangeInfo"
        statuses = []
        for _ in range(14):
            async with session.get(url) as response:
                statuses.append(response.status)
        assert statuses == [200] * 2 + [429] * 10 + [418] * 2
        assert int(response.headers["Retry-After"]) > 100
        assert exchange.admin.state()["weight_refused"] == 12
