"""Leaving a position: one pure reducer that says which orders protect it now, whatever happened before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from investbot.domain.events import (
    CancelRequested,
    CloseRequested,
    DustLeft,
    Event,
    OrderPlaced,
    PositionClosed,
)
from investbot.domain.market import Candle, Instrument, Millis
from investbot.domain.order import Order, OrderState, Role
from investbot.domain.position import RoundTrip
from investbot.engine.kept import keeps_stop
from investbot.engine.orders import make_order
from investbot.engine.spec import EngineSpec
from investbot.engine.state import Holding, OpenOrder
from investbot.risk.rules import rungs, stop_for, target_for

_RATIO = Decimal("0.000001")
OPERATOR_REASONS = ("flatten", "close")
"""Reasons to leave that come from an operator; their market orders carry the role FLATTEN."""


def step(
    holding: Holding,
    reducing: Sequence[OpenOrder],
    entry: OpenOrder | None,
    spec: EngineSpec,
    at: Millis,
) -> list[Event]:
    """Say what has to be done for `holding` now, given its open orders; an empty list when all is in place.

    `reducing` are its open exit orders, `entry` its entry order while that may still fill. Acts on any quantity > 0.
    """
    instrument, namespace = spec.instruments[holding.plan.symbol], spec.namespace
    sellable = instrument.quantity_down(holding.quantity)
    if sellable == 0 and entry is None:
        return _finish(holding, reducing, instrument, at)
    if holding.closing:
        return _leave(holding, reducing, entry, sellable, namespace, at)
    if sellable == 0:
        return []
    if holding.taking:
        return _take(holding, reducing, sellable, instrument, namespace, at)
    return _protect(holding, reducing, entry, spec, at)


def _finish(holding: Holding, reducing: Sequence[OpenOrder], instrument: Instrument, at: Millis) -> list[Event]:
    """Withdraw what is left on the venue; once nothing is, the round trip is over."""
    if reducing:
        return [CancelRequested(at, o.order.order_id, "flat") for o in reducing if not o.cancel_asked]
    events: list[Event] = []
    if holding.quantity:
        events.append(DustLeft(at, holding.plan.symbol, holding.quantity))
    events.append(PositionClosed(at, round_trip(holding, instrument)))
    return events


def _leave(
    holding: Holding,
    reducing: Sequence[OpenOrder],
    entry: OpenOrder | None,
    sellable: Decimal,
    namespace: str,
    at: Millis,
) -> list[Event]:
    """Cancel first, because resting orders lock the balance; sell at the market when nothing rests any more."""
    resting = [o for o in (entry, *reducing) if o is not None and o.order.role not in (Role.EXIT, Role.FLATTEN)]
    if resting:
        return [CancelRequested(at, o.order.order_id, holding.closing) for o in resting if not o.cancel_asked]
    if reducing or sellable == 0:
        return []
    role = Role.FLATTEN if holding.closing in OPERATOR_REASONS else Role.EXIT
    return [OrderPlaced(at, make_order(holding, namespace, at, role, sellable, holding.closing))]


def _protect(
    holding: Holding,
    reducing: Sequence[OpenOrder],
    entry: OpenOrder | None,
    spec: EngineSpec,
    at: Millis,
) -> list[Event]:
    """Keep one stop over all that is held; place the ladder once the entry is done, where targets can rest.

    A later fill of the entry that costs more lifts the stop with the average; nothing ever lowers it. Where no stop
    can rest none is asked for: the instance keeps it.
    """
    instrument, namespace = spec.instruments[holding.plan.symbol], spec.namespace
    orders: list[Order] = []
    stop = _newest_stop(reducing)
    quantity = instrument.quantity_down(holding.quantity)
    price = stop_for(holding.entry_price, holding.plan.stop_distance, instrument)
    if holding.stop_price is not None:
        price = max(price, holding.stop_price)
    wanted = stop is None or (stop.remaining != quantity and stop.state is not OrderState.UNKNOWN)
    if wanted and not keeps_stop(holding, spec):
        reason, replaces = (stop.order.reason, stop.order.order_id) if stop else ("stop", None)
        orders.append(
            make_order(holding, namespace, at, Role.STOP, quantity, reason, stop_price=price, replaces=replaces),
        )
    if spec.targets_rest and entry is None and not holding.targets_placed:
        orders += _ladder(holding, quantity, instrument, namespace, at, len(orders))
    return [OrderPlaced(at, order) for order in orders]


def _newest_stop(reducing: Iterable[OpenOrder]) -> OpenOrder | None:
    """Give the stop that counts: while one replaces another both are open for a moment."""
    stops = [o for o in reducing if o.order.role is Role.STOP]
    return stops[-1] if stops else None


def _ladder(
    holding: Holding,
    quantity: Decimal,
    instrument: Instrument,
    namespace: str,
    at: Millis,
    already: int,
) -> list[Order]:
    """Split `quantity` (base) over the rungs; one that gets less than a lot is left to the others."""
    ladder = holding.plan.ladder
    shares = rungs(quantity, tuple(part for _, part in ladder), instrument)
    orders: list[Order] = []
    for index, ((distance, _), share) in enumerate(zip(ladder, shares, strict=True), start=1):
        if share > 0:
            price = target_for(holding.entry_price, distance, instrument)
            number = already + len(orders) + 1
            reason = "target" if len(ladder) == 1 else f"target {index}"
            orders.append(
                make_order(holding, namespace, at, Role.TARGET, share, reason, number=number, price=price),
            )
    return orders


def _take(
    holding: Holding,
    reducing: Sequence[OpenOrder],
    sellable: Decimal,
    instrument: Instrument,
    namespace: str,
    at: Millis,
) -> list[Event]:
    """Sell the rung that was reached: first free what the stop locks, then ask for the rung's price at once."""
    if any(o.order.role is Role.TARGET for o in reducing):
        return []
    if reducing:
        return [CancelRequested(at, o.order.order_id, "target") for o in reducing if not o.cancel_asked]
    ladder = holding.plan.ladder
    distance, _ = ladder[holding.taking - 1]
    shares = rungs(instrument.quantity_down(holding.bought), tuple(part for _, part in ladder), instrument)
    share = sellable if holding.taking == len(ladder) else min(sellable, shares[holding.taking - 1] or sellable)
    price = target_for(holding.entry_price, distance, instrument)
    reason = "target" if len(ladder) == 1 else f"target {holding.taking}"
    order = make_order(holding, namespace, at, Role.TARGET, share, reason, price=price, immediate=True)
    return [OrderPlaced(at, order)]


def too_old(holding: Holding, at: Millis) -> bool:
    """Tell whether the time barrier of an open position has passed."""
    limit = holding.plan.max_age_ms
    return bool(limit and holding.quantity and not holding.closing and at - holding.opened_at >= limit)


def on_candle(
    holding: Holding,
    reducing: Iterable[OpenOrder],
    candle: Candle,
    instrument: Instrument,
    namespace: str,
) -> list[Event]:
    """Move the trail up and end what is too old; called for a held position at each close of its symbol.

    A stop that has begun to fill has gone off: it is not taken back for a higher one, nor is one in doubt.
    """
    plan = holding.plan
    if too_old(holding, candle.at):
        return [CloseRequested(candle.at, plan.plan_id, plan.symbol, "age")]
    if holding.closing or holding.taking or not plan.trailing_fraction:
        return []
    stop = _newest_stop(reducing)
    trail = instrument.price_down(candle.high * (1 - plan.trailing_fraction))
    if stop is None or stop.filled or stop.state is OrderState.UNKNOWN:
        return []
    if stop.order.stop_price is None or trail <= stop.order.stop_price:
        return []
    order = make_order(
        holding,
        namespace,
        candle.at,
        Role.STOP,
        instrument.quantity_down(holding.quantity),
        "trailing",
        stop_price=trail,
        replaces=stop.order.order_id,
    )
    return [OrderPlaced(candle.at, order)]


def round_trip(holding: Holding, instrument: Instrument) -> RoundTrip:
    """Tell the whole story of a position that is flat: averages, costs, net result, R, excursions.

    R = net result / risk planned at entry; MAE and MFE = the furthest the price went against and for us as
    fractions of the
    average entry price (Sweeney, Maximum Adverse Excursion, 1996).
    """
    net = holding.proceeds - holding.cost - holding.fees_quote
    entry = holding.entry_price
    step_size = instrument.tick.scaleb(-4)
    exit_price = holding.proceeds / holding.sold if holding.sold else Decimal(0)
    return RoundTrip(
        plan_id=holding.plan.plan_id,
        opened_at=holding.opened_at,
        closed_at=holding.last_fill_at,
        symbol=holding.plan.symbol,
        quantity=holding.bought,
        entry_price=entry.quantize(step_size).normalize(),
        exit_price=exit_price.quantize(step_size).normalize(),
        costs=holding.fees,
        net_pnl=net,
        r=(net / holding.plan.planned_risk).quantize(_RATIO),
        mae=max(Decimal(0), 1 - holding.low / entry).quantize(_RATIO),
        mfe=max(Decimal(0), holding.high / entry - 1).quantize(_RATIO),
        exit_reason=holding.exit_reason,
        gapped=holding.gapped,
        setup=holding.plan.setup,
        config_version=holding.plan.config_version,
    )
