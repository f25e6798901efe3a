"""The shapes themselves: what the last turns must look like before a close can confirm a pattern."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from investbot.analysis.findings import Side
from investbot.analysis.structure.swings import Swing


class Shape(StrEnum):
    """The patterns that are known."""

    DOUBLE_TOP = "double top"
    DOUBLE_BOTTOM = "double bottom"
    TRIPLE_TOP = "triple top"
    TRIPLE_BOTTOM = "triple bottom"
    HEAD_AND_SHOULDERS = "head and shoulders"
    INVERSE_HEAD_AND_SHOULDERS = "inverse head and shoulders"
    ASCENDING_TRIANGLE = "ascending triangle"
    DESCENDING_TRIANGLE = "descending triangle"
    SYMMETRICAL_TRIANGLE = "symmetrical triangle"
    RISING_WEDGE = "rising wedge"
    FALLING_WEDGE = "falling wedge"
    BULL_FLAG = "bull flag"
    BEAR_FLAG = "bear flag"


class Line(NamedTuple):
    """A line through `price` (quote per base) at bar `number`, changing by `slope` a bar."""

    number: int
    price: float
    slope: float = 0.0

    def at(self, number: int) -> float:
        """Give its price at a bar, in quote per base."""
        return self.price + self.slope * (number - self.number)


class Outline(NamedTuple):
    """A pattern that waits for its close: beyond `line` towards `side` it is confirmed, beyond `stop` it is none.

    `stop` lies against `side`; `height` (quote per base, above zero) is what the target is away from the break.
    """

    shape: Shape
    side: Side
    turns: tuple[Swing, ...]
    line: Line
    stop: float
    height: float


def through(first: Swing, second: Swing) -> Line:
    """Draw the line through two turns."""
    return Line(first.number, first.price, (second.price - first.price) / (second.number - first.number))


def outlines(turns: Sequence[Swing], atr: float) -> list[Outline]:
    """Give every shape that the last turns (oldest first, highs and lows alternating) make; `atr` in quote per base."""
    row = tuple(turns)
    found = [*_reversals(row, atr), *_flags(row, atr)]
    if len(row) >= 4:
        found += _converging(row[-4:], atr)
    return found


EQUAL = 0.5
"""ATR within which two turns are at the same price."""
DEEP = 2.0
"""ATR that a reversal's neckline is away from its extremes at least, and a triangle is wide at its start."""
HEAD = 1.0
"""ATR that a head stands out over both shoulders at least."""
SHOULDERS = 1.5
"""ATR within which the shoulders are at the same price."""
POLE = 4.0
"""ATR that a flag's pole is long at least."""
FLAG = 0.5
"""Most of the pole that a flag gives back."""
PARALLEL = 0.5
"""Part by which the slopes of a flag's two sides may differ, of the steeper one."""


def _reversals(row: tuple[Swing, ...], atr: float) -> list[Outline]:
    """Tops, with prices turned round for bottoms: double, triple, head and shoulders."""
    found: list[Outline] = []
    if len(row) < 3:
        return found
    top = row[-1].side is Side.HIGH
    sign, breaks = (1, Side.LOW) if top else (-1, Side.HIGH)
    first, neck, second = row[-3:]
    if abs(first.price - second.price) <= EQUAL * atr:
        outer = max(first.price * sign, second.price * sign)
        depth = outer - neck.price * sign
        if depth >= DEEP * atr:
            shape = Shape.DOUBLE_TOP if top else Shape.DOUBLE_BOTTOM
            found.append(Outline(shape, breaks, row[-3:], Line(neck.number, neck.price), outer * sign, depth))
    if len(row) < 5:
        return found
    left, neck_one, head, neck_two, right = row[-5:]
    shoulder, middle, other = left.price * sign, head.price * sign, right.price * sign
    highest, lowest = max(shoulder, middle, other), min(shoulder, middle, other)
    upper_neck, lower_neck = neck_one.price * sign, neck_two.price * sign
    lower = neck_one if upper_neck <= lower_neck else neck_two
    if upper_neck < lower_neck:
        upper_neck, lower_neck = lower_neck, upper_neck
    if highest - lowest <= EQUAL * atr and highest - upper_neck >= DEEP * atr:
        shape = Shape.TRIPLE_TOP if top else Shape.TRIPLE_BOTTOM
        line = Line(lower.number, lower.price)
        found.append(Outline(shape, breaks, row[-5:], line, highest * sign, highest - lower_neck))
    stands_out = middle - max(shoulder, other) >= HEAD * atr
    if stands_out and lowest > upper_neck and abs(shoulder - other) <= SHOULDERS * atr:
        shape = Shape.HEAD_AND_SHOULDERS if top else Shape.INVERSE_HEAD_AND_SHOULDERS
        line = through(neck_one, neck_two)
        height = (head.price - line.at(head.number)) * sign
        found.append(Outline(shape, breaks, row[-5:], line, head.price, height))
    return found


def _converging(turns: tuple[Swing, ...], atr: float) -> list[Outline]:
    """Triangles and wedges: two highs and two lows whose lines come together."""
    highs, lows = (turns[::2], turns[1::2]) if turns[0].side is Side.HIGH else (turns[1::2], turns[::2])
    up, down, level = highs[1].price - highs[0].price, lows[1].price - lows[0].price, EQUAL * atr
    shape, ways = _converges(up, down, level)
    if shape is None:
        return []
    roof, floor = through(*highs), through(*lows)
    begins, ends = turns[0].number, turns[-1].number
    width = roof.at(begins) - floor.at(begins)
    if width < DEEP * atr or not 0.0 < roof.at(ends) - floor.at(ends) < width:
        return []
    found = []
    if Side.HIGH in ways:
        found.append(Outline(shape, Side.HIGH, turns, roof, lows[1].price, width))
    if Side.LOW in ways:
        found.append(Outline(shape, Side.LOW, turns, floor, highs[1].price, width))
    return found


_BOTH, _UP, _DOWN = (Side.HIGH, Side.LOW), (Side.HIGH,), (Side.LOW,)


def _converges(up: float, down: float, level: float) -> tuple[Shape | None, tuple[Side, ...]]:
    """Name what highs that move by `up` and lows by `down` may make, flat within `level`, and where it may break."""
    if abs(up) <= level and down > level:
        return Shape.ASCENDING_TRIANGLE, _BOTH
    if abs(down) <= level and up < -level:
        return Shape.DESCENDING_TRIANGLE, _BOTH
    if up < -level and down > level:
        return Shape.SYMMETRICAL_TRIANGLE, _BOTH
    if up > level and down > level:
        return Shape.RISING_WEDGE, _DOWN
    if up < -level and down < -level:
        return Shape.FALLING_WEDGE, _UP
    return None, ()


def _flags(row: tuple[Swing, ...], atr: float) -> list[Outline]:
    """A pole, then four turns of a channel against it, that give back at most half of it."""
    if len(row) < 5:
        return []
    foot, tip, first, second, third = row[-5:]
    sign = int(tip.side)
    pole = (tip.price - foot.price) * sign
    if pole < POLE * atr:
        return []
    deepest = min(first.price * sign, third.price * sign)
    if not (second.price * sign < tip.price * sign and tip.price * sign - deepest <= FLAG * pole):
        return []
    edge, back = through(tip, second), through(first, third)
    steeper = max(abs(edge.slope), abs(back.slope))
    against = edge.slope * sign < 0.0 and back.slope * sign < 0.0
    if not (against and abs(edge.slope - back.slope) <= PARALLEL * steeper):
        return []
    shape = Shape.BULL_FLAG if tip.side is Side.HIGH else Shape.BEAR_FLAG
    return [Outline(shape, tip.side, row[-5:], edge, deepest * sign, pole)]
