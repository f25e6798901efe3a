from __future__ import annotations

import pytest

from investbot.analysis.findings import Side
from investbot.analysis.structure.trendlines import TrendLine, TrendLines
from investbot.domain.errors import ConfigError
from tests.unit.analysis.structure.shapes import drawn, warm

Row = tuple[float, float, float, float]


def lows(*bottoms: float) -> list[Row]:
    """A swing low every third bar."""
    rows: list[Row] = []
    for bottom in bottoms:
        rows += [(12, 12.5, 11.5, 12), (12, 12.5, bottom, 12), (12, 12.5, 11.5, 12)]
    return rows


def told(rows: list[Row], side: Side = Side.LOW, tolerance: float = 0.5) -> list[TrendLine]:
    return [line for line in TrendLines(1, tolerance).over(drawn([*warm(12), *rows])) if line.side is side]


def test_three_rising_lows_make_a_line() -> None:
    (line,) = told(lows(9.0, 9.3, 9.6))
    assert (line.price, line.broken) == (9.0, False)
    assert line.slope == pytest.approx(0.1)
    assert line.value(line.number + 6) == pytest.approx(9.6)


def test_three_falling_highs_make_one() -> None:
    rows: list[Row] = []
    for top in (15.0, 14.7, 14.4):
        rows += [(12, 12.5, 11.5, 12), (12, top, 11.5, 12), (12, 12.5, 11.5, 12)]
    (line,) = told(rows, Side.HIGH)
    assert line.slope == pytest.approx(-0.1)


def test_lows_that_do_not_rise_make_none() -> None:
    assert told(lows(9.6, 9.3, 9.0)) == []
    assert told(lows(9.0, 9.0, 9.0)) == []


def test_a_middle_one_off_the_line_makes_none() -> None:
    rows = lows(9.0, 10.8, 9.6)
    assert told(rows) == []
    assert len(told(rows, tolerance=5.0)) == 1


def test_two_lows_are_too_few() -> None:
    assert told(lows(9.0, 9.3)) == []


def test_a_close_beyond_it_breaks_it_once() -> None:
    rows = [*lows(9.0, 9.3, 9.6), (12, 12, 9, 9.2), (9.2, 9.3, 9, 9.1)]
    assert [line.broken for line in told(rows)] == [False, True]


def test_a_wick_beyond_it_does_not() -> None:
    assert [line.broken for line in told([*lows(9.0, 9.3, 9.6), (12, 12, 9, 11)])] == [False]


def test_one_that_was_passed_while_its_last_low_was_confirmed_is_none() -> None:
    rows = [*lows(9.0, 9.3), (12, 12.5, 11.5, 12), (12, 12.5, 9.6, 12), (12, 12.5, 9.7, 9.71)]
    assert len(told(rows)) == 1
    below = [*lows(9.0, 9.3), (12, 12.5, 11.5, 12), (12, 12.5, 9.6, 12), (12, 12.5, 9.6, 9.65)]
    assert told(below) == []


def test_the_next_line_replaces_it() -> None:
    found = told([*lows(9.0, 9.3, 9.6, 9.9), (12, 12, 9, 9.2)])
    assert [line.broken for line in found] == [False, False, True]
    assert found[1].number == found[2].number


@pytest.mark.parametrize("tolerance", [-0.1, 5.1])
def test_a_tolerance_that_cannot_be_is_refused(tolerance: float) -> None:
    with pytest.raises(ConfigError, match="from 0 to 5 ATR"):
        TrendLines(3, tolerance)
