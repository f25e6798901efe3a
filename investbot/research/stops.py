"""Which stop suits a recipe: behind the structure, by ATR, or at a fixed distance, judged on its own history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from investbot.domain.events import SignalRaised
from investbot.domain.market import Candle
from investbot.domain.rules import ExitRules
from investbot.engine.spec import EngineSpec
from investbot.research.backtest import Backtest, run
from investbot.strategies.api import Strategy

LEARNT = Decimal("0.7")
"""The first part of the history, on which the choice is made; the rest only shows whether it held."""
LEAST_TRIPS = 20
"""A stop with fewer round trips has shown nothing."""
ATR_MULTIPLES = (Decimal(1), Decimal("1.5"), Decimal(2), Decimal(3))

_DIGITS = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class StopRule:
    """One way to place a stop: `structure` (the signal's own), `atr` (a multiple) or `fixed` (a fraction)."""

    kind: str
    value: Decimal | None = None

    def on(self, exits: ExitRules) -> ExitRules:
        """Put it into the exits of a profile; its bounds stop_min and stop_max stay and clamp it."""
        return replace(
            exits,
            stop_structure=self.kind == "structure",
            stop_atr=self.value if self.kind == "atr" else None,
            stop_fraction=self.value if self.kind == "fixed" and self.value is not None else exits.stop_fraction,
        )

    def settings(self, exits: ExitRules) -> tuple[str, ...]:
        """Give the keys that ask for it, instead of what the profile's `exits` ask for."""
        if self.kind == "structure":
            return ("exits.stop_structure=true",)
        plain = ("exits.stop_structure=false",) if exits.stop_structure else ()
        if self.kind == "atr":
            return (*plain, f"exits.stop_atr={self.value}")
        dropped = ("exits.stop_atr=",) if exits.stop_atr is not None else ()
        return (*plain, *dropped, f"exits.stop_fraction={self.value}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stop came to, net of all costs: `expectancy` is the mean result of a round trip as a fraction of what was
    paid for it, None without one; `worst` the worst of them; `net_pnl` in quote.
    """  # noqa: D205 - both names belong in the first sentence

    trips: int
    expectancy: Decimal | None
    worst: Decimal | None
    net_pnl: Decimal
    own_stops: int
    """Signals that named a stop of their own."""
    denied_by_band: int
    """Entries refused because the stop would lie outside stop_min..stop_max."""


@dataclass(frozen=True, slots=True)
class StopResult:
    """One rule on the part of the history it was judged by, and on the part that came after."""

    rule: StopRule
    learnt: Outcome
    after: Outcome


@dataclass(frozen=True, slots=True)
class StopChoice:
    """Every rule, best first by what it learnt; `best` is None where no rule has enough round trips."""

    results: tuple[StopResult, ...]
    best: StopRule | None
    learnt_until: int
    """Close of the last candle of the first part, milliseconds UTC."""


def candidates(exits: ExitRules) -> tuple[StopRule, ...]:
    """List the rules to compare within a profile's bounds: structure, four multiples of ATR, three fixed distances."""
    fixed = sorted({exits.stop_min, (exits.stop_min + exits.stop_max) / 2, exits.stop_max})
    return (
        StopRule("structure"),
        *(StopRule("atr", multiple) for multiple in ATR_MULTIPLES),
        *(StopRule("fixed", distance) for distance in fixed),
    )


def choose_stop(
    spec: EngineSpec, strategy: Strategy, candles: Sequence[Candle], least_trips: int = LEAST_TRIPS
) -> StopChoice:
    """Run every rule over the first 0.7 of the candles and name the one with the best net expectancy.

    Both parts run from cold, each through the engine that trades, so that stops are clamped, refused and filled as
    they would be. A rule with fewer than `least_trips` round trips cannot be chosen; structure is left out for a
    strategy that names no stops.
    """
    cut = int(len(candles) * LEARNT)
    results = [
        StopResult(rule, _outcome(spec, strategy, rule, candles[:cut]), _outcome(spec, strategy, rule, candles[cut:]))
        for rule in candidates(spec.exits)
    ]
    results = [result for result in results if result.rule.kind != "structure" or result.learnt.own_stops]
    results.sort(key=lambda result: _rank(result, least_trips), reverse=True)
    best = results[0] if results[0].learnt.trips >= least_trips else None
    return StopChoice(tuple(results), best.rule if best else None, candles[cut - 1].at if cut else 0)


def _rank(result: StopResult, least_trips: int) -> tuple[bool, Decimal]:
    learnt = result.learnt
    return learnt.trips >= least_trips, learnt.expectancy if learnt.expectancy is not None else Decimal(-1)


def _outcome(spec: EngineSpec, strategy: Strategy, rule: StopRule, candles: Sequence[Candle]) -> Outcome:
    result: Backtest = run(replace(spec, exits=rule.on(spec.exits)), strategy, candles)
    parts = [trip.net_pnl / (trip.quantity * trip.entry_price) for trip in result.trips]
    return Outcome(
        trips=len(parts),
        expectancy=(sum(parts, Decimal(0)) / len(parts)).quantize(_DIGITS) if parts else None,
        worst=min(parts).quantize(_DIGITS) if parts else None,
        net_pnl=result.metrics.net_pnl,
        own_stops=sum(1 for event in result.events if isinstance(event, SignalRaised) and event.stop is not None),
        denied_by_band=result.metrics.denied.get("stop_band", 0),
    )
