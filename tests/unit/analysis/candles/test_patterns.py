"""One market a rule where it holds, and one or more that miss it by a little."""

from __future__ import annotations

import pytest

from investbot.analysis.analyser import columns
from investbot.analysis.candles import RULES, CandlePatterns
from investbot.domain.market import Bar
from investbot.domain.reading import Bias, Reading

Prices = tuple[float, float, float, float]

HOLDS: dict[str, list[Prices]] = {
    "doji": [(100.0, 105.0, 95.0, 101.0)],
    "full_body_up": [(100.0, 110.0, 100.0, 109.0)],
    "full_body_down": [(110.0, 110.0, 100.0, 101.0)],
    "pin_bar_up": [(106.0, 110.0, 100.0, 108.5)],
    "pin_bar_down": [(104.0, 110.0, 100.0, 101.5)],
    "inside_bar": [(100.0, 110.0, 90.0, 101.0), (100.0, 110.0, 91.0, 104.0)],
    "outside_bar_up": [(100.0, 105.0, 95.0, 101.0), (100.0, 107.0, 94.0, 106.0)],
    "outside_bar_down": [(100.0, 105.0, 95.0, 101.0), (100.0, 106.0, 93.0, 94.0)],
    "engulfing_up": [(104.0, 105.0, 99.0, 100.0), (100.0, 106.0, 99.5, 105.0)],
    "engulfing_down": [(100.0, 105.0, 99.0, 104.0), (104.0, 105.5, 99.0, 99.5)],
    "piercing": [(110.0, 111.0, 99.0, 100.0), (100.0, 108.0, 98.0, 106.0)],
    "dark_cloud": [(100.0, 111.0, 99.0, 110.0), (110.0, 112.0, 102.0, 104.0)],
    "morning_star": [(110.0, 111.0, 99.0, 100.0), (101.0, 102.0, 97.0, 99.0), (99.0, 108.0, 98.0, 106.0)],
    "evening_star": [(100.0, 111.0, 99.0, 110.0), (109.0, 113.0, 108.0, 111.0), (111.0, 112.0, 102.0, 104.0)],
    "three_soldiers": [(100.0, 106.0, 99.0, 105.0), (103.0, 110.0, 102.0, 109.0), (107.0, 114.0, 106.0, 113.0)],
    "three_crows": [(113.0, 114.0, 107.0, 108.0), (110.0, 111.0, 103.0, 104.0), (106.0, 107.0, 99.0, 100.0)],
}

MISSES: list[tuple[str, str, list[Prices]]] = [
    ("doji", "the body is a little over a tenth", [(100.0, 105.0, 95.0, 101.01)]),
    ("doji", "there is no range", [(100.0, 100.0, 100.0, 100.0)]),
    ("full_body_up", "the body is a little under nine tenths", [(100.0, 110.0, 100.0, 108.99)]),
    ("full_body_up", "it falls", [(110.0, 110.0, 100.0, 101.0)]),
    ("full_body_down", "it rises", [(100.0, 110.0, 100.0, 109.0)]),
    ("full_body_down", "the body is a little under nine tenths", [(110.0, 110.0, 100.0, 101.01)]),
    ("pin_bar_up", "the wick is a little short", [(105.99, 110.0, 100.0, 108.6)]),
    ("pin_bar_up", "there is too much above", [(106.0, 110.0, 100.0, 108.49)]),
    ("pin_bar_down", "the wick is a little short", [(104.01, 110.0, 100.0, 101.0)]),
    ("pin_bar_down", "there is too much below", [(104.0, 110.0, 100.0, 101.51)]),
    ("inside_bar", "the high is a little higher", [(100.0, 110.0, 90.0, 101.0), (100.0, 110.01, 91.0, 104.0)]),
    ("inside_bar", "the low is a little lower", [(100.0, 110.0, 90.0, 101.0), (100.0, 109.0, 89.99, 104.0)]),
    ("inside_bar", "the range is the same", [(100.0, 110.0, 90.0, 101.0), (100.0, 110.0, 90.0, 104.0)]),
    ("outside_bar_up", "it closes at the high before", [(100.0, 105.0, 95.0, 101.0), (100.0, 107.0, 94.0, 105.0)]),
    ("outside_bar_up", "it does not break the low", [(100.0, 105.0, 95.0, 101.0), (100.0, 107.0, 95.0, 106.0)]),
    ("outside_bar_down", "it closes at the low before", [(100.0, 105.0, 95.0, 101.0), (100.0, 106.0, 93.0, 95.0)]),
    ("outside_bar_down", "it does not break the high", [(100.0, 105.0, 95.0, 101.0), (100.0, 105.0, 93.0, 94.0)]),
    ("engulfing_up", "it closes inside the body", [(104.0, 105.0, 99.0, 100.0), (99.0, 106.0, 98.5, 103.9)]),
    ("engulfing_up", "it opens inside the body", [(104.0, 105.0, 99.0, 100.0), (100.1, 106.0, 99.5, 105.0)]),
    ("engulfing_up", "both bodies are the same", [(104.0, 105.0, 99.0, 100.0), (100.0, 106.0, 99.5, 104.0)]),
    ("engulfing_up", "the one before hardly fell", [(100.5, 105.0, 99.5, 100.0), (100.0, 106.0, 99.5, 105.0)]),
    ("engulfing_up", "it falls too", [(104.0, 105.0, 99.0, 100.0), (105.0, 106.0, 99.0, 99.5)]),
    ("engulfing_up", "the one before rose", [(100.0, 105.0, 99.0, 104.0), (100.0, 106.0, 99.5, 105.0)]),
    ("engulfing_down", "it closes inside the body", [(100.0, 105.0, 99.0, 104.0), (104.0, 105.5, 99.0, 100.1)]),
    ("engulfing_down", "it rises too", [(100.0, 105.0, 99.0, 104.0), (99.5, 105.5, 99.0, 105.0)]),
    ("engulfing_down", "the one before fell", [(104.0, 105.0, 99.0, 100.0), (104.0, 105.5, 99.0, 99.5)]),
    ("piercing", "it closes at the middle", [(110.0, 111.0, 99.0, 100.0), (100.0, 108.0, 98.0, 105.0)]),
    ("piercing", "it closes over the whole body", [(110.0, 111.0, 99.0, 100.0), (100.0, 112.0, 98.0, 110.0)]),
    ("piercing", "it opens inside the body", [(110.0, 111.0, 99.0, 100.0), (100.1, 108.0, 98.0, 106.0)]),
    ("piercing", "the body before is weak", [(110.0, 117.0, 99.0, 100.0), (100.0, 108.0, 98.0, 106.0)]),
    ("dark_cloud", "it closes at the middle", [(100.0, 111.0, 99.0, 110.0), (110.0, 112.0, 102.0, 105.0)]),
    ("dark_cloud", "it closes under the whole body", [(100.0, 111.0, 99.0, 110.0), (110.0, 112.0, 99.0, 100.0)]),
    ("dark_cloud", "it opens inside the body", [(100.0, 111.0, 99.0, 110.0), (109.9, 112.0, 102.0, 104.0)]),
    (
        "morning_star",
        "the middle body is too large",
        [(110.0, 111.0, 99.0, 100.0), (101.0, 102.0, 97.0, 97.9), (99.0, 108.0, 98.0, 106.0)],
    ),
    (
        "morning_star",
        "the middle body stands too high",
        [(110.0, 111.0, 99.0, 100.0), (105.1, 106.0, 102.0, 103.0), (99.0, 108.0, 98.0, 106.0)],
    ),
    (
        "morning_star",
        "it closes at the middle of the first body",
        [(110.0, 111.0, 99.0, 100.0), (101.0, 102.0, 97.0, 99.0), (99.0, 108.0, 98.0, 105.0)],
    ),
    (
        "morning_star",
        "the last body is too small",
        [(110.0, 111.0, 99.0, 100.0), (101.0, 102.0, 97.0, 99.0), (101.1, 108.0, 98.0, 106.0)],
    ),
    (
        "morning_star",
        "the first body is weak",
        [(110.0, 120.1, 99.0, 100.0), (101.0, 102.0, 97.0, 99.0), (99.0, 108.0, 98.0, 106.0)],
    ),
    (
        "morning_star",
        "the first one rose",
        [(100.0, 111.0, 99.0, 110.0), (101.0, 102.0, 97.0, 99.0), (99.0, 108.0, 98.0, 106.0)],
    ),
    (
        "morning_star",
        "the last one falls",
        [(110.0, 111.0, 99.0, 100.0), (101.0, 102.0, 97.0, 99.0), (112.0, 113.0, 105.5, 106.0)],
    ),
    (
        "evening_star",
        "the first one fell",
        [(110.0, 111.0, 99.0, 100.0), (109.0, 113.0, 108.0, 111.0), (111.0, 112.0, 102.0, 104.0)],
    ),
    (
        "evening_star",
        "the last one rises",
        [(100.0, 111.0, 99.0, 110.0), (109.0, 113.0, 108.0, 111.0), (98.0, 104.5, 97.0, 104.0)],
    ),
    (
        "evening_star",
        "it closes at the middle of the first body",
        [(100.0, 111.0, 99.0, 110.0), (109.0, 113.0, 108.0, 111.0), (111.0, 112.0, 102.0, 105.0)],
    ),
    (
        "evening_star",
        "the middle body stands too low",
        [(100.0, 111.0, 99.0, 110.0), (104.9, 109.0, 104.0, 107.0), (111.0, 112.0, 102.0, 104.0)],
    ),
    (
        "three_soldiers",
        "the last one opens above the body before",
        [(100.0, 106.0, 99.0, 105.0), (103.0, 110.0, 102.0, 109.0), (109.1, 114.0, 109.0, 113.0)],
    ),
    (
        "three_soldiers",
        "the second one is weak",
        [(100.0, 106.0, 99.0, 105.0), (103.0, 113.1, 102.0, 109.0), (107.0, 114.0, 106.0, 113.0)],
    ),
    (
        "three_crows",
        "the last one opens under the body before",
        [(113.0, 114.0, 107.0, 108.0), (110.0, 111.0, 103.0, 104.0), (103.9, 104.0, 99.0, 100.0)],
    ),
    (
        "three_crows",
        "the second one closes where the first did",
        [(113.0, 114.0, 107.0, 108.0), (112.0, 112.5, 107.0, 108.0), (111.0, 112.0, 105.0, 106.0)],
    ),
]


def found(prices: list[Prices]) -> list[str]:
    """The patterns that the last candle completes, from both faces."""
    bars = columns([Bar(*price, 1.0) for price in prices])
    told = CandlePatterns().over(bars)
    stream = CandlePatterns().stream()
    carried: list[Reading] = []
    for bar, closed_at in bars.each():
        carried += stream.update(bar, closed_at)
    assert tuple(carried) == told
    return [each.source for each in told if each.known_at == bars.closed_at[-1]]


def test_every_rule_has_its_market_and_its_near_miss() -> None:
    names = [rule.name for rule in RULES]
    assert list(HOLDS) == names
    assert {name for name, _, _ in MISSES} == set(names)


@pytest.mark.parametrize("name", list(HOLDS))
def test_the_rule_holds(name: str) -> None:
    assert f"candles.{name}" in found(HOLDS[name])
    assert f"candles.{name}" in found([(1.0, 2.0, 0.5, 1.5), *HOLDS[name]])


@pytest.mark.parametrize(("name", "why", "prices"), MISSES, ids=[f"{name}: {why}" for name, why, _ in MISSES])
def test_the_rule_does_not_hold(name: str, why: str, prices: list[Prices]) -> None:
    assert f"candles.{name}" not in found(prices)


@pytest.mark.parametrize("name", list(HOLDS))
def test_the_mirror_of_a_bullish_pattern_is_bearish(name: str) -> None:
    """A market turned upside down shows the opposite."""
    opposite = {
        "full_body_up": "full_body_down",
        "pin_bar_up": "pin_bar_down",
        "outside_bar_up": "outside_bar_down",
        "engulfing_up": "engulfing_down",
        "piercing": "dark_cloud",
        "morning_star": "evening_star",
        "three_soldiers": "three_crows",
    }
    both = opposite | {down: up for up, down in opposite.items()}
    turned = [(200.0 - o, 200.0 - low, 200.0 - high, 200.0 - c) for o, high, low, c in HOLDS[name]]
    assert f"candles.{both.get(name, name)}" in found(turned)
    bias = {rule.name: rule.bias for rule in RULES}
    assert (bias[name] is Bias.NEUTRAL) == (name not in both)


def test_two_candles_are_needed_for_a_pattern_of_two() -> None:
    assert "candles.inside_bar" not in found(HOLDS["inside_bar"][1:])
    assert "candles.morning_star" not in found(HOLDS["morning_star"][1:])
