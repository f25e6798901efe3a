"""Whose an answer is: the ids an exchange tells, which may be words of its own, and the digits it writes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from investbot.domain.errors import VenueUnavailable
from investbot.domain.order import Order

OURS = "ib"
"""How every client order id of this house begins."""
_CLIENT_ID_KEYS = (
    "clientOrderId",
    "orderLinkId",
    "clOrdId",
    "algoClOrdId",
    "clientOid",
    "client_order_id",
    "cl_ord_id",
)


def number(value: object, what: str) -> Decimal:
    """Read a number the venue told; VenueUnavailable where it is none."""
    try:
        read = Decimal(str(value))
    except InvalidOperation:
        read = Decimal("NaN")
    if not read.is_finite():
        raise VenueUnavailable(f"The venue told {str(value)[:20]!r} as {what}.")
    return read


def told(answer: Mapping[str, Any], key: str) -> str:
    """Give a text of the answer, "" where there is none; ccxt writes a missing id as None or the word for it."""
    value = answer.get(key)
    return "" if value is None or value in {"", "None", "null", "undefined"} else str(value)


def client_id_of(answer: Mapping[str, Any]) -> str:
    """Find the client order id of an order or trade, in the answer or in the venue's own words; "" = none."""
    info = answer.get("info")
    own = info if isinstance(info, Mapping) else {}
    for place in (answer, own):
        for key in _CLIENT_ID_KEYS:
            value = place.get(key)
            if isinstance(value, str) and value not in {"", "0"}:
                return value
    return str(own["c"]) if own.get("e") == "executionReport" and own.get("c") else ""


def own_id(told_id: str, known: str) -> str:
    """Choose between the client id a venue tells and the one known here: some venues echo words of their own."""
    return told_id if told_id.startswith(OURS) else known or told_id


def is_about(answer: Mapping[str, Any], order: Order) -> bool:
    """Tell whether an answer to a question about `order` can be about it: its client id, or a name of the venue's own.

    Such a name is taken only where symbol, side and quantity are the order's, and never for one of our own making.
    """
    client_id, symbol = client_id_of(answer), told(answer, "symbol")
    if symbol not in {"", order.symbol}:
        return False
    if client_id in {"", order.client_order_id}:
        return True
    if client_id.startswith(OURS) or answer.get("side") != order.side.value or answer.get("amount") is None:
        return False
    return number(answer["amount"], "quantity") == order.quantity
