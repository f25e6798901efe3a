"""The record that Kelly reads is the sum of the round trips, and its denial is an event like any other."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from investbot.domain.events import IntentDenied, PositionClosed
from investbot.domain.market import Instrument
from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.engine.spec import EngineSpec
from investbot.research.backtest import Backtest, run
from investbot.strategies.ma_cross import MovingAverageCross
from tests.unit.analysis.builders import FIVE_MINUTES, SYMBOL, walk

CANDLES = walk(1500, step=0.008)


def backtest(risk: RiskRules, costs: CostRules) -> Backtest:
    spec = EngineSpec(
        {SYMBOL: Instrument(SYMBOL, Decimal("0.00001"), Decimal("0.00001"))},
        FIVE_MINUTES,
        None,
        costs,
        risk,
        ExitRules(),
        Decimal(1000),
        "test",
    )
    return run(spec, MovingAverageCross(fast=3, slow=9), CANDLES)


LOOSE = RiskRules(min_net_reward_risk=Decimal(0), cooldown_ms=0, max_entries_per_day=1000, max_entries_per_hour=1000)
DEAR = CostRules(taker_fee=Decimal("0.004"), maker_fee=Decimal("0.004"))


def test_the_record_is_the_sum_of_the_round_trips() -> None:
    result = backtest(LOOSE, CostRules())
    tally, trips = result.engine.state.tally, result.trips
    assert len(trips) > 20
    assert tally.gains_r == sum(trip.r for trip in trips if trip.net_pnl > 0)
    assert tally.losses_r == -sum(trip.r for trip in trips if trip.net_pnl <= 0)
    assert 0 < tally.wins < tally.trips


def test_a_losing_record_ends_the_entries_and_says_why() -> None:
    everything = backtest(LOOSE, DEAR)
    result = backtest(replace(LOOSE, kelly_fraction=Decimal("0.25"), kelly_trips=5), DEAR)
    assert 5 <= len(result.trips) < len(everything.trips)
    denials = [event for event in result.events if isinstance(event, IntentDenied) and event.limit == "kelly"]
    fifth = [event for event in result.events if isinstance(event, PositionClosed)][4]
    assert denials
    assert denials[0].at >= fifth.at
    assert "no edge" in denials[0].reason


def test_costs_that_eat_the_edge_are_refused_with_the_figures() -> None:
    result = backtest(LOOSE, CostRules(taker_fee=Decimal("0.012"), maker_fee=Decimal("0.012")))
    denials = [event for event in result.events if isinstance(event, IntentDenied)]
    assert not result.trips
    assert {denial.limit for denial in denials} == {"costs"}
    assert "getting in and out there costs" in denials[0].reason
