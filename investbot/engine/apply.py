"""Events into state: the only way anything an instance knows ever changes, live and in a replay alike."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from investbot.domain import events as e
from investbot.domain.errors import InvariantError
from investbot.domain.intelligence import IntelligenceHeard, IntelligenceRefused
from investbot.domain.market import DAY
from investbot.domain.order import DONE, OrderState, Role, Side
from investbot.domain.signal import Direction
from investbot.domain.states import TradingState
from investbot.engine import intelligence
from investbot.engine.orders import IN_DOUBT, NO_STOPS, is_refusal
from investbot.engine.state import Ended, EngineState, Holding, OpenOrder

ZERO = Decimal(0)
ENDED_KEPT = 256
"""Orders that ended with something left and are remembered."""

ALERTS_KEPT = 1024
"""Alerts that are remembered by their id."""


def apply(state: EngineState, event: e.Event) -> None:
    """Take `event` in. InvariantError when it contradicts what is known."""
    _APPLY[type(event)](state, event)
    state.last_at = event.at


def _capital(state: EngineState, event: e.CapitalAllocated) -> None:
    if not state.begun:
        state.day = event.at // DAY
    state.capital = event.amount
    state.cash += event.change
    state.peak += event.change
    state.day_start_equity += event.change
    state.floors = None


def _settings(state: EngineState, event: e.SettingsApplied) -> None:
    state.version = event.version
    state.waiting = event.waiting
    state.floors = None


def _anchored(state: EngineState, event: e.SeriesAnchored) -> None:
    state.anchors[event.symbol] = event.opened_at


def _signal(state: EngineState, event: e.SignalRaised) -> None:
    state.signals_raised += 1
    state.last_signal = event
    if event.alert_id:
        state.alerts_taken[event.alert_id] = event.at
        if len(state.alerts_taken) > ALERTS_KEPT:
            del state.alerts_taken[next(iter(state.alerts_taken))]


def _heard(state: EngineState, event: IntelligenceHeard) -> None:
    intelligence.keep(state.heard, event.item, event.at)


def _plan(state: EngineState, event: e.PlanMade) -> None:
    state.plans_made += 1
    state.holdings[event.plan.plan_id] = Holding(event.plan)
    state.last_intent_at[event.plan.symbol, Direction.LONG] = event.at


def _placed(state: EngineState, event: e.OrderPlaced) -> None:
    order = event.order
    holding = _holding(state, order.plan_id)
    state.orders[order.order_id] = OpenOrder(order)
    holding.sequence += 1
    if order.role is Role.ENTRY:
        holding.entry_order_id = order.order_id
        state.last_entry_at[order.symbol] = event.at
        state.entry_times = [at for at in state.entry_times if at > event.at - DAY]
        state.entry_times.append(event.at)
    elif order.role is Role.STOP:
        holding.stop_price = order.stop_price
        holding.stop_refused = False
    elif order.role is Role.TARGET:
        holding.targets_placed = True


def _changed(state: EngineState, event: e.OrderChanged) -> None:
    open_order = state.orders.get(event.order_id) or _surfaced(state, event.order_id)
    open_order.state = event.state
    open_order.venue_order_id = event.venue_order_id or open_order.venue_order_id
    if event.state in DONE:
        holding = _holding(state, open_order.order.plan_id)
        if is_refusal(event) and open_order.order.role is Role.STOP:
            holding.stop_refused = True
            holding.stop_kept = event.reason == NO_STOPS
        _forget(state, open_order)
        abandoned = holding if holding.plan.plan_id not in state.holdings else None
        state.ended[event.order_id] = Ended(open_order, abandoned, event.reason in IN_DOUBT)
        if len(state.ended) > ENDED_KEPT:
            del state.ended[next(iter(state.ended))]


def _cancel(state: EngineState, event: e.CancelRequested) -> None:
    state.orders[event.order_id].cancel_asked = True


def _filled(state: EngineState, event: e.OrderFilled) -> None:
    open_order = state.orders[event.order_id]
    holding = _holding(state, event.plan_id)
    notional = event.price * event.quantity
    in_base = event.fee if event.fee_currency == event.symbol.partition("/")[0] else ZERO
    open_order.filled += event.quantity
    open_order.trades.add(event.trade_id)
    open_order.state = OrderState.PARTLY_FILLED
    holding.fees += event.fee_quote + in_base * event.price
    holding.fees_quote += event.fee_quote
    holding.last_fill_at = event.at
    if event.side is Side.BUY:
        holding.bought += event.quantity
        holding.cost += notional
        holding.quantity += event.quantity - in_base
        state.cash -= notional + event.fee_quote
        holding.high = max(holding.high, event.price)
        holding.low = min(holding.low or event.price, event.price)
    else:
        holding.sold += event.quantity
        holding.proceeds += notional
        holding.quantity -= event.quantity + in_base
        state.cash += notional - event.fee_quote
        holding.high = max(holding.high, event.price)
        holding.low = min(holding.low, event.price)
        holding.exit_reason = open_order.order.reason
        holding.gapped = holding.gapped or event.gapped
    if holding.quantity < 0:
        message = f"Order {event.order_id} sold more {event.symbol} than plan {event.plan_id} held."
        raise InvariantError(message)
    if open_order.remaining <= 0:
        open_order.state = OrderState.FILLED
        _forget(state, open_order)


def _opened(state: EngineState, event: e.PositionOpened) -> None:
    _holding(state, event.plan_id).opened_at = event.at


def _target_reached(state: EngineState, event: e.TargetReached) -> None:
    _holding(state, event.plan_id).taking = event.rung


def _close_requested(state: EngineState, event: e.CloseRequested) -> None:
    _holding(state, event.plan_id).closing = event.reason


def _closed(state: EngineState, event: e.PositionClosed) -> None:
    trip = event.trip
    del state.holdings[trip.plan_id]
    state.last_exit_at[trip.symbol] = event.at
    state.tally.trips += 1
    if trip.net_pnl > 0:
        state.tally.wins += 1
        state.tally.gains += trip.net_pnl
        state.tally.gains_r += trip.r
    else:
        state.tally.losses -= trip.net_pnl
        state.tally.losses_r -= trip.r


def _dust(state: EngineState, event: e.DustLeft) -> None:
    state.dust[event.symbol] = state.dust.get(event.symbol, ZERO) + event.quantity


def _peak(state: EngineState, event: e.PeakRaised | e.PeakReset) -> None:
    state.peak = event.equity
    state.floors = None


def _day(state: EngineState, event: e.DayRolled) -> None:
    state.day = event.at // DAY
    state.day_start_equity = event.equity
    state.floors = None


def _trading(state: EngineState, event: e.TradingStateChanged) -> None:
    state.trading_state = event.state
    state.reduced_by = "" if event.state is TradingState.ACTIVE else event.reason.partition(":")[0]


def _paused(state: EngineState, event: e.EntriesPaused) -> None:
    state.paused[event.cause] = event.reason


def _resumed(state: EngineState, event: e.EntriesResumed) -> None:
    state.paused.pop(event.cause, None)


def _finished(state: EngineState, event: e.SourceFinished) -> None:
    state.finished_at = event.at


def _nothing(_state: EngineState, _event: e.Event) -> None:
    """Keep a word for the reader of the ledger that changes nothing here."""


def _holding(state: EngineState, plan_id: str) -> Holding:
    holding = state.holdings.get(plan_id)
    if holding is None:
        message = f"An event speaks of plan {plan_id}, which is not open."
        raise InvariantError(message)
    return holding


def _surfaced(state: EngineState, order_id: str) -> OpenOrder:
    """Take an order up again that counted as done, and its plan where that is gone with it."""
    ended = state.ended.pop(order_id)
    order = ended.open_order.order
    if ended.abandoned is not None:
        state.holdings[order.plan_id] = ended.abandoned
    state.orders[order_id] = ended.open_order
    return ended.open_order


def _forget(state: EngineState, open_order: OpenOrder) -> None:
    """Drop an order that is done, and the plan of an entry that ended without a fill."""
    order = open_order.order
    del state.orders[order.order_id]
    holding = _holding(state, order.plan_id)
    if order.role is Role.ENTRY and not holding.bought:
        del state.holdings[order.plan_id]
    elif order.role is Role.TARGET and holding.taking:
        if open_order.filled:
            holding.rungs_taken = holding.taking
        holding.taking = 0


_APPLY: dict[type[Any], Callable[[EngineState, Any], None]] = {
    e.CapitalAllocated: _capital,
    e.SettingsApplied: _settings,
    e.SeriesAnchored: _anchored,
    e.CandleFlagged: _nothing,
    e.SignalRaised: _signal,
    IntelligenceHeard: _heard,
    IntelligenceRefused: _nothing,
    e.IntentDenied: _nothing,
    e.PlanMade: _plan,
    e.OrderPlaced: _placed,
    e.OrderChanged: _changed,
    e.CancelRequested: _cancel,
    e.OrderFilled: _filled,
    e.PositionOpened: _opened,
    e.TargetReached: _target_reached,
    e.CloseRequested: _close_requested,
    e.PositionClosed: _closed,
    e.DustLeft: _dust,
    e.PeakRaised: _peak,
    e.PeakReset: _peak,
    e.DayRolled: _day,
    e.TradingStateChanged: _trading,
    e.EntriesPaused: _paused,
    e.EntriesResumed: _resumed,
    e.RequestRefused: _nothing,
    e.SourceFinished: _finished,
}
