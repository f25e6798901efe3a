from __future__ import annotations

import math

import pytest

from investbot.analysis.findings import Side
from investbot.analysis.structure.breaks import Breaks, Kind, Trend, alignment
from tests.unit.analysis.structure.shapes import drawn, minute

PEAK = [(1, 2, 1, 2), (2, 4, 2, 3), (3, 3, 1, 1.5)]
"""A swing high at 4 for a width of 1, known with the third bar."""


def test_a_close_beyond_the_last_swing_high_breaks_the_structure() -> None:
    (broken,) = Breaks(1).over(drawn([*PEAK, (1.5, 5, 1.5, 4.5)]))
    assert (broken.kind, broken.side, broken.level, broken.close) == (Kind.STRUCTURE, Side.HIGH, 4.0, 4.5)
    assert broken.swing.number == 1
    assert broken.known_at == minute(3)


def test_a_wick_beyond_it_breaks_nothing() -> None:
    assert Breaks(1).over(drawn([*PEAK, (1.5, 5, 1.5, 4.0)])) == ()


def test_a_swing_breaks_once() -> None:
    rows = [*PEAK, (1.5, 5, 1.5, 4.5), (4.5, 5, 4, 4.9)]
    assert len(Breaks(1).over(drawn(rows))) == 1


def test_a_break_against_the_trend_is_a_change_of_character_and_turns_it() -> None:
    rows = [*PEAK, (1.5, 5, 1.5, 4.5), (4.5, 5, 3, 3.2), (3.2, 6, 3.1, 4), (4, 4.1, 0.7, 0.8)]
    kinds = [(each.kind, each.side) for each in Breaks(1).over(drawn(rows))]
    assert kinds == [(Kind.STRUCTURE, Side.HIGH), (Kind.CHARACTER, Side.LOW)]


def test_a_break_with_the_trend_is_one_of_structure() -> None:
    rows = [*PEAK, (1.5, 5, 1.5, 4.5), (4.5, 6, 4, 5), (5, 5, 4, 4.2), (4.2, 7, 4.2, 6.5)]
    kinds = [(each.kind, each.side) for each in Breaks(1).over(drawn(rows))]
    assert kinds == [(Kind.STRUCTURE, Side.HIGH), (Kind.STRUCTURE, Side.HIGH)]


def test_the_bar_that_confirms_a_swing_may_break_it() -> None:
    rows = [(3, 3, 2, 2), (2, 2, 1, 1.5), (1.5, 2.5, 1.4, 2.4), (2, 2.6, 2, 2.2), (2, 2, 0.5, 0.6)]
    assert [each.side for each in Breaks(1).over(drawn(rows))] == [Side.LOW]


def test_the_trend_is_missing_then_none_then_that_of_the_last_break() -> None:
    rows = [*PEAK, (1.5, 5, 1.5, 4.5), (4.5, 5, 3, 3.2), (3.2, 6, 3.1, 4), (4, 4.1, 0.7, 0.8)]
    column = Trend(1).over(drawn(rows))
    assert [math.isnan(value) for value in column[:2]] == [True, True]
    assert column[2:].tolist() == [0.0, 1.0, 1.0, 1.0, -1.0]


@pytest.mark.parametrize(
    ("trends", "weights", "score"),
    [
        ((1.0, 1.0, 1.0), (), 1.0),
        ((-1.0, 1.0), (), 1 / 3),
        ((-1.0, 1.0), (1.0, 1.0), 0.0),
        ((float("nan"), 1.0), (), 2 / 3),
        ((), (), 0.0),
    ],
)
def test_trends_of_several_timeframes_are_weighed(
    trends: tuple[float, ...], weights: tuple[float, ...], score: float
) -> None:
    assert alignment(trends, weights) == pytest.approx(score)
