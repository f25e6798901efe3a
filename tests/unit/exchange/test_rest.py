"""The real class of ccxt against the exchange: what is asked, placed, refused."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.exchange.exchange import Exchange
from tests.unit.exchange.ask import BTC, buy, orders, wrong


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


async def test_all_orders_of_a_market_are_cancelled_at_once(exchange: Exchange, binance: Any) -> None:
    await buy(binance)
    last = (await binance.fetch_ticker(BTC))["last"]
    low, high = (binance.price_to_precision(BTC, last * factor) for factor in (0.97, 1.03))
    await binance.create_order(BTC, "limit", "buy", 0.01, low)
    query = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.004", "price": high, "stopPrice": low}
    await binance.privatePostOrderOco(query)
    await binance.cancel_all_orders(BTC)
    assert [order["status"] for order in orders(exchange)] == ["FILLED", "CANCELED", "CANCELED", "CANCELED"]
    assert exchange.truth()["accounts"]["main"]["balances"]["USDT"]["locked"] == "0.00000000"


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
