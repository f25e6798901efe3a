from __future__ import annotations

from itertools import pairwise

import pytest

from investbot.analysis.findings import Side
from investbot.analysis.patterns.chart import ChartPatterns, Pattern
from investbot.analysis.patterns.shapes import Shape
from investbot.domain.errors import ConfigError
from tests.unit.analysis.structure.shapes import drawn, minute, warm

STEPS = 6


def path(*prices: float) -> list[tuple[float, float, float, float]]:
    rows = []
    for before, after in pairwise(prices):
        for step in range(STEPS):
            opened = before + (after - before) * step / STEPS
            closed = before + (after - before) * (step + 1) / STEPS
            rows.append((opened, max(opened, closed), min(opened, closed), closed))
    return rows


def told(*prices: float, patience: int = 60, shape: Shape = Shape.DOUBLE_TOP) -> list[Pattern]:
    bars = drawn([*warm(prices[0]), *path(*prices)])
    return [pattern for pattern in ChartPatterns(3, patience).over(bars) if pattern.shape is shape]


DOUBLE = (100.0, 110.0, 104.0, 110.0)


def test_a_close_under_the_neckline_confirms_a_double_top() -> None:
    (pattern,) = told(*DOUBLE, 102.0)
    assert (pattern.side, pattern.level, pattern.invalidation) == (Side.LOW, 104.0, 110.0)
    assert pattern.target == pytest.approx(98.0)
    assert [turn.price for turn in pattern.turns] == [110.0, 104.0, 110.0]
    # From 110 to 102 in six closes: the fifth is the first under 104.
    assert pattern.known_at == minute(20 + 3 * STEPS + 4)


def test_a_close_at_the_neckline_does_not() -> None:
    assert told(*DOUBLE, 104.0) == []


def test_it_is_told_once() -> None:
    assert len(told(*DOUBLE, 102.0, 103.0, 100.0)) == 1


def test_a_close_over_the_tops_ends_it() -> None:
    assert told(*DOUBLE, 107.0, 113.0, 112.0, 112.5, 90.0) == []


def test_patience_ends() -> None:
    waits = (107.0, 107.5, 107.0, 107.5, 107.0, 107.5, 102.0)
    assert len(told(*DOUBLE, *waits)) == 1
    assert told(*DOUBLE, *waits, patience=20) == []


def test_one_that_is_broken_when_it_becomes_known_is_not_told() -> None:
    """The second top is confirmed three bars later, by a close under the neckline already."""
    rows = [*warm(100.0), *path(*DOUBLE), (110, 110, 101, 101.5), (101.5, 102, 101, 101.4), (101.4, 102, 101, 101.2)]
    found = ChartPatterns(3).over(drawn([*rows, (101.2, 101.5, 99, 99.5)]))
    assert Shape.DOUBLE_TOP not in {pattern.shape for pattern in found}


def test_a_bottom_points_up() -> None:
    (pattern,) = told(110.0, 100.0, 106.0, 100.0, 108.0, shape=Shape.DOUBLE_BOTTOM)
    assert (pattern.side, pattern.level, pattern.invalidation) == (Side.HIGH, 106.0, 100.0)
    assert pattern.target == pytest.approx(112.0)


def test_the_target_of_a_sloped_line_is_counted_from_the_break() -> None:
    (pattern,) = told(100.0, 108.0, 104.0, 112.0, 105.0, 109.0, 107.0, 100.0, shape=Shape.HEAD_AND_SHOULDERS)
    assert pattern.target == pytest.approx(pattern.level - (112.0 - 104.5))


@pytest.mark.parametrize("patience", [0, 1001])
def test_a_patience_that_cannot_be_is_refused(patience: int) -> None:
    with pytest.raises(ConfigError, match="from 1 to 1000 bars"):
        ChartPatterns(4, patience)
