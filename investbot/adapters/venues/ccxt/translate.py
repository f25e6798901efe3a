"""Orders into ccxt's words and its answers back: numbers as decimal text both ways, never through a float.

The exchange is made with `number=str`, so that ccxt hands on the venue's own digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Any, TypeGuard

from investbot.adapters.venues.ccxt.capabilities import Oddities
from investbot.adapters.venues.ccxt.naming import client_id_of, number, own_id, told
from investbot.domain.errors import NoStopsHere, OrderRejected, VenueUnavailable
from investbot.domain.market import Instrument, Millis
from investbot.domain.order import Fill, Order, OrderReport, OrderState, OrderType, Side, TimeInForce
from investbot.ports.trading import Balance, VenueOrder

_DONE_STATES = {
    "canceled": OrderState.CANCELLED,
    "cancelled": OrderState.CANCELLED,
    "expired": OrderState.EXPIRED,
    "expired_in_match": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}
_MARKET_KEYS = ("symbol", "pair", "instId", "product_id", "s")
_NOUGHT = Decimal(0)


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of ccxt's `create_order`; amount and price are decimal text."""

    symbol: str
    type: str
    side: str
    amount: str
    price: str | None
    params: dict[str, Any]


def request(order: Order, instrument: Instrument, told: Oddities) -> Request:
    """Put an order into ccxt's words; OrderRejected where the venue cannot take it, and then nothing is sent."""
    if len(order.client_order_id) > told.client_id_length:
        raise OrderRejected(f"The client order id of {order.order_id} is longer than {told.client_id_length}.")
    if order.quantity <= 0 or order.quantity != instrument.quantity_down(order.quantity):
        raise OrderRejected(f"{order.order_id}: {order.quantity} is no multiple of the lot {instrument.lot}.")
    for price in (order.price, order.stop_price):
        if price is not None and (price <= 0 or price != instrument.price_down(price)):
            raise OrderRejected(f"{order.order_id}: {price} is no multiple of the tick {instrument.tick}.")
    params: dict[str, Any] = {told.client_id_param: order.client_order_id} if told.client_ids else {}
    kind, price = order.type.value, order.price
    if order.type is OrderType.LIMIT:
        if price is None:
            raise OrderRejected(f"{order.order_id} is a limit order without a price.")
        if order.time_in_force is TimeInForce.IOC and not told.ioc:
            raise OrderRejected(f"{order.order_id}: the venue has no orders that fill at once or expire.")
        params["timeInForce"] = order.time_in_force.value.upper()
    elif order.type is OrderType.STOP:
        kind, price, more = _stop(order, instrument, told)
        params |= more
    elif order.side is Side.BUY and not told.market_buy:
        raise OrderRejected(f"{order.order_id}: the venue takes market orders to buy in quote only.")
    return Request(order.symbol, kind, order.side.value, text(order.quantity), text(price) if price else None, params)


def _stop(order: Order, instrument: Instrument, told: Oddities) -> tuple[str, Decimal | None, dict[str, Any]]:
    """Choose stop-market where the venue has it, else a stop-limit whose price lies a band behind the trigger."""
    if order.stop_price is None:
        raise OrderRejected(f"{order.order_id} is a stop without a trigger.")
    if not (told.stop_market or told.stop_limit):
        raise NoStopsHere(f"{order.order_id}: no stop rests on this venue; the instance has to keep it.")
    params = {told.stop_param: text(order.stop_price)}
    if told.stop_client_id_param:
        params[told.stop_client_id_param] = order.client_order_id
    if told.stop_market:
        return "market", None, params
    if order.side is Side.SELL:
        price = instrument.price_down(order.stop_price * (1 - told.stop_limit_band))
    else:
        price = instrument.price_up(order.stop_price * (1 + told.stop_limit_band))
    params["timeInForce"] = "GTC"
    return "limit", max(price, instrument.tick), params


def text(value: Decimal) -> str:
    """Write a number as plain digits."""
    return format(value.normalize(), "f")


def venue_order(answer: object, at: Millis, order_id: str | None = None) -> VenueOrder:
    """Read one order; VenueUnavailable where it has no id, symbol or quantity.

    `at` stands in where the venue told no time; the report's `order_id` is the client order id where none is given.
    """
    if not isinstance(answer, Mapping) or not told(answer, "id") or not told(answer, "symbol"):
        raise VenueUnavailable("The venue told of an order without an id or a symbol.")
    quantity = number(answer.get("amount") or 0, "quantity")
    filled = number(answer.get("filled") or 0, "filled quantity")
    state = state_of(answer.get("status"), quantity, filled, told_filled=answer.get("filled") is not None)
    client_id = client_id_of(answer)
    report = OrderReport(
        at=_moment(answer, at),
        order_id=client_id if order_id is None else order_id,
        state=state,
        venue_order_id=told(answer, "id"),
        reason="" if state not in _DONE_STATES.values() else str(answer.get("status")),
    )
    done = quantity if state is OrderState.FILLED and answer.get("filled") is None else filled
    return VenueOrder(told(answer, "id"), client_id, told(answer, "symbol"), report, quantity, done)


def settled(answer: Mapping[str, Any], order: Order, at: Millis) -> OrderReport:
    """Report an order just accepted: done only where the venue says that nothing was filled and nothing will be.

    A report that ended an order before its fills are booked would lose them.
    """
    filled = number(answer.get("filled") or 0, "filled quantity")
    state = state_of(answer.get("status"), order.quantity, filled, told_filled=answer.get("filled") is not None)
    empty = answer.get("filled") is not None and not filled
    if not (empty and state in {OrderState.CANCELLED, OrderState.EXPIRED}):
        state = OrderState.ACKNOWLEDGED
    status = answer.get("status")
    return OrderReport(_moment(answer, at), order.order_id, state, told(answer, "id"), str(status or ""))


def state_of(status: object, quantity: Decimal, filled: Decimal, *, told_filled: bool) -> OrderState:
    """Tell the state behind ccxt's word; an order closed before all of it was filled has expired."""
    if status in _DONE_STATES:
        return _DONE_STATES[str(status)]
    if status == "closed":
        return OrderState.EXPIRED if told_filled and filled < quantity else OrderState.FILLED
    return OrderState.PARTLY_FILLED if filled > 0 else OrderState.ACKNOWLEDGED


def fill(answer: object, instrument: Instrument, client_ids: Mapping[str, str]) -> tuple[str, Fill]:
    """Read one own trade with its venue order id; VenueUnavailable where id, price, quantity, side or time is missing.

    `client_ids` maps venue order ids to client order ids for a trade that does not tell its own.
    """
    if not isinstance(answer, Mapping) or not told(answer, "id") or answer.get("side") not in {"buy", "sell"}:
        raise VenueUnavailable("The venue told of a trade without an id or a side.")
    price, quantity = number(answer.get("price"), "price"), number(answer.get("amount"), "quantity")
    at = _moment(answer, 0)
    if price <= 0 or quantity <= 0 or at <= 0:
        raise VenueUnavailable(f"The venue told of a trade {told(answer, 'id')} without price, quantity or time.")
    fee, currency, beside = fee_of(answer, instrument)
    order_id = told(answer, "order")
    return order_id, Fill(
        at=at,
        order_id=own_id(client_id_of(answer), client_ids.get(order_id, "")),
        trade_id=told(answer, "id"),
        symbol=instrument.symbol,
        side=Side(answer["side"]),
        price=price,
        quantity=quantity,
        fee=fee,
        fee_currency=currency,
        fee_quote=beside,
    )


def fee_of(answer: Mapping[str, Any], instrument: Instrument) -> tuple[Decimal, str, Decimal]:
    """Sum up the fee of a trade and name its currency: base, quote or a third one; a rebate is negative.

    Where a venue takes two, the one that shrinks the position comes first, and what was taken from quote cash beside
    it third; a coin that is neither is not ours to account for.
    """
    single = answer.get("fee")
    parts = [part for part in (answer.get("fees") or [single]) if isinstance(part, Mapping)]
    sums: dict[str, Decimal] = {}
    for part in parts:
        if part.get("cost") is None and part.get("currency"):
            raise VenueUnavailable("The venue told of a fee without its amount.")
        if part.get("cost") is not None:
            currency = str(part.get("currency") or instrument.quote)
            sums[currency] = sums.get(currency, _NOUGHT) + number(part["cost"], "fee")
    paid = {currency: cost for currency, cost in sums.items() if cost}
    for currency in (instrument.base, instrument.quote, *paid, *sums):
        if currency in paid or (not paid and currency in sums):
            return (
                sums[currency],
                currency,
                _NOUGHT if currency == instrument.quote else paid.get(instrument.quote, _NOUGHT),
            )
    return _NOUGHT, instrument.quote, _NOUGHT


def balances(answer: object) -> dict[str, Balance]:
    """Read what an account holds; VenueUnavailable where that is no balance or a number in it is none."""
    if not isinstance(answer, Mapping) or not isinstance(answer.get("total"), Mapping):
        raise VenueUnavailable("The venue told no balances.")
    info = answer.get("info")
    if not info or (isinstance(info, list) and not all(map(_is_map, info))):
        raise VenueUnavailable("The venue told nothing of the account.")
    free, used, total = (answer.get(part) or {} for part in ("free", "used", "total"))
    held: dict[str, Balance] = {}
    for currency, whole in total.items():
        known, locked = free.get(currency), used.get(currency)
        if known is None and whole is None:
            if locked is not None:
                raise VenueUnavailable(f"The venue does not tell how much {currency} is free.")
            continue
        kept = number(locked or 0, f"locked {currency}")
        loose = number(whole, f"total {currency}") - kept if known is None else number(known, f"free {currency}")
        held[str(currency)] = Balance(loose, kept)
    return held


def rows(answer: object, what: str) -> list[Any]:
    """See that a list was told; VenueUnavailable."""
    if not isinstance(answer, list):
        raise VenueUnavailable(f"The venue told no list of {what}.")
    return answer


def in_market(row: object, market: Mapping[str, Any]) -> bool:
    """Tell whether an order or trade is one of a market.

    Some venues answer for the whole account, and ccxt takes a market it does not know for the one that was asked for:
    so the venue's own word for it is looked at too, letters and digits only.
    """
    if not isinstance(row, Mapping) or row.get("symbol") not in {None, market["symbol"]}:
        return False
    info = row.get("info")
    raw = next((info[key] for key in _MARKET_KEYS if isinstance(info.get(key), str)), "") if _is_map(info) else ""
    names = [market["symbol"], market.get("id"), *(market["info"].values() if _is_map(market.get("info")) else ())]
    return not raw or _letters(raw) in {_letters(name) for name in names if isinstance(name, str)}


def _is_map(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _letters(name: str) -> str:
    return "".join(letter for letter in name.upper() if letter.isalnum())


def by_time(found: Fill) -> tuple[Millis, int, str]:
    """Order fills by time and then by the venue's number."""
    return found.at, int(found.trade_id) if found.trade_id.isdecimal() else 0, found.trade_id


def _moment(answer: Mapping[str, Any], otherwise: Millis) -> Millis:
    for key in ("lastTradeTimestamp", "lastUpdateTimestamp", "timestamp"):
        value = answer.get(key)
        if value is not None:
            return int(number(value, "time").to_integral_value(rounding=ROUND_FLOOR))
    return otherwise
