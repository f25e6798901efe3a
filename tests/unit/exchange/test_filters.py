from __future__ import annotations

from decimal import Decimal

import pytest

from tests.exchange import filters
from tests.exchange.values import Refusal, VenueRules
from tests.unit.exchange.stand import Stand, on_tick

LIMIT = {"type": "LIMIT", "timeInForce": "GTC", "price": "59000"}
RULES = VenueRules()


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ({"symbol": "NONE"}, -1121, "Invalid symbol."),
        ({"symbol": ""}, -1102, "'symbol'"),
        ({"side": "HOLD"}, -1117, "Invalid side."),
        ({"type": "GUESS"}, -1116, "Invalid orderType."),
        ({"type": "LIMIT", "timeInForce": "GTC"}, -1102, "'price'"),
        ({"type": "LIMIT", "price": "59000"}, -1102, "'timeInForce'"),
        ({"type": "STOP_LOSS"}, -1102, "'stopPrice'"),
        (LIMIT | {"timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
        ({"timeInForce": "GTC"}, -1106, "'timeInForce' sent when not required"),
        ({"quoteOrderQty": "10"}, -1102, "'quantity' or 'quoteOrderQty'"),
        ({"quantity": "1e-3"}, -1100, "'quantity'"),
        ({"quantity": "-1"}, -1100, "'quantity'"),
        ({"quantity": "NaN"}, -1100, "'quantity'"),
        ({"quantity": "0.000000001"}, -1111, "too much precision"),
        ({"newClientOrderId": "with space"}, -1100, "'newClientOrderId'"),
        ({"newClientOrderId": "x" * 37}, -1100, "'newClientOrderId'"),
        (LIMIT | {"price": "59000.001"}, -1013, "PRICE_FILTER"),
        (LIMIT | {"price": "2000000"}, -1013, "PRICE_FILTER"),
        ({"quantity": "0.000015"}, -1013, "LOT_SIZE"),
        ({"quantity": "0"}, -1013, "LOT_SIZE"),
        (LIMIT | {"price": "30000"}, -1013, "PERCENT_PRICE_BY_SIDE"),
        (LIMIT | {"price": "90000"}, -1013, "PERCENT_PRICE_BY_SIDE"),
        ({"quantity": "0.00008"}, -1013, "NOTIONAL"),
        (LIMIT | {"quantity": "0.00008"}, -1013, "NOTIONAL"),
        ({"type": "STOP_LOSS", "side": "SELL", "stopPrice": "50000", "quantity": "0.00009"}, -1013, "NOTIONAL"),
    ],
)
def test_each_mistake_has_its_code(query: dict[str, str], code: int, words: str) -> None:
    with pytest.raises(Refusal, match=words) as refusal:
        Stand().order(**query)
    assert (refusal.value.code, refusal.value.status) == (code, 400)


def test_the_smallest_order_that_every_filter_lets_pass() -> None:
    assert Stand().order(quantity="0.0001").status == "FILLED"


def test_stops_are_counted() -> None:
    stand = Stand()
    far = on_tick(stand.price * Decimal("0.9"))
    for _ in range(5):
        stand.stop(far, quantity="0.001")
    with pytest.raises(Refusal, match="MAX_NUM_ALGO_ORDERS"):
        stand.stop(far, quantity="0.001")
    stand.order(quantity="0.001")


def test_open_orders_are_counted() -> None:
    stand = Stand(rules=VenueRules(most_orders=2))
    for _ in range(2):
        stand.limit(on_tick(stand.price * Decimal("0.9")), quantity="0.001")
    with pytest.raises(Refusal, match="MAX_NUM_ORDERS"):
        stand.order(quantity="0.001")


def test_a_venue_without_stop_market_orders_says_so() -> None:
    stand = Stand(rules=VenueRules(order_types=("LIMIT", "MARKET", "STOP_LOSS_LIMIT")))
    with pytest.raises(Refusal) as refusal:
        stand.stop(on_tick(stand.price * Decimal("0.9")))
    assert refusal.value.code == -1116


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"price": "61000"}, -1102),
        ({"price": "61000", "stopPrice": "62000"}, -2010),
        ({"aboveType": "LIMIT_MAKER", "belowType": "LIMIT_MAKER", "abovePrice": "61000", "belowPrice": "59000"}, -1158),
        ({"aboveType": "STOP_LOSS", "aboveStopPrice": "61000", "belowType": "LIMIT", "belowPrice": "1"}, -1102),
    ],
)
def test_pairs_that_make_no_sense_are_refused(query: dict[str, str], code: int) -> None:
    common = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01"}
    with pytest.raises(Refusal) as refusal:
        filters.pair(common | query, RULES, "id")
    assert refusal.value.code == code


def test_both_ways_to_ask_for_a_pair_mean_the_same() -> None:
    common = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.01"}
    old = {"price": "59000", "stopPrice": "61000", "stopLimitPrice": "61100", "stopLimitTimeInForce": "IOC"}
    new = {"belowType": "LIMIT_MAKER", "belowPrice": "59000", "aboveType": "STOP_LOSS_LIMIT"}
    new |= {"aboveStopPrice": "61000", "abovePrice": "61100", "aboveTimeInForce": "IOC"}
    names = {"limitClientOrderId": "l", "stopClientOrderId": "s"}
    sides = {"belowClientOrderId": "l", "aboveClientOrderId": "s"}
    assert filters.pair(common | old | names, RULES, "id") == filters.pair(common | new | sides, RULES, "id")


@pytest.mark.parametrize(
    ("kind", "side", "stop", "reached"),
    [
        ("STOP_LOSS", "SELL", 100, True),
        ("STOP_LOSS", "SELL", 99, False),
        ("STOP_LOSS_LIMIT", "BUY", 100, True),
        ("STOP_LOSS_LIMIT", "BUY", 101, False),
        ("TAKE_PROFIT", "SELL", 100, True),
        ("TAKE_PROFIT", "SELL", 101, False),
        ("TAKE_PROFIT_LIMIT", "BUY", 100, True),
        ("TAKE_PROFIT_LIMIT", "BUY", 99, False),
    ],
)
def test_which_way_the_price_must_go(kind: str, side: str, stop: int, *, reached: bool) -> None:
    assert filters.reached(kind, side, Decimal(stop), Decimal(100)) is reached
