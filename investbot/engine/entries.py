"""Getting into a position: from an opinion to an order, through the gate and never round it."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from math import isfinite

from investbot.domain.events import Event, IntentDenied, OrderPlaced, PlanMade, SignalRaised
from investbot.domain.market import Candle, Instrument, Millis, Quality
from investbot.domain.order import Role
from investbot.domain.position import ExitPlan
from investbot.domain.signal import Direction, Signal, SignalLevel, SignalPart
from investbot.engine.intelligence import vetoed
from investbot.engine.orders import make_order
from investbot.engine.spec import EngineSpec
from investbot.engine.state import EngineState, Holding
from investbot.risk.gate import Denial, RiskGate, RiskView
from investbot.risk.kelly import Record
from investbot.risk.rules import Sized, size_entry

_PART = Decimal("0.0001")
_LONGEST, _MOST = 200, 32
"""How long a text of an opinion may be, and how many parts or levels it may have."""
_HIGHEST = 1e15
"""No price is as high as this, in quote per base."""


def recorded(
    signal: Signal,
    signal_id: str,
    at: Millis,
    candle: Candle,
    source: str,
    instrument: Instrument,
    alert_id: str = "",
) -> SignalRaised:
    """Put an opinion into the ledger's words: prices on the tick, with the candle it was formed on.

    A number that cannot be is left out; `flawed` says so.
    """
    return SignalRaised(
        at=at,
        signal_id=signal_id,
        symbol=candle.symbol,
        timeframe=candle.timeframe.text,
        source=source,
        direction=signal.direction,
        confidence=signal.confidence if 0 <= signal.confidence <= 1 else 0.0,
        price=candle.close,
        stop=None if signal.stop is None or not _is_price(signal.stop) else instrument.price_down(_exact(signal.stop)),
        targets=tuple(instrument.price_up(_exact(price)) for price in signal.targets if _is_price(price)),
        reason=signal.reason,
        candle=(candle.opened_at, candle.open, candle.high, candle.low, candle.close, candle.bar.volume),
        setup=(signal.setup or source)[:_LONGEST],
        parts=_parts(signal),
        levels=_levels(signal),
        alert_id=alert_id,
    )


def _parts(signal: Signal) -> tuple[SignalPart, ...]:
    """Keep the parts whose numbers can be, within bounds."""
    told = [part for part in signal.parts if isfinite(part.points)][:_MOST]
    return tuple(SignalPart(p.name[:_LONGEST], float(p.points), p.evidence[:_LONGEST]) for p in told)


def _levels(signal: Signal) -> tuple[SignalLevel, ...]:
    """Keep the levels whose numbers can be, within bounds."""
    told = [each for each in signal.levels if _is_price(each.price) and isfinite(each.strength)][:_MOST]
    return tuple(SignalLevel(x.kind[:_LONGEST], float(x.price), float(x.strength), x.session[:_LONGEST]) for x in told)


def flawed(signal: Signal, raised: SignalRaised) -> IntentDenied | None:
    """Refuse an opinion with a number in it that cannot be, as a strategy's own arithmetic may lead to."""
    confidence = () if 0 <= signal.confidence <= 1 else (signal.confidence,)
    prices = (*signal.targets, *(() if signal.stop is None else (signal.stop,)))
    for value in (*confidence, *(price for price in prices if not _is_price(price))):
        reason = f"{raised.source} gave {value!r}, which is no price and no confidence."
        return IntentDenied(raised.at, raised.signal_id, raised.symbol, "signal", reason, repr(value), "")
    return None


def raised(
    state: EngineState,
    spec: EngineSpec,
    signal: SignalRaised,
    quality: Quality,
    atr: float | None,
    gate: RiskGate,
) -> list[Event]:
    """Conclude what a signal to go long leads to: a denial with its numbers, or a plan and its entry order.

    `atr` is ATR(14) in quote per base where the profile's stop needs it.
    """
    refused = vetoed(state.heard, spec.veto, signal)
    if refused is not None:
        return [refused]
    sized = propose(state, spec, signal, atr)
    if isinstance(sized, Denial):
        return [_denied(signal, sized)]
    intent = sized.intent(at=signal.at, signal_id=signal.signal_id, symbol=signal.symbol, timeframe=spec.timeframe)
    denial = gate.review(intent, risk_view(state, spec, signal.symbol, signal.at, quality), spec.risk)
    if denial is not None:
        return [_denied(signal, denial)]
    plan = ExitPlan(
        plan_id=str(state.plans_made + 1),
        symbol=signal.symbol,
        signal_id=signal.signal_id,
        stop_distance=sized.stop_distance,
        ladder=ladder(spec, signal),
        trailing_fraction=spec.exits.trailing_fraction,
        max_age_ms=spec.exits.max_age_ms,
        planned_risk=sized.worst_loss,
        setup=signal.setup,
        config_version=spec.version,
    )
    order = make_order(
        Holding(plan),
        spec.namespace,
        signal.at,
        Role.ENTRY,
        sized.quantity,
        signal.reason,
        price=sized.limit_price,
    )
    return [PlanMade(signal.at, plan), OrderPlaced(signal.at, order)]


def propose(state: EngineState, spec: EngineSpec, signal: SignalRaised, atr: float | None) -> Sized | Denial:
    """Size an entry for `signal`: the quantity the rules allow, its prices and worst loss; or why there is none."""
    tally = state.tally
    return size_entry(
        instrument=spec.instruments[signal.symbol],
        costs=spec.costs,
        risk=spec.risk,
        exits=replace(spec.exits, targets=ladder(spec, signal)) if signal.targets else spec.exits,
        price=signal.price,
        capital=state.capital,
        cash=state.free_cash(spec.costs.taker_fee),
        atr=atr,
        signal_stop=None if signal.stop is None else float(signal.stop),
        record=Record(tally.trips, tally.wins, tally.gains_r, tally.losses_r),
    )


def ladder(spec: EngineSpec, signal: SignalRaised) -> tuple[tuple[Decimal, Decimal], ...]:
    """Take the signal's own targets in equal parts where it has some above the price, else the profile's ladder."""
    exits = spec.exits
    own = [price / signal.price - 1 for price in signal.targets if price > signal.price]
    if not own:
        return exits.targets
    part = (Decimal(1) / len(own)).quantize(_PART, rounding=ROUND_DOWN)
    parts = [part] * (len(own) - 1) + [1 - part * (len(own) - 1)]
    near_first = (min(max(distance, exits.target_min), exits.target_max) for distance in sorted(own))
    return tuple(zip(near_first, parts, strict=True))


def risk_view(state: EngineState, spec: EngineSpec, symbol: str, at: Millis, quality: Quality) -> RiskView:
    """Show the gate what it may judge by."""
    held = sum(1 for holding in state.holdings.values() if holding.quantity)
    return RiskView(
        at=at,
        instrument=spec.instruments[symbol],
        costs=spec.costs,
        capital=state.capital,
        cash=state.free_cash(spec.costs.taker_fee),
        equity=state.equity(),
        peak=state.peak,
        day_start_equity=state.day_start_equity,
        open_positions=held,
        pending_entries=len(state.holdings) - held,
        entry_times=tuple(state.entry_times),
        last_entry_at=state.last_entry_at.get(symbol),
        last_exit_at=state.last_exit_at.get(symbol),
        last_intent_at=state.last_intent_at.get((symbol, Direction.LONG)),
        trading_state=state.trading_state,
        paused=(*state.paused, *state.doubts()),
        symbol_held=state.holding_of(symbol) is not None,
        quality=quality,
    )


def _denied(signal: SignalRaised, denial: Denial) -> IntentDenied:
    return IntentDenied(
        signal.at, signal.signal_id, signal.symbol, denial.limit, denial.reason, denial.value, denial.bound
    )


def _is_price(value: float) -> bool:
    """Tell whether a number can be put on a tick at all."""
    return isfinite(value) and abs(value) < _HIGHEST


def _exact(value: float) -> Decimal:
    return Decimal(repr(float(value)))
