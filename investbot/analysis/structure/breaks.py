"""Breaks of structure and changes of character, by the close; and the trend they leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from investbot.analysis.analyser import Array, Bars
from investbot.analysis.findings import Side
from investbot.analysis.structure.swings import Swing, Swings, turns
from investbot.domain.market import Bar, Millis


class Kind(StrEnum):
    """A break with the trend (or the first one), or against it."""

    STRUCTURE = "break of structure"
    CHARACTER = "change of character"


class Break(NamedTuple):
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
        numbers, upwards, which = breaches(bars, self.width)
        swings = Swings(self.width).over(bars)
        turned = np.diff(upwards, prepend=upwards[:1])
        kinds = [Kind.CHARACTER if turns else Kind.STRUCTURE for turns in turned.tolist()]
        broken = [swings[place] for place in which.tolist()]
        closes, ats = bars.close[numbers].tolist(), bars.closed_at[numbers].tolist()
        rows = zip(kinds, closes, broken, ats, strict=True)
        return tuple([Break(kind, swing.side, swing.price, close, swing, at) for kind, close, swing, at in rows])


class Breaches(NamedTuple):
    """Breaks as columns of shape (n,), as they happened: which bar, whether upwards, which of the swings it broke."""

    numbers: NDArray[np.int64]
    upwards: NDArray[np.bool_]
    swings: NDArray[np.int64]


def breaches(bars: Bars, width: int) -> Breaches:
    """Give the breaks by swings of `width` as columns, for those who need no more.

    No close breaks both sides: one over the last high and under the last low would have been preceded by one that broke
    either.
    """
    return bars.once(("breaches", width), lambda: _breaches(bars, width))


def _breaches(bars: Bars, width: int) -> Breaches:
    numbers, are_highs, prices = turns(bars, width)
    highs, lows = np.flatnonzero(are_highs), np.flatnonzero(~are_highs)
    up, above = _first_beyond(bars.close, prices[highs], numbers[highs] + width)
    down, below = _first_beyond(-bars.close, -prices[lows], numbers[lows] + width)
    at = np.concatenate((up, down))
    order = np.argsort(at, kind="stable")
    return Breaches(at[order], order < len(up), np.concatenate((highs[above], lows[below]))[order])


def _first_beyond(
    closes: Array, levels: Array, known: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the first close over each level while it is the last one known: the numbers of the bars, and which levels.

    `closes` has shape (n,); level i holds from bar `known[i]` on until the next one is known.
    """
    first = int(known[0]) if len(known) else len(closes)
    holding = np.repeat(np.arange(len(levels)), np.diff(known, append=len(closes)))
    over = np.flatnonzero(closes[first:] > levels[holding])
    broken = holding[over]
    firsts = np.flatnonzero(np.diff(broken, prepend=-1))
    return over[firsts] + first, broken[firsts]


class BreakStream:
    """Breaks as they happen, and the trend they leave."""

    __slots__ = ("_ceiling", "_floor", "_high", "_low", "_swings", "trend")

    def __init__(self, width: int) -> None:
        """Begin before the first bar."""
        self._swings = Swings(width).stream().update
        self._high: Swing | None = None
        self._low: Swing | None = None
        self._ceiling = float("inf")
        """Price of the last swing high that no close has passed, in quote per base."""
        self._floor = float("-inf")
        self.trend = 0
        """1 rising, -1 falling, 0 before the first break."""

    def update(self, bar: Bar, closed_at: Millis) -> tuple[Break, ...]:
        """Take one closed bar; tell what it broke, at most one side."""
        for swing in self._swings(bar, closed_at):
            if swing.side is Side.HIGH:
                self._high, self._ceiling = swing, swing.price
            else:
                self._low, self._floor = swing, swing.price
        close = bar.close
        if self._high is not None and close > self._ceiling:
            broken, self._high, self._ceiling = self._high, None, float("inf")
        elif self._low is not None and close < self._floor:
            broken, self._low, self._floor = self._low, None, float("-inf")
        else:
            return ()
        side = broken.side
        kind = Kind.CHARACTER if self.trend == -side else Kind.STRUCTURE
        self.trend = int(side)
        return (Break(kind, side, broken.price, close, broken, closed_at),)


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
        numbers, upwards, _ = breaches(bars, self.width)
        trends = np.concatenate((np.zeros(1), np.where(upwards, 1.0, -1.0)))
        trend: Array = np.repeat(trends, np.diff(numbers, prepend=0, append=bars.size))
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
