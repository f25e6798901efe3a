"""The engine's own figures for a status row."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from investbot.domain.codec import encode
from investbot.domain.events import SignalRaised
from investbot.domain.states import seen
from investbot.engine.spec import EngineSpec
from investbot.engine.state import EngineState

_RATIO = Decimal("0.0001")


def summarise(state: EngineState, spec: EngineSpec) -> dict[str, Any]:
    """Tell capital, equity and results in quote as decimal text, ratios as decimal text or None, moments in ms UTC.

    A run that has not seen its first candle is going to begin with what `spec` says.
    """
    waiting, allocation = not state.begun, spec.capital
    capital = allocation if waiting else state.capital
    equity = allocation if waiting else state.equity()
    tally = state.tally
    trading_state, reduced_by = seen(state.trading_state, state.reduced_by, state.paused)
    return {
        "capital": encode(capital),
        "equity": encode(equity),
        "cash": encode(allocation if waiting else state.cash),
        "open_positions": sum(1 for holding in state.holdings.values() if holding.quantity),
        "day_pnl": "0" if waiting else encode(equity - state.day_start_equity),
        "total_pnl": encode(equity - capital),
        "trips": tally.trips,
        "win_rate": _ratio(Decimal(tally.wins), Decimal(tally.trips)),
        "profit_factor": _ratio(tally.gains, tally.losses),
        "drawdown": _ratio(max(state.peak - equity, Decimal(0)), state.peak) or "0.0000",
        "config_version": spec.version if waiting else state.version,
        "settings_waiting": list(state.waiting),
        "trading_state": trading_state.value,
        "reduced_by": reduced_by or None,
        "paused": dict(state.paused),
        "open_risk": encode(open_risk(state)),
        "exposure": {base: encode(value) for base, value in exposure(state).items()},
        "last_candle_at": state.last_candle_at or None,
        "last_signal": _signal(state.last_signal),
        "marks": {symbol: encode(price) for symbol, price in state.marks.items()},
    }


def open_risk(state: EngineState) -> Decimal:
    """Say what would be lost from here, in quote before costs, if every stop were hit at its price.

    A position without a stop yet, and an entry that has not filled, count with the risk they were planned with.
    """
    total = Decimal(0)
    for holding in state.holdings.values():
        if holding.quantity and holding.stop_price is not None:
            mark = state.marks.get(holding.plan.symbol) or holding.entry_price
            total += max(Decimal(0), holding.quantity * (mark - holding.stop_price))
        else:
            total += holding.plan.planned_risk
    return total


def exposure(state: EngineState) -> dict[str, Decimal]:
    """Say what is held in each base asset at the last close, in quote."""
    held: dict[str, Decimal] = {}
    for holding in state.holdings.values():
        if holding.quantity:
            base = holding.plan.symbol.partition("/")[0]
            mark = state.marks.get(holding.plan.symbol) or holding.entry_price
            held[base] = held.get(base, Decimal(0)) + holding.quantity * mark
    return held


def _ratio(part: Decimal, whole: Decimal) -> str | None:
    return format((part / whole).quantize(_RATIO), "f") if whole else None


def _signal(signal: SignalRaised | None) -> dict[str, Any] | None:
    if signal is None:
        return None
    return {
        "at": signal.at,
        "symbol": signal.symbol,
        "direction": signal.direction.value,
        "confidence": signal.confidence,
        "reason": signal.reason,
    }
