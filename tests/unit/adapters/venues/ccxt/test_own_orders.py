from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from investbot.adapters.venues.ccxt.capabilities import oddities
from investbot.adapters.venues.ccxt.doubt import Absent
from investbot.adapters.venues.ccxt.own_orders import BEFORE_MS, OwnOrders
from investbot.domain.errors import VenueUnavailable
from investbot.domain.order import OrderState, Role, Side
from tests.unit.adapters.venues.ccxt.desk import BTC, order

AT = 1_700_000_000_000
MARKETS = {"BTC/USDT": {"symbol": "BTC/USDT", "id": "BTCUSDT", "info": {}}}
HAS = dict.fromkeys(("fetchOpenOrders", "fetchOrders", "fetchClosedOrders", "fetchCanceledAndClosedOrders"), True)


class Answering:
    """Stands for the caller: every question is kept and answered by the test."""

    def __init__(self, answer: Callable[..., Any]) -> None:
        self.answer = answer
        self.asked: list[tuple[Any, ...]] = []

    async def ask(self, name: str, *args: Any, **more: Any) -> Any:
        more.pop("asked", None)
        self.asked.append((name, *args, *more.values()))
        return self.answer(name, *args, **more)


def reader(name: str, answer: Callable[..., Any], **changes: Any) -> tuple[Answering, OwnOrders]:
    caller = Answering(answer)
    return caller, OwnOrders(caller, HAS, MARKETS, oddities(name, **changes))  # type: ignore[arg-type]


def trade(number: int, at: int, info: dict[str, Any] | None = None) -> dict[str, Any]:
    row = {"id": str(number), "order": f"o{number}", "symbol": "BTC/USDT", "side": "buy", "price": "7", "amount": "1"}
    return row | {"timestamp": at, "info": info or {}}


HISTORY = [trade(number, AT + number // 3) for number in range(1, 251)]
"""250 trades, three a millisecond."""


def by_id(name: str, symbol: str, since: int | None, limit: int | None, params: dict[str, Any]) -> Any:
    """Answer like a venue that reads forward, from an id or from a time on."""
    first = int(params.get("fromId", 0))
    rows = [row for row in HISTORY if int(row["id"]) >= first and row["timestamp"] >= (since or 0)]
    return rows[: limit or 20]


def backwards(name: str, symbol: str, since: int | None, limit: int | None, params: dict[str, Any]) -> Any:
    """Answer like a venue that gives the newest it has before a time."""
    until = params.get("until", AT * 2)
    rows = [row for row in HISTORY if (since or 0) <= row["timestamp"] <= until]
    return rows[-(limit or 20) :][::-1]


@pytest.mark.parametrize("since_id", [None, "1", "100", "249", "250"])
@pytest.mark.parametrize(
    ("name", "answer", "changes"),
    [
        ("binance", by_id, {"fills_page": 40}),
        ("binance", by_id, {"fills_page": 250}),
        ("binance", by_id, {"fills_page": 40, "fills_from": ""}),
        ("kraken", backwards, {}),
        ("bigone", backwards, {}),
        ("bigone", by_id, {"fills_newest_first": False}),
    ],
)
async def test_all_fills_are_read_page_by_page(
    name: str, answer: Callable[..., Any], changes: dict[str, Any], since_id: str | None
) -> None:
    caller, orders = reader(name, answer, **changes)
    pairs = await orders.fills(BTC, since_id, AT)
    assert [made.trade_id for _, made in pairs] == [str(number) for number in range(int(since_id or 0) + 1, 251)]
    assert all(order_id == f"o{made.trade_id}" for order_id, made in pairs)
    assert len(caller.asked) < 25


async def test_a_known_trade_is_asked_for_by_its_number_where_it_has_one() -> None:
    caller, orders = reader("binance", lambda *args, **more: [])
    assert await orders.fills(BTC, "41", AT) == []
    assert await orders.fills(BTC, "a-41", AT) == []
    assert await orders.fills(BTC, None, AT) == []
    assert [asked[2:] for asked in caller.asked] == [(None, 1000, {"fromId": "42"}), (AT, 1000, {}), (AT, 1000, {})]


async def test_trades_of_other_markets_fill_pages_but_are_nobodys() -> None:
    foreign = [trade(number, AT + number, {"symbol": "LTC/USD"}) for number in range(50, 101)]
    ours = [trade(number, AT + number, {"symbol": "BTCUSDT"}) for number in (1, 2, 3)]

    def answer(name: str, symbol: str, since: int, limit: int, params: dict[str, Any]) -> Any:
        until = params.get("until", AT * 2)
        return [row for row in [*ours, *foreign] if row["timestamp"] <= until][-limit:]

    _, orders = reader("kraken", answer)
    assert [made.trade_id for _, made in await orders.fills(BTC, None, AT)] == ["1", "2", "3"]


async def test_a_history_without_end_is_no_answer() -> None:
    state = {"last": 0}

    def answer(*args: Any, **more: Any) -> Any:
        state["last"] += 5
        return [trade(number, AT + number) for number in range(state["last"], state["last"] + 5)]

    _, orders = reader("binance", answer, fills_page=5)
    with pytest.raises(VenueUnavailable, match="more own trades"):
        await orders.fills(BTC, "1", AT)


@pytest.mark.parametrize("answer", [None, {}, [None], [{"id": None}]])
async def test_a_history_with_a_hole_is_no_answer(answer: Any) -> None:
    _, orders = reader("binance", lambda *args, **more: answer)
    with pytest.raises(VenueUnavailable):
        await orders.fills(BTC, None, AT)


OURS = order(Role.STOP)


def row(**change: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"id": "9", "clientOrderId": OURS.client_order_id, "symbol": "BTC/USDT", "status": "open"}
    return made | {"amount": "0.0123", "filled": "0", "timestamp": AT, "info": {}} | change


async def test_an_order_is_asked_for_by_client_id() -> None:
    caller, orders = reader("binance", lambda *args, **more: row())
    found = await orders.find(OURS, AT)
    assert found is not None
    assert (found.venue_order_id, found.report.order_id, found.report.state) == (
        "9",
        OURS.order_id,
        OrderState.ACKNOWLEDGED,
    )
    assert caller.asked == [("fetch_order", "", "BTC/USDT", {"clientOrderId": OURS.client_order_id})]
    assert orders.client_ids == {"9": OURS.client_order_id}


async def test_an_answer_that_leaves_out_symbol_and_client_id_is_ours() -> None:
    _, orders = reader("binance", lambda *args, **more: row(clientOrderId=None, symbol=None))
    found = await orders.find(OURS, AT)
    assert found is not None
    assert (found.client_order_id, found.symbol) == (OURS.client_order_id, "BTC/USDT")


@pytest.mark.parametrize("answer", [None, "", {}, row(id=None), row(clientOrderId="x"), row(symbol="ETH/USDT")])
async def test_an_odd_answer_about_an_order_is_none(answer: Any) -> None:
    _, orders = reader("binance", lambda *args, **more: answer)
    with pytest.raises(VenueUnavailable):
        await orders.find(OURS, AT)


def absent(*args: Any, **more: Any) -> Any:
    raise Absent("no such order.")


async def test_a_stop_is_looked_for_where_stops_are_and_then_where_orders_are() -> None:
    caller, orders = reader("kucoin", absent)
    assert await orders.find(OURS, AT) is None
    assert [asked[3] for asked in caller.asked] == [
        {"clientOid": OURS.client_order_id, "stop": True},
        {"clientOid": OURS.client_order_id},
    ]
    caller, orders = reader("kucoin", absent)
    assert await orders.find(order(Role.EXIT), AT) is None
    assert len(caller.asked) == 1


async def test_a_triggered_stop_is_the_order_it_became() -> None:
    def answer(name: str, venue_id: str, symbol: str, params: dict[str, Any]) -> Any:
        if params.get("stop"):
            return row(id="algo-1", status="closed", filled=None, info={"ordId": "77"})
        assert venue_id == "77"
        return row(id="77", clientOrderId=None, status="closed", filled="0.0123")

    _, orders = reader("okx", answer)
    found = await orders.find(OURS, AT)
    assert found is not None
    assert (found.venue_order_id, found.client_order_id, found.filled) == (
        "77",
        OURS.client_order_id,
        Decimal("0.0123"),
    )
    assert orders.client_ids["77"] == OURS.client_order_id
    _, orders = reader("okx", lambda *args, **more: row(id="algo-1", info={"ordId": ""}))
    found = await orders.find(OURS, AT)
    assert found is not None
    assert found.venue_order_id == "algo-1"


async def test_lists_are_searched_open_ones_first() -> None:
    closed = row(status="canceled", id="8")

    def answer(name: str, *args: Any, **more: Any) -> Any:
        return {"fetch_open_orders": [row(clientOrderId="x", id="1")], "fetch_closed_orders": [closed]}[name]

    caller, orders = reader("kraken", answer)
    found = await orders.find(OURS, AT)
    assert found is not None
    assert found.report.state is OrderState.CANCELLED
    params = {"clientOrderId": OURS.client_order_id}
    since = OURS.placed_at - BEFORE_MS
    assert caller.asked == [
        ("fetch_open_orders", "BTC/USDT", None, None, params),
        ("fetch_closed_orders", "BTC/USDT", since, None, params),
    ]


async def test_a_list_the_exchange_has_not_is_not_asked_for() -> None:
    caller, orders = reader("bigone", lambda *args, **more: [])
    assert await orders.find(order(Role.ENTRY, Side.BUY), AT) is None
    assert [asked[0] for asked in caller.asked] == ["fetch_open_orders", "fetch_orders", "fetch_closed_orders"]


async def test_an_order_whose_venue_id_is_known_is_found_without_its_client_id() -> None:
    _, orders = reader("coinbase", lambda *args, **more: [row(clientOrderId=None)])
    assert await orders.find(OURS, AT) is None
    orders.remember("9", OURS.client_order_id)
    orders.remember("", "x")
    found = await orders.find(OURS, AT)
    assert found is not None
    assert found.client_order_id == OURS.client_order_id


async def test_open_orders_are_those_of_the_market_with_the_stops() -> None:
    def answer(name: str, symbol: str, params: dict[str, Any]) -> Any:
        others = [row(id="2", info={"symbol": "LTCUSDT"}), row(id="3", symbol="LTC/USDT")]
        return [row(id="5", clientOrderId="stop")] if params.get("stop") else [row(clientOrderId=None), *others]

    caller, orders = reader("okx", answer)
    found = await orders.open("BTC/USDT", AT)
    assert [(each.venue_order_id, each.client_order_id, each.report.order_id) for each in found] == [
        ("9", "", ""),
        ("5", "stop", "stop"),
    ]
    caller, orders = reader("binance", lambda *args, **more: [])
    assert await orders.open("BTC/USDT", AT) == []
    assert len(caller.asked) == 1


@pytest.mark.parametrize("answer", [None, {}, "x", [row(id=None)], [row(amount="NaN")]])
async def test_a_list_of_open_orders_with_a_hole_is_no_answer(answer: Any) -> None:
    _, orders = reader("binance", lambda *args, **more: answer)
    with pytest.raises(VenueUnavailable):
        await orders.open("BTC/USDT", AT)
