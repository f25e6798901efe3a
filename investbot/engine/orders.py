"""The order state machine: what an order may become, and the names orders go by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from decimal import Decimal

from investbot.domain.events import CancelRequested, CloseRequested, Event, OrderChanged, OrderFilled
from investbot.domain.market import Instrument, Millis
from investbot.domain.order import Fill, Order, OrderReport, OrderState, OrderType, Role, Side, TimeInForce
from investbot.domain.rules import CostRules
from investbot.engine.kept import kept_stop
from investbot.engine.state import EngineState, Holding

_S = OrderState
_NEXT: dict[OrderState, frozenset[OrderState]] = {
    _S.INTENDED: frozenset(_S) - {_S.INTENDED},
    _S.SENT: frozenset(_S) - {_S.INTENDED, _S.SENT},
    _S.UNKNOWN: frozenset(_S) - {_S.INTENDED, _S.SENT, _S.UNKNOWN},
    _S.ACKNOWLEDGED: frozenset({_S.PARTLY_FILLED, _S.FILLED, _S.CANCELLED, _S.REJECTED, _S.EXPIRED, _S.UNKNOWN}),
    _S.PARTLY_FILLED: frozenset({_S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.UNKNOWN}),
}
"""Where each open state may lead; the states that are not keys are final but for `SURFACED`."""
NEVER_ACCEPTED = "never accepted"
GONE = "the venue does not know it any more"
IN_DOUBT = frozenset({NEVER_ACCEPTED, GONE})
"""Reasons of an end that a venue which was asked with patience gave by knowing nothing; it may know better later."""
NO_STOPS = "the venue keeps no stops"
SURFACED = "surfaced"
"""How the reason begins that takes an order up again which counted as done."""


def client_order_id(namespace: str, order_id: str) -> str:
    """Name an order on the venue: the same after a restart, 24 lower-case letters and digits, valid everywhere."""
    return "ib" + hashlib.sha256(f"{namespace}|{order_id}".encode()).hexdigest()[:22]


def make_order(
    holding: Holding,
    namespace: str,
    at: Millis,
    role: Role,
    quantity: Decimal,
    reason: str,
    *,
    number: int = 1,
    price: Decimal | None = None,
    stop_price: Decimal | None = None,
    replaces: str | None = None,
    immediate: bool = False,
) -> Order:
    """Compose the next order of a plan: its role settles side, type and time in force.

    `quantity` in base, prices in quote per base; `number` tells orders composed in one step apart (1, 2, …);
    `immediate` orders never rest.
    """
    plan = holding.plan
    order_id = f"{plan.plan_id}-{role}-{holding.sequence + number}"
    kinds = {Role.ENTRY: OrderType.LIMIT, Role.TARGET: OrderType.LIMIT, Role.STOP: OrderType.STOP}
    return Order(
        order_id=order_id,
        client_order_id=client_order_id(namespace, order_id),
        plan_id=plan.plan_id,
        placed_at=at,
        symbol=plan.symbol,
        side=Side.BUY if role is Role.ENTRY else Side.SELL,
        type=kinds.get(role, OrderType.MARKET),
        role=role,
        quantity=quantity,
        reason=reason,
        price=price,
        stop_price=stop_price,
        time_in_force=TimeInForce.IOC if immediate or role is Role.ENTRY else TimeInForce.GTC,
        replaces=replaces,
    )


def changed(state: EngineState, report: OrderReport) -> OrderChanged | None:
    """Conclude what a report means; None for an order that is done or a step that leads backwards (late news).

    An order that counted as done and that the venue has after all is taken up again.
    """
    open_order = state.orders.get(report.order_id)
    if open_order is None:
        if not (report.reason.startswith(SURFACED) and can_surface(state, report.order_id)):
            return None
    elif report.state not in _NEXT[open_order.state]:
        return None
    return OrderChanged(report.at, report.order_id, report.state, report.venue_order_id, report.reason)


def can_surface(state: EngineState, order_id: str) -> bool:
    """Tell whether more of an order that counted as done can be booked: its plan is open, or never bought a thing."""
    ended = state.ended.get(order_id)
    if ended is None:
        return False
    return ended.abandoned is not None or ended.open_order.order.plan_id in state.holdings


def is_refusal(event: OrderChanged) -> bool:
    """Tell whether the venue refused: asking again at once would be refused again, so that waits for a candle."""
    return event.state is OrderState.REJECTED and event.reason not in IN_DOUBT


def plan_of(state: EngineState, order_id: str) -> str:
    """Give the plan of an order that is open, or that counted as done and can surface."""
    open_order = state.orders.get(order_id) or state.ended[order_id].open_order
    return open_order.order.plan_id


def taken_up(state: EngineState, event: OrderChanged, most: int) -> Iterator[Event]:
    """Say what becomes of an order if it has just surfaced: it is withdrawn as far as it is still open.

    An entry's position stays and is protected, unless its place was given away meanwhile: then it is left at once.
    """
    if not event.reason.startswith(SURFACED):
        return
    at, open_order = event.at, state.orders[event.order_id]
    order = open_order.order
    if not open_order.cancel_asked:
        yield CancelRequested(at, order.order_id, SURFACED)
    holding = state.holdings[order.plan_id]
    others = [h.plan.symbol for h in state.holdings.values() if h is not holding]
    if order.role is Role.ENTRY and not holding.closing and (order.symbol in others or len(others) >= most):
        yield CloseRequested(at, order.plan_id, order.symbol, SURFACED)


def withdrawn(state: EngineState, at: Millis, reason: str, symbol: str | None = None) -> Iterator[Event]:
    """Withdraw the entries that wait, of one symbol or of all: what was decided then is not to fill now."""
    for open_order in list(state.orders.values()):
        order = open_order.order
        if order.role is Role.ENTRY and not open_order.cancel_asked and symbol in {None, order.symbol}:
            yield CancelRequested(at, order.order_id, reason)


def filled(state: EngineState, fill: Fill, instrument: Instrument, costs: CostRules) -> OrderFilled | None:
    """Conclude what a fill means; None when it is booked already or belongs to no open order.

    A stop that filled below what slippage explains was jumped over: the market gapped. That goes for one that the
    instance keeps itself too, whose order is a market order for the reason "stop".
    """
    open_order = state.orders.get(fill.order_id)
    if open_order is None or fill.trade_id in open_order.trades:
        return None
    order = open_order.order
    level = order.stop_price
    if level is None and order.reason == "stop":
        level = kept_stop(state.holdings[order.plan_id], instrument)
    gapped = level is not None and fill.price < instrument.price_down(level * (1 - costs.slippage))
    return OrderFilled(
        at=fill.at,
        order_id=fill.order_id,
        plan_id=order.plan_id,
        trade_id=fill.trade_id,
        symbol=fill.symbol,
        side=fill.side,
        price=fill.price,
        quantity=fill.quantity,
        fee=fill.fee,
        fee_currency=fill.fee_currency,
        fee_quote=fill.fee if fill.fee_currency == instrument.quote else fill.fee_quote,
        gapped=gapped,
    )
