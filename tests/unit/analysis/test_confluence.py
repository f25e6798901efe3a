from __future__ import annotations

import math

import pytest

from investbot.analysis.confluence import (
    Factor,
    Level,
    atr_levels,
    confirm_long,
    confirm_short,
    confirmations,
    fuse,
    weigh,
)
from investbot.domain.errors import ConfigError
from investbot.domain.reading import Bias, Reading


def reading(bias: Bias, strength: float, source: str = "x") -> Reading:
    return Reading(source, bias, strength, f"{source} says so.", 0)


UP, DOWN, FLAT = Bias.BULLISH, Bias.BEARISH, Bias.NEUTRAL
FACTORS = (Factor("trend", 1), Factor("gap", 2), Factor("candle", 3))


def test_tiers_weigh_three_two_and_one() -> None:
    found = weigh(FACTORS, {name: reading(UP, 1.0, name) for name in ("trend", "gap", "candle")})
    assert found.bias is UP
    assert found.score == pytest.approx(100.0)
    assert [part.points for part in found.parts] == pytest.approx([50.0, 100 / 3, 100 / 6])


def test_what_speaks_against_it_is_taken_off() -> None:
    found = weigh(FACTORS, {"trend": reading(UP, 0.8), "gap": reading(DOWN, 0.5)})
    assert found.score == pytest.approx(100 * (3 * 0.8 - 2 * 0.5) / 6)
    assert found.parts[1].points < 0
    assert found.parts[2].reading is None


def test_the_bias_is_that_of_the_sum() -> None:
    assert weigh(FACTORS, {"trend": reading(DOWN, 0.5)}).bias is DOWN
    assert weigh(FACTORS, {}).bias is FLAT
    assert weigh(FACTORS, {"trend": reading(FLAT, 1.0)}).score == 0.0
    assert weigh((), {}).score == 0.0


def test_a_weight_overrides_the_tier_and_nought_turns_it_off() -> None:
    factors = (Factor("trend", 1, 1.0), Factor("gap", 2, 0.0), Factor("candle", 3))
    found = weigh(factors, {"trend": reading(UP, 1.0), "gap": reading(DOWN, 1.0)})
    assert found.score == pytest.approx(50.0)
    assert weigh((Factor("gap", 2, 0.0),), {"gap": reading(UP, 1.0)}).score == 0.0


def test_the_evidence_names_the_heaviest_part_first() -> None:
    found = weigh(FACTORS, {"candle": reading(UP, 1.0, "candle"), "trend": reading(DOWN, 1.0, "trend")})
    assert found.evidence == "trend -50 (trend says so); candle +17 (candle says so)"


@pytest.mark.parametrize(("tier", "weight"), [(0, None), (4, None), (1, -1.0), (1, 101.0)])
def test_factors_that_cannot_be_are_refused(tier: int, weight: float | None) -> None:
    with pytest.raises(ConfigError, match="The factor x"):
        Factor("x", tier, weight)


@pytest.mark.parametrize(
    ("readings", "level", "bias", "confidence"),
    [
        ([(UP, 0.6), (UP, 0.8)], Level.HIGH, UP, 0.84),
        ([(UP, 0.9), (UP, 1.0)], Level.HIGH, UP, 1.0),
        ([(UP, 0.6), (UP, 0.8), None], Level.HIGH, UP, 0.7),
        ([(UP, 0.6), (UP, 0.8), (FLAT, 1.0)], Level.HIGH, UP, 0.7),
        ([(UP, 0.6), (UP, 0.8), (DOWN, 0.9)], Level.HIGH, UP, 0.7),
        ([(DOWN, 0.6), (UP, 0.8), (DOWN, 0.8)], Level.HIGH, DOWN, 0.7),
        ([(UP, 0.76), None], Level.MEDIUM, UP, 0.76),
        ([(UP, 0.8), (DOWN, 0.75)], Level.MEDIUM, UP, 0.8),
        ([(UP, 0.75), None], Level.NONE, FLAT, 0.0),
        ([(UP, 0.8), (DOWN, 0.8)], Level.NONE, FLAT, 0.0),
        ([(UP, 0.8), (UP, 0.7), (DOWN, 0.6), (DOWN, 0.7)], Level.MEDIUM, UP, 0.8),
        ([(FLAT, 1.0), None], Level.NONE, FLAT, 0.0),
        ([], Level.NONE, FLAT, 0.0),
    ],
)
def test_methods_are_fused(
    readings: list[tuple[Bias, float] | None], level: Level, bias: Bias, confidence: float
) -> None:
    fusion = fuse([None if each is None else reading(*each) for each in readings])
    assert (fusion.level, fusion.bias) == (level, bias)
    assert fusion.confidence == pytest.approx(confidence)


def test_levels_are_two_four_six_and_eight_atr_away() -> None:
    assert atr_levels(100.0, 1.0, UP) == (98.0, (104.0, 106.0, 108.0))
    assert atr_levels(100.0, 1.0, DOWN) == (102.0, (96.0, 94.0, 92.0))


HOLDS = {"rsi": 39.0, "close": 103.0, "fast": 102.0, "slow": 101.0, "macd": 0.2, "signal": 0.1}


@pytest.mark.parametrize(
    "miss", [{"rsi": 40.0}, {"close": 102.0}, {"fast": 101.0}, {"macd": 0.1}, {"rsi": math.nan}, {"slow": math.nan}]
)
def test_a_rise_is_confirmed_by_all_four_rules(miss: dict[str, float]) -> None:
    assert confirm_long(**HOLDS)
    assert not confirm_long(**{**HOLDS, **miss})
    assert confirmations(**HOLDS) == (True, True, True, True)


@pytest.mark.parametrize("miss", [{"rsi": 60.0}, {"close": 98.0}, {"fast": 99.0}, {"macd": -0.1}])
def test_a_fall_by_their_mirror(miss: dict[str, float]) -> None:
    holds = {"rsi": 61.0, "close": 97.0, "fast": 98.0, "slow": 99.0, "macd": -0.2, "signal": -0.1}
    assert confirm_short(**holds)
    assert not confirm_short(**{**holds, **miss})
