"""What operators, doors and the world outside ask for, concluded into events that no gate can be avoided by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import assert_never

from investbot.domain import events as e
from investbot.domain import facts as f
from investbot.domain.market import Millis
from investbot.domain.states import DISK, SUPERVISOR, TradingState
from investbot.engine.spec import EngineSpec
from investbot.engine.state import EngineState

Asked = (
    f.OperatorRequest
    | f.SettingsChanged
    | f.Reconciled
    | f.DataStale
    | f.DataFresh
    | f.SupervisorLost
    | f.SupervisorFound
    | f.DiskFull
    | f.DiskFreed
    | f.VenueLost
    | f.VenueFound
    | f.SourceEnded
)


RECONCILE = "reconcile"
"""The cause of a reduction or a pause that a difference between ledger and venue leads to."""


def conclude(state: EngineState, spec: EngineSpec, fact: Asked) -> Iterator[e.Event]:
    """Say what `fact` leads to; each event is applied before the next one is asked for."""
    match fact:
        case f.OperatorRequest():
            yield from _request(state, spec, fact)
        case f.SettingsChanged():
            yield e.SettingsApplied(fact.at, fact.version, fact.by, fact.applied, fact.waiting)
        case f.DataStale():
            yield from _pause(state, fact.at, f"stale:{fact.symbol}", fact.reason)
        case f.DataFresh():
            yield from _unpause(state, fact.at, f"stale:{fact.symbol}")
        case f.SupervisorLost():
            yield from _pause(state, fact.at, SUPERVISOR, "no supervisor watches this instance")
        case f.SupervisorFound():
            yield from _unpause(state, fact.at, SUPERVISOR)
        case f.DiskFull():
            yield from _pause(state, fact.at, DISK, fact.reason)
        case f.DiskFreed():
            yield from _unpause(state, fact.at, DISK)
        case f.VenueLost():
            yield from _pause(state, fact.at, "venue", fact.reason)
        case f.VenueFound():
            yield from _unpause(state, fact.at, "venue")
        case f.Reconciled():
            yield from _reconciled(state, fact)
        case f.SourceEnded():
            yield from _end(state, fact)
        case _:
            assert_never(fact)


def beginning(spec: EngineSpec, at: Millis) -> Iterator[e.Event]:
    """Say what an instance begins with: its capital, and which version decides where that is not the first."""
    yield e.CapitalAllocated(at, spec.capital, spec.capital)
    if spec.version != 1:
        yield e.SettingsApplied(at, spec.version, "configuration", (), ())


def terms(spec: EngineSpec, fact: object) -> EngineSpec:
    """Give the terms that hold from `fact` on; open positions keep the barriers of their plans."""
    if not isinstance(fact, f.SettingsChanged):
        return spec
    return replace(spec, version=fact.version, costs=fact.costs, risk=fact.risk, exits=fact.exits)


def _reconciled(state: EngineState, fact: f.Reconciled) -> Iterator[e.Event]:
    """A difference nobody can explain ends new entries until ledger and venue agree again.

    Where something else has ended them already it is remembered as a pause, which outlives that.
    """
    told = " ".join(fact.differences)
    if told and state.trading_state is TradingState.ACTIVE:
        yield e.TradingStateChanged(fact.at, TradingState.REDUCING, f"{RECONCILE}: {told}")
    elif told and state.reduced_by != RECONCILE:
        yield from _pause(state, fact.at, RECONCILE, told)
    elif not told:
        yield from _unpause(state, fact.at, RECONCILE)
        if state.reduced_by == RECONCILE:
            yield e.TradingStateChanged(fact.at, TradingState.ACTIVE, "agreed: ledger and venue tell the same again")


def _request(state: EngineState, spec: EngineSpec, ask: f.OperatorRequest) -> Iterator[e.Event]:
    match ask.action:
        case f.Action.PAUSE:
            yield from _pause(state, ask.at, ask.cause, f"paused by {ask.by}")
        case f.Action.RESUME:
            yield from _resume(state, ask)
        case f.Action.FLATTEN:
            yield from _pause(state, ask.at, "operator", f"flattened by {ask.by}; resume to trade on")
            yield from _close_all(state, ask.at, "flatten")
        case f.Action.CLOSE:
            yield from _close_one(state, spec, ask)
        case f.Action.ALLOCATE:
            yield from _allocate(state, spec, ask)
        case _:
            assert_never(ask.action)


def _pause(state: EngineState, at: Millis, cause: str, reason: str) -> Iterator[e.Event]:
    if cause not in state.paused:
        yield e.EntriesPaused(at, cause, reason)


def _unpause(state: EngineState, at: Millis, cause: str) -> Iterator[e.Event]:
    if cause in state.paused:
        yield e.EntriesResumed(at, cause)


def _resume(state: EngineState, ask: f.OperatorRequest) -> Iterator[e.Event]:
    """Lift the operator's pause and a drawdown's halt, which sets a new peak; a daily loss stands for its day.

    The end of another cause lifts that pause and nothing else.
    """
    yield from _unpause(state, ask.at, ask.cause)
    if ask.cause != "operator" or state.trading_state is TradingState.ACTIVE:
        return
    if state.reduced_by == "daily_loss":
        yield e.RequestRefused(ask.at, ask.action, "The daily loss limit stands until the next UTC day begins.")
        return
    if state.reduced_by == "drawdown":
        yield e.PeakReset(ask.at, state.equity())
    yield e.TradingStateChanged(ask.at, TradingState.ACTIVE, f"operator: resumed by {ask.by}")


def _close_all(state: EngineState, at: Millis, reason: str) -> Iterator[e.Event]:
    for holding in list(state.holdings.values()):
        if not holding.closing:
            yield e.CloseRequested(at, holding.plan.plan_id, holding.plan.symbol, reason)


def _close_one(state: EngineState, spec: EngineSpec, ask: f.OperatorRequest) -> Iterator[e.Event]:
    holding = state.holding_of(ask.symbol or "")
    if ask.symbol not in spec.instruments:
        yield e.RequestRefused(ask.at, ask.action, f"This instance does not trade {ask.symbol}.")
    elif holding is None:
        yield e.RequestRefused(ask.at, ask.action, f"Nothing is held in {ask.symbol}, so there is nothing to close.")
    elif not holding.closing:
        yield e.CloseRequested(ask.at, holding.plan.plan_id, holding.plan.symbol, "close")


def _allocate(state: EngineState, spec: EngineSpec, ask: f.OperatorRequest) -> Iterator[e.Event]:
    amount = ask.amount
    if amount is None or amount <= 0:
        yield e.RequestRefused(ask.at, ask.action, "An allocation must be above zero.")
        return
    change = amount - state.capital
    free = state.free_cash(spec.costs.taker_fee)
    if change < 0 and free + change < 0:
        bound = max(Decimal(0), state.capital - free)
        reason = (
            f"{-change} would be taken away but only {free} is free cash; close positions first ({bound} is bound)."
        )
        yield e.RequestRefused(ask.at, ask.action, reason)
    elif change:
        yield e.CapitalAllocated(ask.at, amount, change)


def _end(state: EngineState, ended: f.SourceEnded) -> Iterator[e.Event]:
    if ended.at > state.finished_at:
        yield e.SourceFinished(ended.at)
        if ended.close:
            yield from _close_all(state, ended.at, "end of data")
