"""One test a rule, one near miss a rule. The ATR is 1; turns lie ten bars apart unless said otherwise."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from investbot.analysis.findings import Side
from investbot.analysis.patterns.shapes import Outline, Shape, outlines
from investbot.analysis.structure.swings import Label, Swing


def turns(prices: Sequence[float], first: Side, numbers: Sequence[int] = ()) -> list[Swing]:
    made, side = [], first
    for place, price in enumerate(prices):
        number = numbers[place] if numbers else 10 * place
        made.append(Swing(side, price, Label.FIRST, number, number, number))
        side = Side.LOW if side is Side.HIGH else Side.HIGH
    return made


def shapes(prices: Sequence[float], first: Side = Side.HIGH) -> dict[Shape, Outline]:
    """The shapes of turns, and that the mirrored turns make the mirrored ones."""
    found = {each.shape: each for each in outlines(turns(prices, first), 1.0)}
    other = Side.LOW if first is Side.HIGH else Side.HIGH
    mirrored = outlines(turns([200.0 - price for price in prices], other), 1.0)
    assert {MIRROR[shape] for shape in found} == {each.shape for each in mirrored}
    for each in mirrored:
        twin = found[MIRROR[each.shape]]
        if twin.shape is not Shape.SYMMETRICAL_TRIANGLE and "triangle" not in twin.shape:
            assert each.side is not twin.side
            assert each.stop == pytest.approx(200.0 - twin.stop)
            assert each.height == pytest.approx(twin.height)
    return found


PAIRS = [
    (Shape.DOUBLE_TOP, Shape.DOUBLE_BOTTOM),
    (Shape.TRIPLE_TOP, Shape.TRIPLE_BOTTOM),
    (Shape.HEAD_AND_SHOULDERS, Shape.INVERSE_HEAD_AND_SHOULDERS),
    (Shape.ASCENDING_TRIANGLE, Shape.DESCENDING_TRIANGLE),
    (Shape.SYMMETRICAL_TRIANGLE, Shape.SYMMETRICAL_TRIANGLE),
    (Shape.RISING_WEDGE, Shape.FALLING_WEDGE),
    (Shape.BULL_FLAG, Shape.BEAR_FLAG),
]
MIRROR = {one: other for pair in PAIRS for one, other in (pair, pair[::-1])}


def test_a_double_top() -> None:
    outline = shapes([110.0, 107.0, 110.4])[Shape.DOUBLE_TOP]
    assert (outline.side, outline.stop, outline.line.price) == (Side.LOW, 110.4, 107.0)
    assert outline.height == pytest.approx(3.4)


@pytest.mark.parametrize("prices", [[110.0, 107.0, 110.6], [110.0, 108.1, 110.0]])
def test_no_double_top(prices: list[float]) -> None:
    assert Shape.DOUBLE_TOP not in shapes(prices)


def test_a_triple_top() -> None:
    outline = shapes([110.0, 107.5, 110.4, 107.0, 110.2])[Shape.TRIPLE_TOP]
    assert (outline.side, outline.stop, outline.line.price, outline.line.number) == (Side.LOW, 110.4, 107.0, 30)
    assert outline.height == pytest.approx(3.4)


@pytest.mark.parametrize("prices", [[110.0, 107.0, 110.6, 107.0, 110.2], [110.0, 108.5, 110.3, 107.0, 110.2]])
def test_no_triple_top(prices: list[float]) -> None:
    assert Shape.TRIPLE_TOP not in shapes(prices)


def test_head_and_shoulders() -> None:
    outline = shapes([110.0, 107.0, 113.0, 108.0, 111.0])[Shape.HEAD_AND_SHOULDERS]
    assert (outline.side, outline.stop) == (Side.LOW, 113.0)
    assert outline.line.at(20) == pytest.approx(107.5)
    assert outline.height == pytest.approx(5.5)


@pytest.mark.parametrize(
    "prices",
    [
        [110.0, 107.0, 111.9, 107.0, 111.0],
        [110.0, 107.0, 113.0, 107.0, 111.6],
        [110.0, 107.0, 113.0, 110.0, 111.0],
    ],
)
def test_no_head_and_shoulders(prices: list[float]) -> None:
    assert Shape.HEAD_AND_SHOULDERS not in shapes(prices)


def test_an_ascending_triangle_may_break_both_ways() -> None:
    found = outlines(turns([110.0, 105.0, 110.3, 107.0], Side.HIGH), 1.0)
    ways = {each.side: each for each in found if each.shape is Shape.ASCENDING_TRIANGLE}
    assert ways[Side.HIGH].stop == 107.0
    assert ways[Side.LOW].stop == 110.3
    assert ways[Side.HIGH].height == pytest.approx(ways[Side.LOW].height) == pytest.approx(6.0)
    assert ways[Side.HIGH].line.at(20) == pytest.approx(110.3)
    assert Shape.ASCENDING_TRIANGLE in shapes([110.0, 105.0, 110.3, 107.0])


@pytest.mark.parametrize(
    ("prices", "shape"),
    [
        ([110.0, 105.0, 108.0, 106.0], Shape.SYMMETRICAL_TRIANGLE),
        ([110.0, 105.0, 111.0, 108.0], Shape.RISING_WEDGE),
    ],
)
def test_lines_that_come_together(prices: list[float], shape: Shape) -> None:
    assert shape in shapes(prices)


def test_a_wedge_breaks_against_its_lean_only() -> None:
    outline = shapes([110.0, 105.0, 111.0, 108.0])[Shape.RISING_WEDGE]
    assert (outline.side, outline.stop) == (Side.LOW, 111.0)
    found = outlines(turns([110.0, 105.0, 111.0, 108.0], Side.HIGH), 1.0)
    assert [each.side for each in found if each.shape is Shape.RISING_WEDGE] == [Side.LOW]


@pytest.mark.parametrize(
    "prices",
    [
        [110.0, 105.0, 110.3, 105.4],
        [110.0, 105.0, 112.0, 106.0],
        [110.0, 108.6, 110.3, 109.2],
        [110.0, 105.0, 110.3, 103.0],
    ],
)
def test_no_triangle_and_no_wedge(prices: list[float]) -> None:
    found = shapes(prices)
    assert not [shape for shape in found if "triangle" in shape or "wedge" in shape]


def test_lines_that_have_crossed_are_none() -> None:
    found = outlines(turns([110.0, 105.0, 107.0, 109.0], Side.HIGH, [0, 1, 2, 30]), 1.0)
    assert not [each for each in found if "triangle" in each.shape]


FLAG = [100.0, 110.0, 107.0, 109.0, 106.0]


def test_a_bull_flag() -> None:
    outline = shapes(FLAG, Side.LOW)[Shape.BULL_FLAG]
    assert (outline.side, outline.stop, outline.height) == (Side.HIGH, 106.0, 10.0)
    assert outline.line.at(30) == pytest.approx(109.0)


@pytest.mark.parametrize(
    "prices",
    [
        [106.1, 110.0, 109.0, 109.6, 108.7],
        [100.0, 110.0, 106.0, 109.0, 104.9],
        [100.0, 110.0, 107.0, 110.0, 106.0],
        [100.0, 110.0, 106.0, 109.0, 106.5],
        [100.0, 110.0, 108.0, 109.5, 105.5],
    ],
)
def test_no_bull_flag(prices: list[float]) -> None:
    assert Shape.BULL_FLAG not in shapes(prices, Side.LOW)


def test_too_few_turns_are_no_shape() -> None:
    assert outlines([], 1.0) == []
    assert outlines(turns([110.0, 107.0], Side.HIGH), 1.0) == []


def test_before_the_average_range_is_known_there_is_none() -> None:
    assert outlines(turns([110.0, 107.0, 110.4, 107.0, 110.2], Side.HIGH), float("nan")) == []
