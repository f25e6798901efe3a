"""A stop's life on each supported exchange: placed, found, listed, withdrawn, in the venue's own words.

Rows come out of the recorded answers, with our market, quantities and ids put in; where a venue keeps stops apart and
none was recorded (okx, kucoin), they are written as its documentation has them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from investbot.adapters.clock import SystemClock
from investbot.adapters.venues.ccxt.capabilities import known_exchanges
from investbot.adapters.venues.ccxt.trading import CcxtTrading
from investbot.domain.market import Instrument
from investbot.domain.order import OrderState, Role
from investbot.ports.trading import VenueOrder
from tests.unit.adapters.venues.ccxt.desk import KEYS, PAYLOADS, Desk, Seen, order
from tests.unit.adapters.venues.ccxt.test_trading_recorded import ACCOUNTS, CID, connected

AT = 1_700_000_000_000
WHEN = "2023-11-14T22:13:20Z"
VENUE_ID = "1111-2222"
Row = dict[str, Any]


def recorded(path: str) -> Any:
    return json.loads((PAYLOADS / "payloads" / path).read_text())


@dataclass(frozen=True)
class Life:
    """What one venue answers about a stop, and by which words it is asked; `find` and `withdraw` are (method, path)."""

    place: tuple[str, Callable[[], Any]]
    stop: Callable[[], list[tuple[str, str, Any]]]
    """Routes (method, path, body) that show the stop as open, by client id and in the lists."""
    find: tuple[str, str, Mapping[str, str]]
    withdraw: tuple[str, str, Mapping[str, Any]]
    withdrawn: Any
    venue_id: str = VENUE_ID


def binance() -> list[tuple[str, str, Any]]:
    row = recorded("binance/open_orders.json")[0] | {
        "symbol": "BTCUSDT",
        "orderId": 11112222,
        "clientOrderId": CID,
        "origQty": "0.01230000",
        "type": "STOP_LOSS",
        "side": "SELL",
        "stopPrice": "60000.00000000",
        "price": "0.00000000",
    }
    return [("GET", "/api/v3/order$", row), ("GET", "/api/v3/openOrders", [row])]


def bybit() -> list[tuple[str, str, Any]]:
    body = recorded("bybit/orders_realtime.json")
    row = body["result"]["list"][0] | {
        "symbol": "BTCUSDT",
        "orderId": VENUE_ID,
        "orderLinkId": CID,
        "qty": "0.0123",
        "leavesQty": "0.0123",
        "side": "Sell",
        "orderType": "Market",
        "orderStatus": "Untriggered",
        "stopOrderType": "Stop",
        "triggerPrice": "60000",
        "price": "0",
    }
    body["result"]["list"] = [row]
    return [("GET", "/v5/order/realtime", body)]


def okx() -> list[tuple[str, str, Any]]:
    row = {
        "algoId": VENUE_ID,
        "algoClOrdId": CID,
        "instId": "BTC-USD",
        "instType": "SPOT",
        "ordType": "trigger",
        "ordId": "",
        "ordPx": "-1",
        "side": "sell",
        "state": "live",
        "sz": "0.0123",
        "tdMode": "cash",
        "triggerPx": "60000",
        "triggerPxType": "last",
        "actualSz": "0",
        "cTime": str(AT),
    }
    told = {"code": "0", "msg": "", "data": [row]}
    nothing = {"code": "0", "msg": "", "data": []}
    return [
        ("GET", "/trade/order-algo$", told),
        ("GET", "/trade/orders-algo-pending", told),
        ("GET", "/trade/orders-pending", nothing),
    ]


def kraken() -> list[tuple[str, str, Any]]:
    body = recorded("kraken/open_orders.json")
    row = body["result"]["open"]["OYEQF4-FDE4C-NMUYUI"]
    row |= {"vol": "0.01230000", "cl_ord_id": CID, "stopprice": "60000.0"}
    row["descr"] |= {"pair": "XBTUSDT", "type": "sell", "ordertype": "stop-loss", "price": "60000.0"}
    body["result"]["open"] = {VENUE_ID: row}
    return [("POST", "/0/private/OpenOrders", body)]


def coinbase() -> list[tuple[str, str, Any]]:
    body = recorded("coinbase/orders_list.json")
    row = body["orders"][0] | {
        "order_id": VENUE_ID,
        "client_order_id": CID,
        "side": "SELL",
        "order_type": "STOP_LIMIT",
        "trigger_status": "STOP_PENDING",
        "order_configuration": {
            "stop_limit_stop_limit_gtc": {
                "base_size": "0.0123",
                "limit_price": "59400",
                "stop_price": "60000",
                "stop_direction": "STOP_DIRECTION_STOP_DOWN",
            }
        },
    }
    body["orders"] = [row]
    return [("GET", "/orders/historical/batch", body)]


def kucoin() -> list[tuple[str, str, Any]]:
    row = {
        "id": VENUE_ID,
        "symbol": "BTC-USDT",
        "type": "market",
        "side": "sell",
        "size": "0.0123",
        "price": None,
        "stop": "loss",
        "stopPrice": "60000",
        "status": "NEW",
        "clientOid": CID,
        "tradeType": "TRADE",
        "createdAt": AT,
    }
    page = {"currentPage": 1, "pageSize": 50, "totalNum": 1, "totalPage": 1, "items": [row]}
    return [
        ("GET", "/stop-order$", {"code": "200000", "data": page}),
        ("GET", "/stop-order/queryOrderByClientOid", {"code": "200000", "data": [row]}),
        ("GET", "/hf/orders/active", {"code": "200000", "data": []}),
    ]


def alpaca() -> list[tuple[str, str, Any]]:
    row = recorded("alpaca/py_get_orders.json")[0] | {
        "id": VENUE_ID,
        "client_order_id": CID,
        "symbol": "BTC/USD",
        "asset_class": "crypto",
        "qty": "0.0123",
        "filled_qty": "0",
        "filled_avg_price": None,
        "order_type": "stop_limit",
        "type": "stop_limit",
        "side": "sell",
        "time_in_force": "gtc",
        "limit_price": "59400",
        "stop_price": "60000",
        "status": "new",
    }
    gone = {"filled_at": None, "expired_at": None, "canceled_at": None, "failed_at": None, "replaced_at": None}
    return [("GET", "/v2/orders$", [row | gone | {"created_at": WHEN, "submitted_at": WHEN, "updated_at": WHEN}])]


LIVES: dict[str, Life] = {
    "binance": Life(
        ("/api/v3/order$", lambda: binance()[0][2]),
        binance,
        ("GET", "/api/v3/order$", {"origClientOrderId": CID}),
        ("DELETE", "/api/v3/order$", {"orderId": "11112222"}),
        None,
        venue_id="11112222",
    ),
    "bybit": Life(
        ("/v5/order/create", lambda: {"retCode": 0, "result": {"orderId": VENUE_ID, "orderLinkId": CID}}),
        bybit,
        ("GET", "/v5/order/realtime", {"orderFilter": "StopOrder", "orderLinkId": CID}),
        ("POST", "/v5/order/cancel", {"orderFilter": "StopOrder", "orderId": VENUE_ID}),
        {"retCode": 0, "result": {"orderId": VENUE_ID, "orderLinkId": CID}},
    ),
    "okx": Life(
        (
            "/trade/order-algo",
            lambda: {"code": "0", "data": [{"algoId": VENUE_ID, "algoClOrdId": CID, "sCode": "0", "sMsg": ""}]},
        ),
        okx,
        ("GET", "/trade/order-algo$", {"algoClOrdId": CID}),
        ("POST", "/trade/cancel-algos", {"algoId": VENUE_ID}),
        {"code": "0", "data": [{"algoId": VENUE_ID, "sCode": "0", "sMsg": ""}]},
    ),
    "kraken": Life(
        ("/0/private/AddOrder", lambda: {"error": [], "result": {"descr": {}, "txid": [VENUE_ID], "cl_ord_id": CID}}),
        kraken,
        ("POST", "/0/private/OpenOrders", {"cl_ord_id": CID}),
        ("POST", "/0/private/CancelOrder", {"txid": VENUE_ID}),
        {"error": [], "result": {"count": 1}},
    ),
    "coinbase": Life(
        (
            "/brokerage/orders$",
            lambda: {"success": True, "success_response": {"order_id": VENUE_ID, "client_order_id": CID}},
        ),
        coinbase,
        ("GET", "/orders/historical/batch", {"product_id": "BTC-USD"}),
        ("POST", "/orders/batch_cancel", {"order_ids": [VENUE_ID]}),
        {"results": [{"success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON", "order_id": VENUE_ID}]},
    ),
    "kucoin": Life(
        ("/api/v1/stop-order$", lambda: {"code": "200000", "data": {"orderId": VENUE_ID, "clientOid": CID}}),
        kucoin,
        ("GET", "/stop-order/queryOrderByClientOid", {"clientOid": CID}),
        ("DELETE", f"/stop-order/{VENUE_ID}", {}),
        {"code": "200000", "data": {"cancelledOrderIds": [VENUE_ID]}},
    ),
    "alpaca": Life(
        ("/v2/orders$", lambda: alpaca()[0][2][0]),
        alpaca,
        ("GET", "/v2/orders$", {"status": "all"}),
        ("DELETE", f"/v2/orders/{VENUE_ID}", {}),
        b"",
    ),
}
EVERY = pytest.mark.parametrize("name", LIVES if PAYLOADS.is_dir() else [])


def test_every_exchange_that_is_vouched_for_is_tested() -> None:
    assert set(LIVES) == {account.name for account in ACCOUNTS} == set(known_exchanges())


def words(seen: Seen) -> dict[str, Any]:
    """Tell what was said in a request, wherever it was said."""
    told: Any = seen.body
    body = told[0] if isinstance(told, list) else told
    return {**seen.query, **body}


def said(desk: Desk, method: str, path: str) -> list[dict[str, Any]]:
    return [words(seen) for seen in desk.asked(method, path)]


@EVERY
async def test_a_stop_is_placed_found_listed_and_withdrawn(name: str) -> None:
    account = next(each for each in ACCOUNTS if each.name == name)
    life = LIVES[name]
    async with connected(account) as (desk, venue):
        stop = order(Role.STOP, symbol=account.symbol)
        desk.add("POST", life.place[0], life.place[1]())
        report = await venue.submit(stop)
        assert (report.state, report.venue_order_id) == (OrderState.ACKNOWLEDGED, life.venue_id)

        for method, path, body in life.stop():
            desk.add(method, path, body)
        desk.seen.clear()
        found = await venue.lookup(stop)
        assert found is not None
        assert stood(found) == (life.venue_id, CID, account.symbol, OrderState.ACKNOWLEDGED, Decimal("0.0123"))
        method, path, asked = life.find
        assert asked.items() <= said(desk, method, path)[0].items()

        listed = await venue.open_orders(account.symbol)
        assert [stood(each) for each in listed if each.client_order_id == CID] == [stood(found)]

        method, path, asked = life.withdraw
        if life.withdrawn is not None:
            desk.add(method, path, life.withdrawn, **({"status": 204} if life.withdrawn == b"" else {}))
        desk.seen.clear()
        gone = await venue.cancel(stop, life.venue_id)
        (told,) = said(desk, method, path)
        assert asked.items() <= told.items(), told
        assert gone is not None
        assert gone.state in {OrderState.CANCELLED, OrderState.ACKNOWLEDGED}


def stood(found: VenueOrder) -> tuple[str, str, str, OrderState, Decimal]:
    """Tell what matters of an open stop."""
    assert found.filled == 0
    return found.venue_order_id, found.client_order_id, found.symbol, found.report.state, found.quantity


@EVERY
async def test_a_stop_is_withdrawn_by_its_client_id_where_the_venues_id_is_not_known(name: str) -> None:
    account = next(each for each in ACCOUNTS if each.name == name)
    life = LIVES[name]
    by_client = {
        "binance": {"origClientOrderId": CID},
        "bybit": {"orderLinkId": CID, "orderFilter": "StopOrder"},
        "okx": {"algoClOrdId": CID},
        "kraken": {"cl_ord_id": CID},
        "kucoin": {"clientOid": CID},
    }
    paths = {"kucoin": "/stop-order/cancelOrderByClientOid"}
    async with connected(account) as (desk, venue):
        for method, path, body in life.stop():
            desk.add(method, path, body)
        method, path, asked = life.withdraw
        path = paths.get(name, path)
        if life.withdrawn is not None:
            desk.add(method, path, life.withdrawn, **({"status": 204} if life.withdrawn == b"" else {}))
        desk.seen.clear()
        assert await venue.cancel(order(Role.STOP, symbol=account.symbol), None) is not None
        (told,) = said(desk, method, path)
        assert by_client.get(name, asked).items() <= told.items(), told


async def test_instances_that_share_a_key_of_kraken_never_use_a_nonce_twice(tmp_path: Path) -> None:
    if not PAYLOADS.is_dir():
        return
    account = next(each for each in ACCOUNTS if each.name == "kraken")
    async with Desk("kraken") as desk:
        desk.play(PAYLOADS)
        settings = desk.settings()
        venues = [CcxtTrading("kraken", KEYS, SystemClock(), settings=settings, limits=tmp_path) for _ in range(3)]
        instrument = Instrument(account.symbol, Decimal(account.tick), Decimal(account.lot))
        for venue in venues:
            await venue.connect({account.symbol: instrument})
        desk.seen.clear()
        await asyncio.gather(*(venue.balances() for venue in venues for _ in range(4)))
        nonces = [int(seen.body["nonce"]) for seen in desk.seen]
        assert len(set(nonces)) == len(nonces) == 12
        for venue in venues:
            await venue.close()
