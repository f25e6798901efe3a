"""The barriers that the instance keeps itself, because they do not rest on the venue."""

from __future__ import annotations

from decimal import Decimal

from investbot.domain.events import CloseRequested, Event, TargetReached
from investbot.domain.market import Instrument, Millis
from investbot.engine.spec import EngineSpec
from investbot.engine.state import EngineState, Holding
from investbot.risk.rules import stop_for, target_for


def keeps_stop(holding: Holding, spec: EngineSpec) -> bool:
    """Tell whether the stop of `holding` can never rest on its venue."""
    return holding.stop_kept or not spec.stops_rest


def kept_stop(holding: Holding, instrument: Instrument) -> Decimal:
    """Give the price (quote per base) at which the instance itself sells; the trail follows the highest price seen.

    The same after a restart: it is made of fills, of the last stop that was asked for, and of the candles.
    """
    plan = holding.plan
    price = max(stop_for(holding.entry_price, plan.stop_distance, instrument), holding.stop_price or Decimal(0))
    trail = instrument.price_down(holding.high * (1 - plan.trailing_fraction)) if plan.trailing_fraction else price
    return max(price, trail)


def watched(state: EngineState, spec: EngineSpec) -> frozenset[str]:
    """Name the symbols whose price matters between two closes: the instance itself keeps a barrier of what is held."""
    return frozenset(holding.plan.symbol for holding in state.holdings.values() if _keeps_one(holding, spec))


def _keeps_one(holding: Holding, spec: EngineSpec) -> bool:
    if not holding.quantity or holding.closing:
        return False
    rungs_left = not spec.targets_rest and holding.rungs_taken < len(holding.plan.ladder)
    return rungs_left or holding.stop_refused or keeps_stop(holding, spec)


def on_mark(holding: Holding, price: Decimal, spec: EngineSpec, at: Millis) -> Event | None:
    """Say whether `price` (quote per base) reaches a barrier that the instance keeps itself."""
    plan = holding.plan
    if not holding.quantity or holding.closing or holding.taking:
        return None
    instrument = spec.instruments[plan.symbol]
    if (holding.stop_refused or keeps_stop(holding, spec)) and price <= kept_stop(holding, instrument):
        return CloseRequested(at, plan.plan_id, plan.symbol, "stop")
    if spec.targets_rest or holding.rungs_taken >= len(plan.ladder):
        return None
    distance, _ = plan.ladder[holding.rungs_taken]
    target = target_for(holding.entry_price, distance, instrument)
    if price < target:
        return None
    return TargetReached(at, plan.plan_id, plan.symbol, holding.rungs_taken + 1, target)
