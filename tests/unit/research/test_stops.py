"""The stop that would have earned most net of costs is named, from the first part of the history alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pytest

from investbot.analysis.indicators import IndicatorSpec
from investbot.domain.market import Candle, Instrument
from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.domain.signal import Direction, Signal
from investbot.engine.spec import EngineSpec
from investbot.research.stops import LEAST_TRIPS, StopRule, candidates, choose_stop
from investbot.strategies.api import MarketView
from investbot.strategies.conservative_scalp import ConservativeScalp
from tests.unit.analysis.builders import FIVE_MINUTES, SYMBOL, candle, read

D = Decimal
CYCLE = 6


@dataclass(frozen=True)
class EverySixth:
    """Buys at the close of the first bar of each cycle, with its own stop `away` below where `away` is not 0."""

    away: float = 0.0
    name: ClassVar[str] = "every_sixth"
    description: ClassVar[str] = "Buys every sixth bar."
    warmup: ClassVar[int] = 1

    def indicators(self) -> Mapping[str, IndicatorSpec]:
        return {}

    def confirm_indicators(self) -> Mapping[str, IndicatorSpec]:
        return {}

    def evaluate(self, view: MarketView) -> Signal | None:
        if view.bars_seen % CYCLE != 1:
            return None
        stop = view.bar.close * (1 - self.away) if self.away else None
        return Signal(Direction.LONG, 0.5, "the cycle begins", stop=stop)


def market(dip: float, cycles: int = 40) -> list[Candle]:
    """Each cycle: at 100, down to `dip`, up to 103, and calmly back to 100."""
    made = []
    for number in range(cycles):
        bars = [
            (100.0, 100.1, 99.9, 100.0),
            (100.0, 100.1, dip, 100.0),
            (100.0, 103.0, 99.95, 102.9),
            (102.9, 103.0, 101.9, 102.0),
            (102.0, 102.1, 100.9, 101.0),
            (101.0, 101.1, 99.9, 100.0),
        ]
        for at, (opened, high, low, close) in enumerate(bars):
            when = (number * CYCLE + at) * FIVE_MINUTES.ms
            made.append(candle(when, close, opened=opened, high=high, low=low, volume=1000.0))
    return made


def spec(exits: ExitRules | None = None) -> EngineSpec:
    loose = RiskRules(min_net_reward_risk=D(0), cooldown_ms=0, max_entries_per_day=1000, max_entries_per_hour=1000)
    instrument = Instrument(SYMBOL, D("0.01"), D("0.00001"))
    return EngineSpec(
        {SYMBOL: instrument},
        FIVE_MINUTES,
        None,
        CostRules(),
        loose,
        exits or ExitRules(),
        D(1000),
        "test",
    )


def test_a_dip_before_the_rise_asks_for_the_wider_stop() -> None:
    choice = choose_stop(spec(), EverySixth(), market(99.2))
    assert choice.best is not None
    learnt = {result.rule: result.learnt.expectancy or D(0) for result in choice.results}
    assert choice.results[0].rule == choice.best
    assert learnt[choice.best] == learnt[StopRule("fixed", D("0.01"))] > D("0.01")
    assert learnt[StopRule("fixed", D("0.0075"))] < learnt[StopRule("fixed", D("0.005"))] < 0
    assert choice.results[-1].rule == StopRule("fixed", D("0.0075"))


def test_a_fall_that_never_comes_back_asks_for_the_nearer_one() -> None:
    falling = [
        candle(each.opened_at, "98" if number % CYCLE == 1 else "100", opened="100", high="100", low="97.9", volume=9.0)
        if number % CYCLE == 1
        else candle(each.opened_at, "100", opened="100", high="100.1", low="99.9", volume=9.0)
        for number, each in enumerate(market(99.0))
    ]
    choice = choose_stop(spec(), EverySixth(), falling)
    assert choice.best == StopRule("fixed", D("0.005"))
    assert choice.results[0].learnt.worst is not None
    assert choice.results[-1].learnt.worst is not None
    assert choice.results[0].learnt.worst > choice.results[-1].learnt.worst


def test_structure_is_compared_where_the_strategy_names_stops() -> None:
    plain = choose_stop(spec(), EverySixth(), market(99.2))
    assert "structure" not in {result.rule.kind for result in plain.results}
    own = choose_stop(spec(), EverySixth(away=0.0095), market(99.2))
    assert own.best is not None
    structure = next(result for result in own.results if result.rule.kind == "structure")
    assert structure.learnt.expectancy == own.results[0].learnt.expectancy
    far = choose_stop(spec(), EverySixth(away=0.02), market(99.2))
    refused = next(result for result in far.results if result.rule.kind == "structure")
    assert (refused.learnt.trips, refused.learnt.expectancy) == (0, None)
    assert refused.learnt.denied_by_band == refused.learnt.own_stops > LEAST_TRIPS
    assert far.results[-1] == refused


def test_the_choice_knows_only_the_first_part() -> None:
    history = market(99.2)
    cut = int(len(history) * D("0.7"))
    other_end = history[:cut] + [
        candle(each.opened_at, "100", opened="100", high="100.1", low="99.9", volume=9.0) for each in history[cut:]
    ]
    one, other = choose_stop(spec(), EverySixth(), history), choose_stop(spec(), EverySixth(), other_end)
    assert [result.learnt for result in one.results] == [result.learnt for result in other.results]
    assert one.best == other.best
    assert one.results[0].after != other.results[0].after
    assert one.learnt_until == history[cut - 1].at


def test_too_few_round_trips_choose_nothing() -> None:
    choice = choose_stop(spec(), EverySixth(), market(99.2, cycles=16))
    assert choice.best is None
    assert 0 < choice.results[0].learnt.trips < LEAST_TRIPS
    assert choose_stop(spec(), EverySixth(), market(99.2, cycles=16), least_trips=10).best is not None
    assert choose_stop(spec(), EverySixth(), []).learnt_until == 0


def test_every_candidate_stays_inside_the_profiles_bounds() -> None:
    fixed = [rule.value for rule in candidates(ExitRules()) if rule.kind == "fixed"]
    assert fixed == [D("0.005"), D("0.0075"), D("0.01")]
    one = candidates(ExitRules(stop_min=D("0.01")))
    assert [rule.value for rule in one if rule.kind == "fixed"] == [D("0.01")]


@pytest.mark.parametrize(
    ("rule", "exits", "wanted"),
    [
        (StopRule("structure"), ExitRules(stop_atr=D(2)), ("exits.stop_structure=true",)),
        (StopRule("atr", D(2)), ExitRules(), ("exits.stop_atr=2",)),
        (StopRule("atr", D(2)), ExitRules(stop_structure=True), ("exits.stop_structure=false", "exits.stop_atr=2")),
        (StopRule("fixed", D("0.005")), ExitRules(stop_atr=D(2)), ("exits.stop_atr=", "exits.stop_fraction=0.005")),
        (StopRule("fixed", D("0.005")), ExitRules(), ("exits.stop_fraction=0.005",)),
    ],
)
def test_the_settings_ask_for_the_rule_and_no_other(rule: StopRule, exits: ExitRules, wanted: tuple[str, ...]) -> None:
    assert rule.settings(exits) == wanted
    put = rule.on(exits)
    assert (put.stop_structure, put.stop_atr is not None) == (rule.kind == "structure", rule.kind == "atr")
    assert replace(put, stop_structure=exits.stop_structure, stop_atr=exits.stop_atr).stop_min == exits.stop_min


def test_on_a_real_market_every_stop_lies_inside_the_band(market_data: Path) -> None:
    candles = read(market_data, "binance_SOLUSDT_5m_2024", "5m", most=4000)
    choice = choose_stop(spec(), ConservativeScalp(), candles)
    assert {result.rule.kind for result in choice.results} == {"structure", "atr", "fixed"}
    assert choice.best is not None
    assert all(result.learnt.trips > 10 for result in choice.results)
    assert len({result.learnt for result in choice.results}) >= 6
