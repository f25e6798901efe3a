"""Chart patterns, told when a close confirms them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from investbot.analysis.analyser import Bars
from investbot.analysis.findings import Side
from investbot.analysis.indicators import Atr
from investbot.analysis.patterns.shapes import Outline, Shape, outlines
from investbot.analysis.structure.swings import Swing, Swings, confirmed
from investbot.analysis.structure.zigzag import ZigZag
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar, Millis

TURNS = 5


@dataclass(frozen=True, slots=True)
class Pattern:
    """A confirmed pattern; prices in quote per base. It points to `side`, is aimed at `target`, and is wrong beyond
    `invalidation`. `level` is the line's price at the bar that closed beyond it.
    """  # noqa: D205 - what the prices mean belongs together

    shape: Shape
    side: Side
    turns: tuple[Swing, ...]
    level: float
    target: float
    invalidation: float
    known_at: Millis


@dataclass(frozen=True, slots=True)
class ChartPatterns:
    """Double and triple tops and bottoms, head and shoulders, triangles, wedges and flags, confirmed by close.

    Turns are swings of `width`, highs and lows in turn; sizes are in ATR(14) at the bar that confirmed the last turn
    (`shapes.py` has every number):

    - double, triple top: extremes within 0.5 ATR, neckline at least 2 ATR away; confirmed by a close beyond the
    neckline (the further one of a triple), wrong beyond the outermost extreme.
    - head and shoulders: the head stands out by 1 ATR, shoulders within 1.5 ATR; the neckline runs through the two
    turns between; wrong beyond the head.
    - triangles: two highs and two lows whose lines come together, at least 2 ATR wide at their start; flat means within
    0.5 ATR. A close beyond either line confirms; wrong beyond the last turn of the other line. Wedges: both lines lean
    the same way; only the break against their lean counts.
    - flags: a pole of at least 4 ATR, then a channel against it that gives back at most half of it, both sides against
      the pole and within a half of each other's slope; confirmed beyond its near side, wrong beyond its far end.

    The target is the height of the shape (of a flag: the pole) from the line at the break. Bottoms mirror tops. A shape
    waits for `patience` bars, or until it is wrong; the next of its kind and way replaces it. Source: R. Edwards, J.
    Magee, Technical Analysis of Stock Trends (1948); the numbers are ours.
    """

    width: int = 4
    patience: int = 60

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be; ConfigError."""
        Swings(self.width)
        if not 1 <= self.patience <= 1000:
            raise ConfigError(f"Chart patterns need a patience from 1 to 1000 bars, not {self.patience}.")

    def stream(self) -> PatternStream:
        """Begin at the next bar."""
        return PatternStream(self.width, self.patience)

    def over(self, bars: Bars) -> tuple[Pattern, ...]:
        """Give all patterns, as they were confirmed."""
        desk, found = _Desk(self.patience), list[Pattern]()
        swings = confirmed(bars, self.width)
        atr, ats = Atr(14).over(bars).tolist(), bars.closed_at.tolist()
        for number, close in enumerate(bars.close.tolist()):
            if desk.edges and desk.stirs(number, close):
                found += desk.look(number, close, ats[number])
            if number in swings:
                desk.turn(swings[number], number, close, atr[number])
        return tuple(found)


class PatternStream:
    """Patterns as they are confirmed."""

    __slots__ = ("_atr", "_desk", "_number", "_swings")

    def __init__(self, width: int, patience: int) -> None:
        """Begin before the first bar."""
        self._swings = Swings(width).stream().update
        self._atr = Atr(14).stream().update
        self._desk = _Desk(patience)
        self._number = -1

    def update(self, bar: Bar, closed_at: Millis) -> tuple[Pattern, ...]:
        """Take one closed bar; tell the patterns that it confirms."""
        self._number += 1
        atr, desk = self._atr(bar, closed_at), self._desk
        stirs = desk.edges and desk.stirs(self._number, bar.close)
        found = tuple(desk.look(self._number, bar.close, closed_at)) if stirs else ()
        swings = self._swings(bar, closed_at)
        if swings:
            desk.turn(swings, self._number, bar.close, atr)
        return found


class _Desk:
    """The shapes that wait for a close."""

    __slots__ = ("_patience", "_turns", "_waiting", "edges")

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._turns = ZigZag(TURNS)
        self._waiting: dict[tuple[Shape, Side], tuple[Outline, int]] = {}
        """Each with the bar it waits since."""
        self.edges: tuple[tuple[int, int, float, float, float, int], ...] = ()
        """Side, line (bar, price, slope) and stop of what waits, and the bar at which it has waited long enough."""

    def turn(self, swings: Iterable[Swing], number: int, close: float, atr: float) -> None:
        """Take new turns and lay out what they make, unless the close is beyond its line or its stop already."""
        changed = False
        for swing in swings:
            changed |= self._turns.add(swing)
        if not changed:
            return
        for outline in outlines(self._turns.turns, atr):
            beyond = (close - outline.line.at(number)) * outline.side > 0.0
            if not beyond and not _is_wrong(outline, close):
                self._waiting[outline.shape, outline.side] = (outline, number)
        self._find_edges()

    def stirs(self, number: int, close: float) -> bool:
        """Tell whether a close confirms or ends anything that waits."""
        for side, begins, price, slope, stop, ends in self.edges:
            level = price + slope * (number - begins)
            if (close - level) * side > 0.0 or (close - stop) * side < 0.0 or number >= ends:
                return True
        return False

    def look(self, number: int, close: float, closed_at: Millis) -> list[Pattern]:
        """Hold a close against what waits."""
        found = []
        for key, (outline, since) in tuple(self._waiting.items()):
            level = outline.line.at(number)
            if (close - level) * outline.side > 0.0:
                del self._waiting[key]
                target = level + outline.height * outline.side
                found.append(
                    Pattern(outline.shape, outline.side, outline.turns, level, target, outline.stop, closed_at)
                )
            elif number - since >= self._patience or _is_wrong(outline, close):
                del self._waiting[key]
        self._find_edges()
        return found

    def _find_edges(self) -> None:
        self.edges = tuple(
            [
                (int(outline.side), *outline.line, outline.stop, since + self._patience)
                for outline, since in self._waiting.values()
            ]
        )


def _is_wrong(outline: Outline, close: float) -> bool:
    return (close - outline.stop) * outline.side < 0.0
