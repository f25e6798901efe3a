"""Breaks of structure and changes of character, by the close; and the trend they leave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from investbot.analysis.analyser import Array, Bars
from investbot.analysis.findings import Side
from investbot.analysis.structure.swings import Swing, Swings, by_bar
from investbot.domain.market import Bar, Millis


class Kind(StrEnum):
    """A break with the trend (or the first one), or against it."""

    STRUCTURE = "break of structure"
    CHARACTER = "change of character"


@dataclass(frozen=True, slots=True)
class Break:
    """A close beyond the last swing of a side: `level` and `close` in quote per base, `swing` is what was broken."""

    kind: Kind
    side: Side
    level: float
    close: float
    swing: Swing
    known_at: Millis


@dataclass(frozen=True, slots=True)
class Breaks:
    """Breaks by close of the last known swing high (upwards) or swing low (downwards); each swing breaks once.

    A wick beyond the level is no break. The first break sets the trend; one against the trend is a change of character
    and turns it. A swing that its own confirming bar closes beyond is broken at that bar. Source: the inner circle
    trader's market structure, with closes only.
    """

    width: int = 2

    def __post_init__(self) -> None:
        """Refuse a width that is no number of bars; ConfigError."""
        Swings(self.width)

    def stream(self) -> BreakStream:
        """Begin at the next bar."""
        return BreakStream(self.width)

    def over(self, bars: Bars) -> tuple[Break, ...]:
        """Give all breaks, as they became known."""
        return tuple(broken for _, broken in numbered(bars, self.width))


def numbered(bars: Bars, width: int) -> Iterator[tuple[int, Break]]:
    """Give all breaks by swings of `width`, each with the number of the bar that made it."""
    swings, edge = by_bar(Swings(width).over(bars), width), Edge()
    look = swings.get
    for number, (close, closed_at) in enumerate(zip(bars.close.tolist(), bars.closed_at.tolist(), strict=True)):
        confirmed = look(number)
        if confirmed or not edge.floor <= close <= edge.ceiling:
            broken = edge.step(confirmed or (), close, closed_at)
            if broken:
                yield number, broken


class Edge:
    """The two swings that a close may break next, and the trend so far."""

    __slots__ = ("_high", "_low", "ceiling", "floor", "trend")

    def __init__(self) -> None:
        self._high: Swing | None = None
        self._low: Swing | None = None
        self.ceiling = float("inf")
        """Price of the last swing high that no close has passed, in quote per base."""
        self.floor = float("-inf")
        self.trend = 0
        """1 rising, -1 falling, 0 before the first break."""

    def step(self, swings: Sequence[Swing], close: float, closed_at: Millis) -> Break | None:
        """Take a bar with what it confirmed; tell what its close broke."""
        for swing in swings:
            if swing.side is Side.HIGH:
                self._high, self.ceiling = swing, swing.price
            else:
                self._low, self.floor = swing, swing.price
        if self._high is not None and close > self.ceiling:
            broken, self._high, self.ceiling = self._high, None, float("inf")
        elif self._low is not None and close < self.floor:
            broken, self._low, self.floor = self._low, None, float("-inf")
        else:
            return None
        return self._broken(broken, close, closed_at)

    def _broken(self, swing: Swing, close: float, closed_at: Millis) -> Break:
        kind = Kind.CHARACTER if self.trend == -swing.side else Kind.STRUCTURE
        self.trend = int(swing.side)
        return Break(kind, swing.side, swing.price, close, swing, closed_at)


class BreakStream:
    """Breaks as they happen."""

    __slots__ = ("_edge", "_swings")

    def __init__(self, width: int) -> None:
        """Begin before the first bar."""
        self._swings = Swings(width).stream().update
        self._edge = Edge()

    @property
    def trend(self) -> int:
        """The trend after the last bar: 1 rising, -1 falling, 0 before the first break."""
        return self._edge.trend

    def update(self, bar: Bar, closed_at: Millis) -> tuple[Break, ...]:
        """Take one closed bar; tell what it broke, at most one side."""
        broken = self._edge.step(self._swings(bar, closed_at), bar.close, closed_at)
        return (broken,) if broken else ()


@dataclass(frozen=True, slots=True)
class Trend:
    """The trend by structure: 1.0 after a break upwards, -1.0 after one downwards, 0.0 before the first."""

    width: int = 2

    def __post_init__(self) -> None:
        """Refuse a width that is no number of bars; ConfigError."""
        Swings(self.width)

    @property
    def lookback(self) -> int:
        """Bars that come before a first break can be."""
        return 2 * self.width

    def stream(self) -> TrendStream:
        """Begin at the next bar."""
        return TrendStream(self.width)

    def over(self, bars: Bars) -> Array:
        """Give the whole column, shape (n,), NaN until a break could be."""
        turns = np.zeros(bars.size, dtype=np.int64)
        sides = [0.0]
        for number, broken in numbered(bars, self.width):
            turns[number] = 1
            sides.append(float(broken.side))
        trend = np.array(sides)[np.cumsum(turns)]
        trend[: self.lookback] = np.nan
        return trend


class TrendStream:
    """The trend after each bar."""

    __slots__ = ("_breaks", "_left")

    def __init__(self, width: int) -> None:
        """Begin before the first bar."""
        self._breaks = BreakStream(width)
        self._left = 2 * width

    def update(self, bar: Bar, closed_at: Millis) -> float:
        """Take one closed bar; tell the trend after it."""
        self._breaks.update(bar, closed_at)
        if self._left:
            self._left -= 1
            return float("nan")
        return float(self._breaks.trend)


def alignment(trends: Sequence[float], weights: Sequence[float] = ()) -> float:
    """Weigh the trends of several timeframes into -1..1: 1 when all rise; unknown ones (NaN) count as none.

    Without `weights` each timeframe counts as much as its place: the first 1, the second 2, … (name the longest last).
    """
    chosen = weights or [float(place) for place in range(1, len(trends) + 1)]
    total = sum(chosen)
    if not total:
        return 0.0
    known = (0.0 if trend != trend else trend for trend in trends)  # noqa: PLR0124 - NaN is not itself
    return sum(trend * weight for trend, weight in zip(known, chosen, strict=True)) / total
