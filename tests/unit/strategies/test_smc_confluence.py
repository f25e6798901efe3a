from __future__ import annotations

import math
from typing import Any

import pytest

from investbot.analysis.findings import Side
from investbot.analysis.intelligence import Outlook
from investbot.analysis.structure.blocks import Block, Mitigation
from investbot.analysis.structure.breaks import Break, Kind
from investbot.analysis.structure.flow import Flow, FlowChange
from investbot.analysis.structure.gaps import Fill, Gap
from investbot.analysis.structure.liquidity import Pool, State
from investbot.analysis.structure.swings import Label, Swing
from investbot.domain.market import HOUR, MINUTE
from investbot.domain.reading import Bias, Reading
from investbot.domain.signal import Direction
from investbot.strategies.api import MarketView
from investbot.strategies.smc_confluence import SmcConfluence
from tests.unit.strategies.views import BAR, NOON, changed, opinion, says, view_of

NIGHT = NOON + 11 * HOUR
NOW = {"trend": 1.0, "position": 0.25, "low": 95.0, "below": 90.0, "atr": 1.0}


def pool(state: State = State.SWEPT, side: Side = Side.LOW, level: float = 99.2, at: int = NIGHT) -> Pool:
    return Pool(side, "equal", level, 2, state, 98.9 if state is not State.RESTING else math.nan, at, at)


def broken(kind: Kind = Kind.STRUCTURE, side: Side = Side.HIGH, at: int = NIGHT) -> Break:
    swing = Swing(side, 100.0, Label.FIRST, 1, at, at)
    return Break(kind, side, 100.0, 100.5, swing, at)


def gap(side: Side = Side.HIGH, fill: Fill = Fill.OPEN, bottom: float = 99.5, at: int = NIGHT - MINUTE) -> Gap:
    return Gap(side, bottom, bottom + 1.0, fill, at, at)


def block(side: Side = Side.HIGH, state: Mitigation = Mitigation.FRESH, bottom: float = 98.0) -> Block:
    return Block(side, bottom, bottom + 1.5, state, NIGHT - HOUR, NIGHT - HOUR)


def flow(after: Flow = Flow.EXPANSION, side: Side | None = Side.HIGH, at: int = NIGHT) -> FlowChange:
    return FlowChange(Flow.ACCUMULATION, after, side, "displacement", at)


def candle(bias: Bias = Bias.BULLISH, strength: float = 0.8, at: int = NIGHT) -> Reading:
    return Reading("candles.engulfing", bias, strength, "Engulfing.", at)


def seen(now: dict[str, float] | None = None, closed_at: int = NIGHT, **more: Any) -> MarketView:
    found = {name: more.pop(name, ()) for name in ("pools", "breaks", "gaps", "blocks", "flow", "candles")}
    return view_of(now or NOW, found=found, closed_at=closed_at, **more)


EVERYTHING: dict[str, Any] = {
    "pools": (pool(),),
    "breaks": (broken(),),
    "gaps": (gap(),),
    "blocks": (block(),),
    "flow": (flow(),),
    "candles": (candle(),),
}


def bias(name: str, view: MarketView, **parameters: Any) -> Bias | None:
    reading = SmcConfluence(**parameters).readings(view).get(name)
    return None if reading is None else reading.bias


def test_factors_that_agree_are_bought() -> None:
    signal = opinion(SmcConfluence(), seen(**EVERYTHING))
    assert signal.direction is Direction.LONG
    points = 3 * 1.0 + 3 * 1.0 + 3 * 0.8 + 2 * 1.0 + 2 * 0.9 + 2 * 0.5 + 2 * 0.8 + 1 * 0.8
    assert signal.confidence == pytest.approx(points / 20)
    assert signal.stop == pytest.approx(98.9 - 0.25)
    assert signal.reason.startswith("Score 78 of 100: trend +15 (The market is bullish by structure); sweep +15")


def test_a_score_under_the_threshold_is_none() -> None:
    view = seen(**EVERYTHING)
    assert says(SmcConfluence(threshold=77.0), view) is Direction.LONG
    assert says(SmcConfluence(threshold=79.0), view) is None


def test_it_speaks_only_when_something_new_was_found() -> None:
    old = NIGHT - MINUTE
    stale = {**EVERYTHING, "pools": (pool(at=old),), "breaks": (broken(at=old),)}
    assert says(SmcConfluence(), seen(**stale)) is None
    assert says(SmcConfluence(), seen()) is None
    assert says(SmcConfluence(), seen(**{**stale, "gaps": (gap(), gap(at=NIGHT))})) is Direction.LONG


def test_what_is_held_is_not_bought_again_and_nothing_without_a_range() -> None:
    assert says(SmcConfluence(), seen(**EVERYTHING, holding=True)) is None
    assert says(SmcConfluence(), seen(changed(NOW, atr=math.nan), **EVERYTHING)) is None


def test_a_change_of_character_downwards_is_left() -> None:
    turned = {**EVERYTHING, "breaks": (broken(Kind.CHARACTER, Side.LOW),)}
    signal = opinion(SmcConfluence(), seen(**turned, holding=True))
    assert (signal.direction, signal.confidence) == (Direction.SHORT, 0.5)
    before = {**EVERYTHING, "breaks": (broken(Kind.CHARACTER, Side.LOW, NIGHT - MINUTE),)}
    assert says(SmcConfluence(), seen(**before, holding=True)) is None
    with_trend = {**EVERYTHING, "breaks": (broken(Kind.STRUCTURE, Side.LOW),)}
    assert says(SmcConfluence(), seen(**with_trend, holding=True)) is None


FALL: dict[str, Any] = {
    "pools": (pool(side=Side.HIGH, level=101.0),),
    "breaks": (broken(side=Side.LOW),),
    "gaps": (gap(Side.LOW),),
    "blocks": (block(Side.LOW, bottom=100.0),),
    "flow": (flow(side=Side.LOW),),
    "candles": (candle(Bias.BEARISH),),
}


def test_as_much_for_a_fall_is_left() -> None:
    view = seen(changed(NOW, trend=-1.0, position=0.75), **FALL)
    signal = opinion(SmcConfluence(), view)
    assert signal.direction is Direction.SHORT
    assert signal.reason.startswith("Score 78 for a fall: trend -15")
    turned = seen(changed(NOW, trend=-1.0), **{**FALL, "breaks": (broken(Kind.CHARACTER, Side.LOW),)})
    assert opinion(SmcConfluence(), turned).confidence > 0.7


def test_the_longer_timeframe_says_the_trend_where_there_is_one() -> None:
    assert bias("trend", seen()) is Bias.BULLISH
    assert bias("trend", seen(longer={"trend": -1.0})) is Bias.BEARISH
    assert bias("trend", seen(longer={"trend": 0.0})) is None
    assert bias("trend", seen(longer={"trend": math.nan})) is None


def test_a_sweep_counts_while_it_is_fresh() -> None:
    assert bias("sweep", seen(pools=(pool(),))) is Bias.BULLISH
    assert bias("sweep", seen(pools=(pool(side=Side.HIGH),))) is Bias.BEARISH
    assert bias("sweep", seen(pools=(pool(), pool(State.TAKEN), pool(State.RESTING)))) is Bias.BULLISH
    old = pool(at=NIGHT - 10 * MINUTE)
    assert bias("sweep", seen(pools=(old,)), fresh_minutes=10) is Bias.BULLISH
    assert bias("sweep", seen(pools=(old,)), fresh_minutes=9) is None
    assert bias("sweep", seen(pools=(pool(State.RESTING),))) is None


def test_a_change_of_character_is_stronger_than_a_break_with_the_trend() -> None:
    readings = [
        SmcConfluence().readings(seen(breaks=(each,)))["structure"].strength
        for each in (broken(), broken(Kind.CHARACTER))
    ]
    assert readings == [0.8, 1.0]
    assert bias("structure", seen(breaks=(broken(at=NIGHT - 241 * MINUTE),))) is None


@pytest.mark.parametrize(
    ("gaps", "said"),
    [
        ((gap(),), Bias.BULLISH),
        ((gap(Side.LOW),), Bias.BEARISH),
        ((gap(fill=Fill.FILLED),), None),
        ((gap(), gap(fill=Fill.FILLED)), None),
        ((gap(bottom=101.1),), None),
        ((gap(bottom=97.9),), None),
        ((gap(at=NIGHT),), None),
        ((gap(bottom=97.0), gap(Side.LOW, at=NIGHT - HOUR)), Bias.BEARISH),
    ],
)
def test_the_latest_gap_the_bar_trades_in(gaps: tuple[Gap, ...], said: Bias | None) -> None:
    assert bias("gap", seen(gaps=gaps)) is said


def test_a_half_filled_gap_is_weaker() -> None:
    reading = SmcConfluence().readings(seen(gaps=(gap(), gap(fill=Fill.HALF))))["gap"]
    assert reading.strength == 0.7


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ((block(),), Bias.BULLISH),
        ((block(Side.LOW, bottom=100.0),), Bias.BEARISH),
        ((block(), block(state=Mitigation.MITIGATED)), Bias.BULLISH),
        ((block(), block(state=Mitigation.BROKEN)), None),
        ((block(bottom=97.4),), None),
        ((block(bottom=101.1),), None),
    ],
)
def test_the_latest_block_the_bar_trades_in(blocks: tuple[Block, ...], said: Bias | None) -> None:
    assert bias("block", seen(blocks=blocks)) is said


@pytest.mark.parametrize(
    ("position", "said", "strength"),
    [
        (0.25, Bias.BULLISH, 0.5),
        (0.0, Bias.BULLISH, 1.0),
        (0.75, Bias.BEARISH, 0.5),
        (1.1, None, 0.0),
        (-0.1, None, 0.0),
        (math.nan, None, 0.0),
    ],
)
def test_discount_and_premium(position: float, said: Bias | None, strength: float) -> None:
    reading = SmcConfluence().readings(seen(changed(NOW, position=position))).get("discount")
    assert (reading.bias if reading else None) is said
    assert (reading.strength if reading else 0.0) == pytest.approx(strength)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (flow(), Bias.BULLISH),
        (flow(side=Side.LOW), Bias.BEARISH),
        (flow(Flow.MANIPULATION, Side.LOW), Bias.BULLISH),
        (flow(Flow.MANIPULATION, Side.HIGH), Bias.BEARISH),
        (flow(Flow.RETRACEMENT), Bias.BULLISH),
        (flow(Flow.DISTRIBUTION), None),
        (flow(Flow.UNKNOWN, None), None),
        (flow(at=NIGHT - 241 * MINUTE), None),
    ],
)
def test_what_order_flow_says(step: FlowChange, said: Bias | None) -> None:
    assert bias("flow", seen(flow=(step,))) is said


def test_the_strongest_pattern_of_the_bar_counts() -> None:
    patterns = (candle(strength=0.4), candle(Bias.BEARISH, 0.6), candle(Bias.NEUTRAL, 1.0), candle(at=NIGHT - MINUTE))
    assert bias("candle", seen(candles=patterns)) is Bias.BEARISH
    assert bias("candle", seen(candles=(candle(at=NIGHT - MINUTE),))) is None


def test_an_open_session_adds_to_the_trend() -> None:
    assert bias("session", seen()) is None
    assert bias("session", seen(closed_at=NOON)) is Bias.BULLISH
    assert bias("session", seen(changed(NOW, trend=-1.0), closed_at=NOON)) is Bias.BEARISH
    assert bias("session", seen(changed(NOW, trend=math.nan), closed_at=NOON)) is None


def test_a_round_price_just_below_counts() -> None:
    assert bias("round", seen(changed(NOW, below=100.0))) is Bias.BULLISH
    assert bias("round", seen(changed(NOW, below=99.9))) is None
    assert bias("round", seen(changed(NOW, below=100.0, atr=math.nan))) is None


def test_weights_of_the_profile_override_the_tiers() -> None:
    factors = {factor.name: factor.weighs for factor in SmcConfluence(weight_trend=0.0, weight_gap=5.0).factors}
    assert factors["trend"] == 0.0
    assert factors["gap"] == 5.0
    assert (factors["sweep"], factors["flow"], factors["candle"]) == (3.0, 2.0, 1.0)


def test_the_stop_lies_under_the_last_swept_low_and_the_bar() -> None:
    resting = {**EVERYTHING, "pools": (pool(State.RESTING, Side.HIGH, 105.0),)}
    assert opinion(SmcConfluence(threshold=10.0), seen(**resting)).stop == pytest.approx(99.0 - 0.25)
    old = {**EVERYTHING, "pools": (pool(at=NIGHT - 300 * MINUTE),)}
    assert opinion(SmcConfluence(threshold=10.0), seen(**old)).stop == pytest.approx(99.0 - 0.25)
    deeper = seen(**EVERYTHING, bar=BAR._replace(low=98.0))
    assert opinion(SmcConfluence(threshold=10.0), deeper).stop == pytest.approx(98.0 - 0.25)
    wide = SmcConfluence(threshold=10.0, stop_atr=10.0)
    assert opinion(wide, seen(changed(NOW, atr=20.0), **EVERYTHING)).stop is None


def test_the_targets_are_the_pools_that_rest_above() -> None:
    levels = [104.0, 102.0, 106.0, 108.0, 99.0]
    pools = [pool(State.RESTING, Side.HIGH, level) for level in levels]
    pools += [pool(State.TAKEN, Side.HIGH, 102.0), pool(State.RESTING, Side.LOW, 103.0), pool()]
    view = seen(**{**EVERYTHING, "pools": tuple(pools)})
    assert opinion(SmcConfluence(), view).targets == (104.0, 106.0, 108.0)


def test_it_declares_what_it_reads() -> None:
    assert set(SmcConfluence().indicators()) == {*NOW, "pools", "breaks", "gaps", "blocks", "flow", "candles"}
    assert set(SmcConfluence().confirm_indicators()) == {"trend"}
    assert SmcConfluence().warmup == 200


def test_an_opinion_says_what_it_rests_on() -> None:
    pools = (pool(), Pool(Side.HIGH, "London", 104.0, 1, State.RESTING, math.nan, NIGHT, NIGHT))
    signal = opinion(SmcConfluence(), seen(**{**EVERYTHING, "pools": pools}))
    assert signal.setup == "sweep+break"
    points = {part.name: round(part.points) for part in signal.parts}
    assert points["trend"] == 15
    assert sum(part.points for part in signal.parts) == pytest.approx(signal.confidence * 100.0)
    assert [(each.kind, each.price, each.session) for each in signal.levels] == [
        ("London high resting", 104.0, "london"),
        ("equal low swept", 99.2, ""),
        ("extreme of a sweep", 98.9, ""),
        ("break of structure", 100.0, ""),
        ("gap bottom", 99.5, ""),
        ("gap top", 100.5, ""),
    ]
    assert [round(each.strength, 2) for each in signal.levels[:2]] == [0.75, 0.67]


@pytest.mark.parametrize(
    ("news", "setup"),
    [
        ({"pools": (pool(),), "breaks": (), "gaps": ()}, "sweep"),
        ({"breaks": (broken(),), "gaps": (gap(at=NIGHT),), "pools": (pool(at=NIGHT - MINUTE),)}, "break+gap"),
    ],
)
def test_the_set_up_is_what_is_new(news: dict[str, Any], setup: str) -> None:
    assert opinion(SmcConfluence(threshold=1.0), seen(**{**EVERYTHING, **news})).setup == setup


def test_the_world_outside_counts_where_it_has_a_weight() -> None:
    view = seen(**EVERYTHING)
    view.outlook = Outlook(-0.5, 1, "Outside")
    assert bias("intelligence", view) is Bias.BEARISH
    without = opinion(SmcConfluence(), view).confidence
    assert [part.points for part in opinion(SmcConfluence(), view).parts if part.name == "intelligence"] == [0.0]
    assert without == opinion(SmcConfluence(), seen(**EVERYTHING)).confidence
    assert opinion(SmcConfluence(weight_intelligence=5.0), view).confidence == pytest.approx(
        (without * 20 - 5 * 0.5) / 25
    )
    view.outlook = None
    assert bias("intelligence", view) is None
