"""Reads an order request and holds it to the market's filters, with Binance's codes and words."""

from __future__ import annotations

import re
from decimal import Decimal

from tests.exchange.bars import Filters, listed
from tests.exchange.values import ALGO, MARKETS, NOUGHT, STOPS, NewOrder, Order, Refusal, VenueRules

MANDATORY = {
    "LIMIT": ("timeInForce", "quantity", "price"),
    "LIMIT_MAKER": ("quantity", "price"),
    "MARKET": (),
    "STOP_LOSS": ("quantity", "stopPrice"),
    "STOP_LOSS_LIMIT": ("timeInForce", "quantity", "price", "stopPrice"),
    "TAKE_PROFIT": ("quantity", "stopPrice"),
    "TAKE_PROFIT_LIMIT": ("timeInForce", "quantity", "price", "stopPrice"),
}
CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")


def read(query: dict[str, str], rules: VenueRules, fresh_id: str) -> NewOrder:
    """Check the form of POST order; Refusal."""
    listing = listed(_needed(query, "symbol"))
    side, kind = _needed(query, "side"), _needed(query, "type")
    if side not in {"BUY", "SELL"}:
        raise Refusal(-1117, "Invalid side.")
    if kind not in MANDATORY or kind not in rules.order_types:
        raise Refusal(-1116, "Invalid orderType.")
    for name in MANDATORY[kind]:
        _needed(query, name)
    if kind in MARKETS | {"LIMIT_MAKER"} and query.get("timeInForce"):
        raise Refusal(-1106, "Parameter 'timeInForce' sent when not required.")
    tif = query.get("timeInForce") or "GTC"
    if tif not in {"GTC", "IOC", "FOK"}:
        raise Refusal(-1115, "Invalid timeInForce.")
    if kind == "MARKET" and ("quantity" in query) == ("quoteOrderQty" in query):
        raise Refusal(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
    client_id = query.get("newClientOrderId") or fresh_id
    if not CLIENT_ID.fullmatch(client_id):
        raise Refusal(
            -1100,
            "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[\\.A-Z\\:/a-z0-9_-]{1,36}$'.",
        )
    shown = "FULL" if kind in {"MARKET", "LIMIT"} else "ACK"
    return NewOrder(
        listing,
        side,
        kind,
        tif,
        _amount(query, "quantity"),
        _amount(query, "quoteOrderQty"),
        _amount(query, "price"),
        _amount(query, "stopPrice"),
        client_id,
        query.get("newOrderRespType", shown),
    )


def check(wanted: NewOrder, last: Decimal, mean: Decimal, resting: list[Order], rules: VenueRules) -> None:
    """Hold an order to every filter; `last` and `mean` are prices of now and of the last five minutes. Refusal."""
    limits = Filters(wanted.listing)
    for price in (wanted.price, wanted.stop_price):
        if price and (price % limits.tick or not limits.tick <= price <= limits.most_price):
            raise _failed("PRICE_FILTER")
    if wanted.quantity % limits.lot or not limits.lot <= wanted.quantity <= limits.most_quantity:
        raise _failed("LOT_SIZE")
    if wanted.price and not mean * rules.band_down <= wanted.price <= mean * rules.band_up:
        raise _failed("PERCENT_PRICE_BY_SIDE")
    if wanted.quantity * (wanted.price or wanted.stop_price or mean) < limits.min_notional:
        raise _failed("NOTIONAL")
    if len(resting) >= rules.most_orders:
        raise _failed("MAX_NUM_ORDERS")
    if wanted.kind in ALGO:
        if sum(order.kind in ALGO for order in resting) >= rules.most_algo_orders:
            raise _failed("MAX_NUM_ALGO_ORDERS")
        if reached(wanted.kind, wanted.side, wanted.stop_price, last):
            raise Refusal(-2010, "Stop price would trigger immediately.")


def reached(kind: str, side: str, stop_price: Decimal, last: Decimal) -> bool:
    """Tell whether the last price triggers a stop or take-profit order."""
    falls = (kind in STOPS) == (side == "SELL")
    return last <= stop_price if falls else last >= stop_price


def pair(query: dict[str, str], rules: VenueRules, fresh_id: str) -> tuple[NewOrder, NewOrder]:
    """Read POST order/oco or POST orderList/oco: the limit side first, then the stop side; Refusal."""
    side = _needed(query, "side")
    common = {"symbol": _needed(query, "symbol"), "side": side, "quantity": _needed(query, "quantity")}
    if "aboveType" in query or "belowType" in query:
        legs = [_leg(query, "above", common, fresh_id), _leg(query, "below", common, fresh_id)]
    else:
        stop = {
            "type": "STOP_LOSS_LIMIT" if "stopLimitPrice" in query else "STOP_LOSS",
            "stopPrice": _needed(query, "stopPrice"),
            "newClientOrderId": query.get("stopClientOrderId", fresh_id + "s"),
        }
        if "stopLimitPrice" in query:
            stop |= {"price": query["stopLimitPrice"], "timeInForce": query.get("stopLimitTimeInForce", "GTC")}
        limit = {
            "type": "LIMIT_MAKER",
            "price": _needed(query, "price"),
            "newClientOrderId": query.get("limitClientOrderId", fresh_id + "l"),
        }
        legs = [common | limit, common | stop]
    first, second = (read(leg, rules, fresh_id) for leg in legs)
    if first.kind in STOPS:
        first, second = second, first
    if second.kind not in STOPS or first.kind in STOPS:
        raise Refusal(-1158, "Invalid combination of order types in the order list.")
    above, below = (first, second) if side == "SELL" else (second, first)
    if (above.price or above.stop_price) <= (below.stop_price or below.price):
        raise Refusal(-2010, "The relationship of the prices for the orders is not correct.")
    return first, second


def _leg(query: dict[str, str], where: str, common: dict[str, str], fresh_id: str) -> dict[str, str]:
    leg = common | {
        "type": _needed(query, f"{where}Type"),
        "newClientOrderId": query.get(f"{where}ClientOrderId", fresh_id + where[0]),
    }
    for name in ("Price", "StopPrice", "TimeInForce"):
        if where + name in query:
            leg[name[0].lower() + name[1:]] = query[where + name]
    return leg


def _needed(query: dict[str, str], name: str) -> str:
    value = query.get(name, "")
    if not value:
        raise Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    return value


def _amount(query: dict[str, str], name: str) -> Decimal:
    value = query.get(name)
    if not value:
        return NOUGHT
    if not NUMBER.fullmatch(value):
        raise Refusal(
            -1100,
            f"Illegal characters found in parameter '{name}'; legal range is '^([0-9]{{1,20}})(\\.[0-9]{{1,20}})?$'.",
        )
    if len(value.partition(".")[2].rstrip("0")) > 8:
        raise Refusal(-1111, "Parameter '" + name + "' has too much precision.")
    return Decimal(value)


def _failed(name: str) -> Refusal:
    return Refusal(-1013, f"Filter failure: {name}")
