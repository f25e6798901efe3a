from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from investbot.adapters.venues.ccxt.capabilities import oddities
from investbot.adapters.venues.ccxt.naming import client_id_of, is_about, number, own_id
from investbot.adapters.venues.ccxt.translate import (
    Request,
    balances,
    by_time,
    fee_of,
    fill,
    in_market,
    request,
    rows,
    text,
    venue_order,
)
from investbot.domain.errors import OrderRejected, VenueUnavailable
from investbot.domain.market import Instrument
from investbot.domain.order import OrderState, OrderType, Role, Side
from investbot.ports.trading import Balance
from tests.unit.adapters.venues.ccxt.desk import BTC, order

PEPE = Instrument("PEPE/USDT", Decimal("0.00000001"), Decimal(1))
BINANCE = oddities("binance")
CID = {"clientOrderId": "ib0123456789abcdef012345"}
AT = 1_700_000_000_000


def test_an_entry_is_a_limit_that_fills_at_once_or_expires() -> None:
    wanted = request(order(Role.ENTRY, Side.BUY), BTC, BINANCE)
    assert wanted == Request("BTC/USDT", "limit", "buy", "0.0123", "60000", {**CID, "timeInForce": "IOC"})


def test_a_target_rests_and_an_exit_takes_what_there_is() -> None:
    assert request(order(Role.TARGET), BTC, BINANCE).params["timeInForce"] == "GTC"
    assert request(order(Role.EXIT), BTC, BINANCE) == Request("BTC/USDT", "market", "sell", "0.0123", None, CID)


def test_a_stop_is_at_market_where_the_venue_has_that() -> None:
    wanted = request(order(Role.STOP), BTC, BINANCE)
    assert wanted == Request("BTC/USDT", "market", "sell", "0.0123", None, {**CID, "stopLossPrice": "60000"})


@pytest.mark.parametrize(("side", "price"), [(Side.SELL, "59400"), (Side.BUY, "60600")])
def test_else_a_limit_a_band_behind_its_trigger(side: Side, price: str) -> None:
    wanted = request(order(Role.STOP, side), BTC, oddities("binance", stop_market=False))
    params = {**CID, "stopLossPrice": "60000", "timeInForce": "GTC"}
    assert wanted == Request("BTC/USDT", "limit", side.value, "0.0123", price, params)


def test_its_price_lies_on_the_tick_away_from_the_trigger_and_above_nothing() -> None:
    told = oddities("binance", stop_market=False, stop_limit_band="0.0123")
    low = order(Role.STOP, symbol="PEPE/USDT", quantity="7", price="0.00000777")
    assert request(low, PEPE, told).price == "0.00000767"
    assert request(replace(low, side=Side.BUY), PEPE, told).price == "0.00000787"
    lowest = replace(low, stop_price=PEPE.tick)
    assert request(lowest, PEPE, oddities("binance", stop_market=False)).price == "0.00000001"


def test_words_of_the_venue_are_data() -> None:
    assert "client_order_id" in request(order(Role.EXIT), BTC, oddities("coinbase")).params
    assert request(order(Role.STOP), BTC, oddities("alpaca")).params["triggerPrice"] == "60000"
    params = request(order(Role.STOP), BTC, oddities("okx")).params
    assert params == {**CID, "triggerPrice": "60000", "algoClOrdId": CID["clientOrderId"]}
    assert request(order(Role.EXIT), BTC, oddities("x", client_ids=False)).params == {}


@pytest.mark.parametrize(
    ("change", "told", "said"),
    [
        ({"client_order_id": "x" * 37}, BINANCE, "longer than 36"),
        ({"quantity": Decimal("0.000001")}, BINANCE, "no multiple of the lot"),
        ({"quantity": Decimal(0)}, BINANCE, "no multiple of the lot"),
        ({"quantity": Decimal(-1)}, BINANCE, "no multiple of the lot"),
        ({"price": Decimal("60000.001")}, BINANCE, "no multiple of the tick"),
        ({"price": Decimal(0)}, BINANCE, "no multiple of the tick"),
        ({"stop_price": Decimal("-0.01"), "type": OrderType.STOP}, BINANCE, "no multiple of the tick"),
        ({"price": None}, BINANCE, "without a price"),
        ({}, oddities("x", ioc=False), "fill at once or expire"),
        ({"type": OrderType.STOP, "price": None}, BINANCE, "without a trigger"),
        ({"type": OrderType.STOP, "stop_price": Decimal(1)}, oddities("x"), "the instance has to keep it"),
        ({"type": OrderType.MARKET, "price": None}, oddities("coinbase"), "in quote only"),
    ],
)
def test_what_a_venue_cannot_take_is_refused_here(change: dict[str, Any], told: Any, said: str) -> None:
    with pytest.raises(OrderRejected, match=rf"{said}.*\.$"):
        request(replace(order(Role.ENTRY, Side.BUY), **change), BTC, told)


@pytest.mark.parametrize(
    ("value", "written"),
    [("0.00001230", "0.0000123"), ("1E+3", "1000"), ("60000.00", "60000"), ("1E-8", "0.00000001"), ("7", "7")],
)
def test_numbers_are_plain_digits(value: str, written: str) -> None:
    assert text(Decimal(value)) == written


@pytest.mark.parametrize("value", ["NaN", "inf", "-Infinity", None, "x", {}, ""])
def test_what_is_no_number_is_said_to_be_none(value: object) -> None:
    with pytest.raises(VenueUnavailable, match=r"as price\.$"):
        number(value, "price")


def told(**change: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": "28",
        "clientOrderId": "ib1",
        "symbol": "BTC/USDT",
        "status": "open",
        "amount": "0.30000000000000004",
        "filled": "0.1",
        "timestamp": AT,
    }
    return made | change


@pytest.mark.parametrize(
    ("change", "state", "filled"),
    [
        ({}, OrderState.PARTLY_FILLED, "0.1"),
        ({"filled": "0"}, OrderState.ACKNOWLEDGED, "0"),
        ({"filled": None}, OrderState.ACKNOWLEDGED, "0"),
        ({"status": None, "filled": None}, OrderState.ACKNOWLEDGED, "0"),
        ({"status": "canceling"}, OrderState.PARTLY_FILLED, "0.1"),
        ({"status": "closed", "filled": "0.30000000000000004"}, OrderState.FILLED, "0.30000000000000004"),
        ({"status": "closed", "filled": None}, OrderState.FILLED, "0.30000000000000004"),
        ({"status": "closed"}, OrderState.EXPIRED, "0.1"),
        ({"status": "canceled"}, OrderState.CANCELLED, "0.1"),
        ({"status": "expired"}, OrderState.EXPIRED, "0.1"),
        ({"status": "rejected", "filled": "0"}, OrderState.REJECTED, "0"),
    ],
)
def test_an_order_is_read(change: dict[str, Any], state: OrderState, filled: str) -> None:
    read = venue_order(told(**change), AT + 9)
    assert (read.report.state, read.filled) == (state, Decimal(filled))
    assert (read.venue_order_id, read.client_order_id, read.symbol) == ("28", "ib1", "BTC/USDT")
    assert (read.report.order_id, read.report.venue_order_id, read.report.at) == ("ib1", "28", AT)
    assert read.quantity == Decimal("0.30000000000000004")


def test_an_order_is_named_as_asked_and_timed_by_its_last_news() -> None:
    read = venue_order(told(lastTradeTimestamp=AT + 5, lastUpdateTimestamp=None), 0, "7-stop-2")
    assert (read.report.order_id, read.report.at) == ("7-stop-2", AT + 5)
    assert venue_order(told(timestamp=None), AT + 9).report.at == AT + 9


@pytest.mark.parametrize(
    "answer", [None, [], told(id=None), told(id="None"), told(symbol=None), told(amount="x"), told(filled="NaN")]
)
def test_an_order_that_makes_no_sense_is_no_answer(answer: object) -> None:
    with pytest.raises(VenueUnavailable):
        venue_order(answer, AT)


def trade(**change: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": "5001",
        "order": "28",
        "symbol": "BTC/USDT",
        "side": "buy",
        "price": "60000.10",
        "amount": "0.00100000",
        "timestamp": AT,
        "fee": {"cost": "0.00000100", "currency": "BTC"},
        "fees": [{"cost": "0.00000100", "currency": "BTC"}],
    }
    return made | change


def test_a_fill_is_read_to_the_last_digit() -> None:
    order_id, read = fill(trade(), BTC, {"28": "ib1"})
    assert order_id == "28"
    assert (read.order_id, read.trade_id, read.symbol, read.side, read.at) == ("ib1", "5001", "BTC/USDT", Side.BUY, AT)
    assert [str(part) for part in (read.price, read.quantity, read.fee)] == ["60000.10", "0.00100000", "0.00000100"]
    assert read.fee_currency == "BTC"


def test_a_fill_names_its_own_order_where_it_can() -> None:
    assert fill(trade(info={"orderLinkId": "ib2"}), BTC, {"28": "ib1"})[1].order_id == "ib2"
    assert fill(trade(), BTC, {})[1].order_id == ""
    assert fill(trade(order=None), BTC, {"": "x"})[0] == ""


@pytest.mark.parametrize(
    ("change", "fee", "currency"),
    [
        ({"fee": None, "fees": []}, "0", "USDT"),
        ({"fees": None}, "0.000001", "BTC"),
        ({"fees": [{"cost": "1.5", "currency": "BNB"}]}, "1.5", "BNB"),
        ({"fees": [{"cost": "1.5", "currency": None}]}, "1.5", "USDT"),
        ({"fees": [{"cost": "-0.2", "currency": "USDT"}]}, "-0.2", "USDT"),
        ({"fees": [{"cost": "0", "currency": "BNB"}]}, "0", "BNB"),
        ({"fees": [{"cost": None, "currency": None}]}, "0", "USDT"),
        ({"fees": [{"cost": "1", "currency": "USDT"}, {"cost": "2", "currency": "USDT"}]}, "3", "USDT"),
        ({"fees": [{"cost": "1", "currency": "USDT"}, {"cost": "0.1", "currency": "BTC"}]}, "0.1", "BTC"),
        ({"fees": [{"cost": "0", "currency": "BTC"}, {"cost": "1", "currency": "BNB"}]}, "1", "BNB"),
    ],
)
def test_fees_in_base_quote_or_a_third_coin(change: dict[str, Any], fee: str, currency: str) -> None:
    assert fee_of(trade(**change), BTC)[:2] == (Decimal(fee), currency)


@pytest.mark.parametrize(
    ("costs", "told"),
    [
        ({"BNB": "2", "USDT": "1"}, ("1", "USDT", "0")),
        ({"BNB": "2", "BTC": "0.1"}, ("0.1", "BTC", "0")),
        ({"USDT": "1", "BTC": "0.1"}, ("0.1", "BTC", "1")),
        ({"USDT": "0", "BTC": "0.1"}, ("0.1", "BTC", "0")),
        ({"BNB": "2", "XYZ": "1"}, ("2", "BNB", "0")),
    ],
)
def test_of_two_fees_both_are_kept_that_money_and_position_feel(
    costs: dict[str, str], told: tuple[str, str, str]
) -> None:
    fees = [{"cost": cost, "currency": currency} for currency, cost in costs.items()]
    fee, currency, beside = fee_of(trade(fees=fees), BTC)
    assert (str(fee), currency, str(beside)) == told
    assert fill(trade(fees=fees), BTC, {})[1].fee_quote == beside


@pytest.mark.parametrize(
    "answer",
    [
        None,
        trade(id=None),
        trade(side=None),
        trade(price=None),
        trade(price="0"),
        trade(amount="-1"),
        trade(amount="NaN"),
        trade(timestamp=None),
        trade(fees=[{"cost": "x", "currency": "BTC"}]),
        trade(fees=[{"cost": None, "currency": "BTC"}]),
    ],
)
def test_a_trade_that_makes_no_sense_is_no_answer(answer: object) -> None:
    with pytest.raises(VenueUnavailable):
        fill(answer, BTC, {})


def test_balances_are_read() -> None:
    told = {
        "info": {"any": "thing"},
        "free": {"BTC": "0.1", "USDT": None, "ETH": "3"},
        "used": {"BTC": "0.2", "USDT": "5", "ETH": None},
        "total": {"BTC": "0.3", "USDT": "12.5", "ETH": "3", "XRP": None},
    }
    assert balances(told) == {
        "BTC": Balance(Decimal("0.1"), Decimal("0.2")),
        "USDT": Balance(Decimal("7.5"), Decimal(5)),
        "ETH": Balance(Decimal(3), Decimal(0)),
    }


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "",
        {},
        {"total": None},
        {"total": {}, "info": {}},
        {"total": {}, "info": ["a", 7]},
        {"total": {"BTC": "NaN"}, "free": {"BTC": "NaN"}, "info": {"x": 1}},
        {"total": {"BTC": None}, "free": {"BTC": None}, "used": {"BTC": "0"}, "info": {"x": 1}},
    ],
)
def test_what_is_no_balance_is_no_answer(answer: object) -> None:
    with pytest.raises(VenueUnavailable):
        balances(answer)


def test_what_is_no_list_is_no_answer() -> None:
    assert rows([1], "orders") == [1]
    others: list[object] = [{}, "text", None]
    for answer in others:
        with pytest.raises(VenueUnavailable, match=r"no list of orders\.$"):
            rows(answer, "orders")


@pytest.mark.parametrize(
    ("row", "ours"),
    [
        ({"symbol": "BTC/USDT"}, True),
        ({"symbol": None, "info": {}}, True),
        ({"symbol": "ETH/USDT"}, False),
        ({"symbol": "BTC/USDT", "info": {"symbol": "LTC/USDT"}}, False),
        ({"symbol": "BTC/USDT", "info": {"symbol": "BTC-USDT"}}, True),
        ({"symbol": "BTC/USDT", "info": {"pair": "XBTUSDT"}}, True),
        ({"symbol": "BTC/USDT", "info": {"pair": "XXBTZUSD"}}, False),
        ({"symbol": "BTC/USDT", "info": {"s": "BTCUSDT"}}, True),
        ({"symbol": "BTC/USDT", "info": "text"}, True),
        (None, False),
    ],
)
def test_a_row_of_another_market_is_seen_through(row: object, ours: bool) -> None:
    market = {"symbol": "BTC/USDT", "id": "BTCUSDT", "info": {"altname": "XBTUSDT", "lot": 5}}
    assert in_market(row, market) is ours


def test_client_ids_are_found_in_the_venues_words() -> None:
    assert client_id_of({"clientOrderId": "a", "info": {"clOrdId": "b"}}) == "a"
    assert client_id_of({"clientOrderId": None, "info": {"algoClOrdId": "b"}}) == "b"
    assert client_id_of({"clientOrderId": "0"}) == ""
    assert client_id_of({"info": {"e": "executionReport", "c": "ib"}}) == "ib"
    assert client_id_of({"info": {"e": "executionReport", "c": ""}}) == ""
    assert client_id_of({"info": {"c": "1.5"}}) == client_id_of({"info": []}) == ""


def test_fills_are_ordered_by_time_and_number() -> None:
    made = [
        fill(trade(id=name, timestamp=AT + at), BTC, {})[1] for name, at in (("10", 1), ("9", 1), ("b", 1), ("99", 0))
    ]
    assert [read.trade_id for read in sorted(made, key=by_time)] == ["99", "b", "9", "10"]


RENAMED = {"clientOrderId": "977", "symbol": "BTC/USDT", "side": "buy", "amount": "0.01"}


@pytest.mark.parametrize(
    ("change", "about"),
    [
        ({}, True),
        ({"clientOrderId": None}, True),
        ({"clientOrderId": "ib1"}, True),
        ({"clientOrderId": "ib1", "amount": "7"}, True),
        ({"clientOrderId": "ib2"}, False),
        ({"symbol": "ETH/USDT"}, False),
        ({"side": "sell"}, False),
        ({"amount": "0.02"}, False),
        ({"amount": None}, False),
    ],
)
def test_a_name_of_the_venue_s_own_is_taken_for_the_same_order_only(change: dict[str, Any], about: bool) -> None:
    wanted = order(Role.ENTRY, Side.BUY, quantity="0.01", client_order_id="ib1")
    assert is_about(RENAMED | change, wanted) is about


def test_our_own_name_comes_first() -> None:
    assert [own_id("ib1", "ib2"), own_id("9", "ib2"), own_id("9", ""), own_id("", "ib2")] == ["ib1", "ib2", "9", "ib2"]
