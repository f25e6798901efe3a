"""Watching equity: peaks, UTC days, and the two limits that end new entries."""

from __future__ import annotations

from collections.abc import Iterator

from investbot.domain.events import DayRolled, EntriesPaused, Event, PeakRaised, TradingStateChanged
from investbot.domain.market import Millis
from investbot.domain.rules import RiskRules
from investbot.domain.states import TradingState
from investbot.engine.operator import RECONCILE
from investbot.engine.state import EngineState
from investbot.risk.breaches import breach_at, floors


def is_quiet(state: EngineState) -> bool:
    """Tell in one glance that equity is at no peak and above both floors, as it is after most candles."""
    bounds = state.floors
    if bounds is None or state.reduced_by:
        return False
    equity = state.equity()
    return bounds.daily_loss < equity <= state.peak and bounds.drawdown < equity


def equity_moved(state: EngineState, rules: RiskRules, at: Millis) -> Iterator[Event]:
    """Compare equity with its peak and with the day's start; each event is applied before the next is asked for.

    A broken limit leads to REDUCING, a drawdown to HALTED once nothing is held; a drawdown outranks a daily loss.
    """
    equity = state.equity()
    if equity > state.peak:
        yield PeakRaised(at, equity)
    if state.trading_state is not TradingState.HALTED and state.reduced_by != "drawdown":
        bounds = state.floors
        if bounds is None:
            bounds = state.floors = floors(
                capital=state.capital, day_start_equity=state.day_start_equity, peak=state.peak, rules=rules
            )
        broken = breach_at(equity, bounds)
        if broken is not None and broken != state.reduced_by:
            if state.reduced_by == RECONCILE:
                yield EntriesPaused(at, RECONCILE, "ledger and venue do not agree yet")
            floor = bounds.drawdown if broken == "drawdown" else bounds.daily_loss
            reason = f"{broken}: equity {equity:f} is at or below {floor:f}"
            yield TradingStateChanged(at, TradingState.REDUCING, reason)
    if state.trading_state is TradingState.REDUCING and state.reduced_by == "drawdown" and not state.holdings:
        yield TradingStateChanged(at, TradingState.HALTED, "drawdown: flat; resume once you have looked into it")


def day_ended(state: EngineState, at: Millis) -> Iterator[Event]:
    """Start a new UTC day from today's equity; a daily loss ends with its day."""
    yield DayRolled(at, state.day, state.equity())
    if state.trading_state is TradingState.REDUCING and state.reduced_by == "daily_loss":
        yield TradingStateChanged(at, TradingState.ACTIVE, "new_day: a new UTC day began")
