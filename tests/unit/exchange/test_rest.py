"""The real class of ccxt against the exchange, with nothing but addresses and a key put in."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import ClientSession

from investbot.adapters.venues.ccxt.loader import exchange_class
from tests.exchange.exchange import Exchange
from tests.exchange.truth import unbalanced

BTC = "BTC/USDT"


class Errors:
    """The errors of ccxt, whose package is laid out by the loader first."""

    def __getattr__(self, name: str) -> type[Exception]:
        exchange_class("binance")
        found: type[Exception] = getattr(importlib.import_module("ccxt.base.errors"), name)
        return found


wrong = Errors()


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with Exchange(seed=7) as made:
        yield made
        assert unbalanced(made.core) == []


@pytest.fixture
async def client(exchange: Exchange) -> AsyncIterator[Callable[[str], Any]]:
    made: list[Any] = []

    def connect(key: str) -> Any:
        settings = exchange.settings(key) | {"timeout": 1500, "timeout_on_exit": 1}
        made.append(exchange_class("binance")(settings))
        return made[-1]

    yield connect
    for each in made:
        await each.close()


@pytest.fixture
async def binance(client: Callable[[str], Any]) -> Any:
    made = client("main")
    await made.load_markets()
    return made


def orders(exchange: Exchange, account: str = "main") -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = exchange.truth()["accounts"][account]["orders"]
    return told


async def buy(binance: Any, name: str = "ib1") -> Any:
    return await binance.create_order(BTC, "market", "buy", 0.01, None, {"clientOrderId": name})


async def test_what_the_public_sees(exchange: Exchange, binance: Any) -> None:
    market = binance.market(BTC)
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 0.00001)
    assert market["limits"]["cost"]["min"] == 5
    assert abs(await binance.fetch_time() - binance.milliseconds()) < 500
    ticker = await binance.fetch_ticker(BTC)
    assert ticker["bid"] < ticker["last"] < ticker["ask"]
    rows = await binance.fetch_ohlcv(BTC, "1m", limit=3)
    assert [row[0] - rows[0][0] for row in rows] == [0, 60_000, 120_000]
    asks = (await binance.fetch_order_book(BTC, 5))["asks"]
    assert len(asks) == 5
    assert asks[0][0] == pytest.approx(ticker["ask"], rel=0.01)
    assert len(await binance.fetch_bids_asks()) == 3
    assert len(await binance.fetch_last_prices([BTC])) == 1


async def test_an_order_from_birth_to_its_trades(exchange: Exchange, binance: Any) -> None:
    placed = await buy(binance)
    assert (placed["status"], placed["clientOrderId"], placed["filled"]) == ("closed", "ib1", 0.01)
    assert placed["fees"][0]["currency"] == "BTC"
    found = await binance.fetch_order(None, BTC, {"origClientOrderId": "ib1"})
    assert (found["id"], found["average"]) == (placed["id"], placed["average"])
    trades = await binance.fetch_my_trades(BTC)
    assert {trade["order"] for trade in trades} == {placed["id"]}
    assert sum(Decimal(str(trade["amount"])) for trade in trades) == Decimal("0.01")
    told = await binance.fetch_balance()
    assert told["BTC"]["free"] == 0.00999
    assert told["info"]["balances"] == [
        {"asset": asset, **row} for asset, row in exchange.truth()["accounts"]["main"]["balances"].items()
    ]


async def test_stops_pairs_and_cancels(exchange: Exchange, binance: Any) -> None:
    await buy(binance)
    last = (await binance.fetch_ticker(BTC))["last"]
    low, high = (binance.price_to_precision(BTC, last * factor) for factor in (0.97, 1.03))
    stop = await binance.create_order(BTC, "market", "sell", 0.005, None, {"stopLossPrice": low})
    assert (await binance.fetch_order(stop["id"], BTC))["status"] == "open"
    query = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.004", "listClientOrderId": "pair"}
    legs = {"aboveType": "LIMIT_MAKER", "abovePrice": high, "belowType": "STOP_LOSS", "belowStopPrice": low}
    pair = await binance.privatePostOrderListOco(query | legs)
    assert {report["type"] for report in pair["orderReports"]} == {"LIMIT_MAKER", "STOP_LOSS"}
    assert len(await binance.fetch_open_orders(BTC)) == 3
    assert len(await binance.privateGetOpenOrderList()) == 1
    assert (await binance.privateGetOrderList({"listClientOrderId": "pair"}))["listOrderStatus"] == "EXECUTING"
    assert (await binance.cancel_order(stop["id"], BTC))["status"] == "canceled"
    with pytest.raises(wrong.OrderNotFound, match="Unknown order sent"):
        await binance.cancel_order(stop["id"], BTC)
    with pytest.raises(wrong.OrderNotFound, match="Order does not exist"):
        await binance.fetch_order("1", BTC)
    gone = await binance.privateDeleteOrderList({"symbol": "BTCUSDT", "orderListId": pair["orderListId"]})
    assert gone["listOrderStatus"] == "ALL_DONE"
    with pytest.raises(wrong.OrderNotFound):
        await binance.cancel_all_orders(BTC)
    assert [order["status"] for order in orders(exchange)] == ["FILLED", "CANCELED", "CANCELED", "CANCELED"]


async def test_one_order_takes_anothers_place(exchange: Exchange, binance: Any) -> None:
    await buy(binance)
    last = (await binance.fetch_ticker(BTC))["last"]
    low = binance.price_to_precision(BTC, last * 0.97)
    stop = await binance.create_order(BTC, "market", "sell", 0.009, None, {"stopLossPrice": low})
    fresh = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "stopPrice": low, "quantity": "0.008"}
    query = fresh | {"cancelReplaceMode": "STOP_ON_FAILURE"}
    told = await binance.privatePostOrderCancelReplace(query | {"cancelOrderId": stop["id"]})
    assert (told["cancelResult"], told["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    with pytest.raises(wrong.ExchangeError, match="-2022"):
        await binance.privatePostOrderCancelReplace(query | {"cancelOrderId": stop["id"]})
    other = fresh | {"cancelReplaceMode": "ALLOW_FAILURE", "quantity": "0.001"}
    with pytest.raises(wrong.ExchangeError, match="-2021"):
        await binance.privatePostOrderCancelReplace(other | {"cancelOrigClientOrderId": "none"})
    assert [order["origQty"] for order in orders(exchange) if order["status"] == "NEW"] == ["0.00800000", "0.00100000"]


async def test_refusals_arrive_as_ccxts_errors(exchange: Exchange, binance: Any) -> None:
    last = (await binance.fetch_ticker(BTC))["last"]
    with pytest.raises(wrong.InsufficientFunds):
        await binance.create_order(BTC, "market", "buy", 5)
    with pytest.raises(wrong.InvalidOrder, match="PERCENT_PRICE"):
        await binance.create_order(BTC, "limit", "buy", 0.01, last * 2)
    with pytest.raises(wrong.ExchangeError, match="would trigger immediately"):
        await binance.create_order(BTC, "market", "buy", 0.01, None, {"stopLossPrice": last * 0.9})
    assert orders(exchange) == []
    assert [noted["outcome"] for noted in exchange.truth()["submissions"]] == ["-2010", "-1013", "-2010"]


async def test_trades_and_orders_page_by_page(exchange: Exchange, binance: Any) -> None:
    for number in range(3):
        await buy(binance, f"ib{number}")
    whole = await binance.privateGetMyTrades({"symbol": "BTCUSDT"})
    ids = [int(row["id"]) for row in whole]
    assert ids == sorted(set(ids))
    assert await binance.privateGetMyTrades({"symbol": "BTCUSDT", "fromId": ids[2] + 1}) == whole[3:]
    assert await binance.privateGetMyTrades({"symbol": "BTCUSDT", "limit": 2}) == whole[-2:]
    first = {"symbol": "BTCUSDT", "orderId": whole[0]["orderId"]}
    assert {row["orderId"] for row in await binance.privateGetMyTrades(first)} == {whole[0]["orderId"]}
    assert await binance.fetch_my_trades("ETH/USDT") == []
    assert [order["clientOrderId"] for order in await binance.fetch_orders(BTC, None, 2)] == ["ib1", "ib2"]
    assert len(await binance.privateGetAllOrders(first)) == 3
    with pytest.raises(wrong.BadRequest):
        await binance.privateGetMyTrades({"symbol": "BTCUSDT", "fromId": 1, "startTime": 1})


async def test_keys_are_told_apart(exchange: Exchange, client: Callable[[str], Any]) -> None:
    await buy(client("human"), "hand")
    assert [order["by"] for order in orders(exchange)] == ["human"]
    assert await client("other").fetch_my_trades(BTC) == []
    assert len(await client("second").fetch_orders(BTC)) == 1
    with pytest.raises(wrong.AuthenticationError):
        await buy(client("reader"))
    rights = {name: await client(name).sapiGetAccountApiRestrictions() for name in ("main", "withdraw", "anywhere")}
    assert [rights[name]["enableWithdrawals"] for name in rights] == [False, True, False]
    assert [rights[name]["ipRestrict"] for name in rights] == [True, True, False]
    stranger = client("main")
    stranger.secret = "wrong"
    with pytest.raises(wrong.AuthenticationError, match="-1022"):
        await stranger.fetch_balance()
    stranger.apiKey = "unknown"
    with pytest.raises(wrong.AuthenticationError, match="-2015"):
        await stranger.fetch_balance()


async def test_a_revoked_key_says_two_different_things(exchange: Exchange, client: Callable[[str], Any]) -> None:
    used = client("main")
    await used.fetch_balance()
    exchange.admin.key("main", revoked=True)
    with pytest.raises(wrong.DDoSProtection):
        await used.fetch_balance()
    with pytest.raises(wrong.AuthenticationError):
        await client("main").fetch_balance()


async def test_a_skewed_clock_is_felt_and_told(exchange: Exchange, binance: Any) -> None:
    exchange.admin.set(skew_ms=60_000)
    with pytest.raises(wrong.InvalidNonce):
        await binance.fetch_balance()
    await binance.load_time_difference()
    await binance.fetch_balance()


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


async def test_the_operators_verbs_by_http(exchange: Exchange) -> None:
    admin = exchange.card()["admin"]
    async with ClientSession() as session:

        async def post(verb: str, **said: Any) -> Any:
            async with session.post(f"{admin}/{verb}", json=said) as response:
                return await response.json()

        async def get(verb: str) -> Any:
            async with session.get(f"{admin}/{verb}") as response:
                return await response.json()

        assert (await post("faults", endpoint="GET time", kind="500"))["number"] == 1
        assert len(await get("faults")) == 1
        await post("clear")
        assert await get("faults") == []
        assert "error" in await post("faults", endpoint="GET time", kind="nonsense")
        assert await post("balance", account="main", asset="USDT", delta="-2500.5") == {"free": "7499.5"}
        price = Decimal((await get("state"))["prices"]["BTCUSDT"])
        limit = str((price * Decimal("0.9")).quantize(Decimal("0.01")))
        asked = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.01"}
        placed = await post("order", account="main", type="LIMIT", timeInForce="GTC", price=limit, **asked)
        assert placed["status"] == "NEW"
        assert (await post("order", account="main", type="GUESS", **asked))["code"] == -1116
        await post("cancel", key="human", symbol="BTCUSDT", orderId=placed["orderId"])
        told = await get("truth")
        (order,) = told["accounts"]["main"]["orders"]
        assert (order["by"], order["status"], len(order["history"])) == ("human", "CANCELED", 2)
        assert told["adjustments"][0]["delta"] == "-2500.5"
        assert "error" in await post("key", name="main", owner=True)


async def test_a_path_that_does_not_exist(exchange: Exchange) -> None:
    async with ClientSession() as session:
        url = exchange.settings()["urls"]["api"]["public"]
        for path, status in (("nonsense", 404), ("klines?symbol=BTCUSDT&interval=1m&limit=x", 400), ("ping", 200)):
            async with session.get(f"{url}/{path}") as response:
                assert response.status == status
