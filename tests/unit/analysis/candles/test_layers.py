"""The layers as numbers, and what they add to a pattern's strength."""

from __future__ import annotations

import math

import pytest

from investbot.analysis.analyser import Bars, columns
from investbot.analysis.candles import CandleLayers, CandlePatterns
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar
from investbot.domain.reading import Bias, Reading
from tests.unit.analysis.faces import walk_bars

CALM = Bar(100.0, 101.0, 99.0, 100.5, 2.0)
"""A range of two."""


def last(bars: list[Bar]) -> dict[str, float]:
    lines = CandleLayers().over(columns(bars))
    return dict(zip(CandleLayers.lines, (line[-1].item() for line in lines), strict=True))


def test_each_layer_of_a_candle() -> None:
    told = last([*[CALM] * 60, Bar(102.0, 106.0, 101.0, 105.0, 5.0)])
    assert told == pytest.approx(
        {
            "body": 3 / 5,
            "upper_wick": 1 / 5,
            "lower_wick": 1 / 5,
            "location": 4 / 5,
            "size": 5 / 2,
            "volume": 5 / 2,
            "gap": (102.0 - 100.5) / 2,
            "context": (105.0 - 99.0) / 7,
        }
    )


def test_a_falling_candle_has_a_negative_body() -> None:
    told = last([*[CALM] * 60, Bar(105.0, 106.0, 101.0, 102.0, 5.0)])
    assert told["body"] == pytest.approx(-3 / 5)
    assert (told["upper_wick"], told["lower_wick"]) == pytest.approx((1 / 5, 1 / 5))


def test_a_candle_is_measured_by_those_before_it() -> None:
    """Its own range and volume are not part of what is usual."""
    huge = last([*[CALM] * 60, Bar(100.0, 300.0, 100.0, 300.0, 900.0)])
    assert huge["size"] == pytest.approx(100.0)
    assert huge["volume"] == pytest.approx(450.0)


def test_without_range_or_volume_nothing_is_divided() -> None:
    flat = Bar(5.0, 5.0, 5.0, 5.0, 0.0)
    assert all(math.isnan(value) for value in last([flat] * 80).values())


def test_terms_that_cannot_be_are_refused() -> None:
    for terms in ({"atr": 0}, {"volumes": 1}, {"context": 1}):
        with pytest.raises(ConfigError):
            CandleLayers(**terms)


def reading(bars: Bars, name: str) -> Reading:
    return next(each for each in reversed(CandlePatterns().over(bars)) if each.source == f"candles.{name}")


def test_a_bare_pattern_has_four_tenths() -> None:
    told = reading(columns([Bar(106.0, 110.0, 100.0, 108.5, 1.0)]), "pin_bar_up")
    assert (told.strength, told.bias) == (0.4, Bias.BULLISH)
    assert told.evidence.endswith("; no other layer agrees")


def test_size_volume_and_place_add_two_tenths_each() -> None:
    def strength(bar: Bar, name: str = "pin_bar_up") -> float:
        return reading(columns([*[CALM] * 60, bar]), name).strength

    pin = (96.4, 97.0, 95.0, 96.8)  # a range of two, which is one ATR, with its close in the lowest third
    assert strength(Bar(*pin, 2.9)) == pytest.approx(0.8)
    assert reading(columns([*[CALM] * 60, Bar(*pin, 2.9)]), "pin_bar_up").evidence.endswith(
        "; with a range of at least 1 ATR, a close in the lowest third of its context"
    )
    assert strength(Bar(*pin, 3.0)) == pytest.approx(1.0)
    small = (96.46, 97.0, 95.2, 96.8)
    assert strength(Bar(*small, 3.0)) == pytest.approx(0.8)
    high = (103.4, 104.0, 102.0, 103.8)
    assert strength(Bar(*high, 3.0)) == pytest.approx(0.8)
    shooting = (102.6, 104.0, 102.0, 102.2)
    assert strength(Bar(*shooting, 3.0), "pin_bar_down") == pytest.approx(0.8)  # its close is not in the highest third
    top = (105.6, 107.0, 105.0, 105.2)
    assert strength(Bar(*top, 3.0), "pin_bar_down") == pytest.approx(1.0)


def test_a_neutral_pattern_is_never_in_place() -> None:
    told = reading(columns([*[CALM] * 60, Bar(97.0, 98.0, 96.0, 97.0, 3.0)]), "doji")
    assert told.strength == pytest.approx(0.8)
    assert told.bias is Bias.NEUTRAL


def test_readings_come_in_order_and_say_what_they_saw() -> None:
    told = CandlePatterns().over(walk_bars(300))
    assert [each.known_at for each in told] == sorted(each.known_at for each in told)
    assert all(0.4 <= each.strength <= 1.0 and len(each.evidence) > 40 for each in told)
