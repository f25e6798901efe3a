"""Swing highs and lows, confirmed by the bars after them and never moved."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from investbot.analysis.analyser import Array, Bars
from investbot.analysis.findings import Side
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar, Millis

MOST_WIDTH = 100


class Label(StrEnum):
    """How a swing lies to the one before it on the same side; FIRST has none before it."""

    FIRST = "first"
    HIGHER_HIGH = "HH"
    LOWER_HIGH = "LH"
    EQUAL_HIGH = "EH"
    HIGHER_LOW = "HL"
    LOWER_LOW = "LL"
    EQUAL_LOW = "EL"


class Swing(NamedTuple):
    """A turn: `price` (quote per base) of the bar that closed `at`; `number` counts the bars before it."""

    side: Side
    price: float
    label: Label
    number: int
    at: Millis
    known_at: Millis


@dataclass(frozen=True, slots=True)
class Swings:
    """Swing points: a high above each of the `width` highs before it and not below any of the `width` highs after it.

    Lows mirror it. Of equal extremes side by side the first one counts. Known `width` bars after it happened. A bar
    that is both is told as a high, then as a low. Source: B. Williams, Trading Chaos (1995), fractals, with a free
    width.
    """

    width: int = 2

    def __post_init__(self) -> None:
        """Refuse a width that is no number of bars; ConfigError."""
        if not 1 <= self.width <= MOST_WIDTH:
            raise ConfigError(f"Swings need a width from 1 to {MOST_WIDTH} bars, not {self.width}.")

    def stream(self) -> SwingStream:
        """Begin at the next bar."""
        return SwingStream(self.width)

    def over(self, bars: Bars) -> tuple[Swing, ...]:
        """Give all swings, as they became known."""
        return bars.once(self, lambda: _swings(bars, self.width))


class Turns(NamedTuple):
    """Swings as columns of shape (n,), as they became known: which bar, whether a high, its price in quote per base.

    A bar that is both a high and a low has two rows, the high first.
    """

    numbers: NDArray[np.int64]
    are_highs: NDArray[np.bool_]
    prices: Array


def turns(bars: Bars, width: int) -> Turns:
    """Give the swings of `width` as columns, for those who need no more."""
    return bars.once(("turns", width), lambda: _turns(bars, width))


def confirmed(bars: Bars, width: int) -> Mapping[int, tuple[Swing, ...]]:
    """Give the swings of `width` by the number of the bar that confirmed them."""
    return bars.once(("confirmed", width), lambda: _by_bar(Swings(width).over(bars), width))


def _by_bar(swings: Sequence[Swing], width: int) -> dict[int, tuple[Swing, ...]]:
    found: dict[int, tuple[Swing, ...]] = {}
    for swing in swings:
        number = swing.number + width
        found[number] = (*found[number], swing) if number in found else (swing,)
    return found


def _turns(bars: Bars, width: int) -> Turns:
    highs, lows = _tops(bars.high, width), _tops(-bars.low, width)
    numbers, prices = np.concatenate((highs, lows)), np.concatenate((bars.high[highs], bars.low[lows]))
    order = np.argsort(numbers, kind="stable")
    return Turns(numbers[order], order < len(highs), prices[order])


def _tops(prices: Array, width: int) -> NDArray[np.int64]:
    """Number the prices, shape (n,), that are above the `width` before them and not below the `width` after."""
    if len(prices) <= 2 * width:
        return np.zeros(0, dtype=np.int64)
    highest, span = prices, 1
    while span < width:
        step = min(span, width - span)
        highest, span = np.maximum(highest[:-step], highest[step:]), span + step
    middle = prices[width:-width]
    found: NDArray[np.int64] = np.flatnonzero((middle > highest[: len(middle)]) & (middle >= highest[width + 1 :]))
    return found + width


_LABELS = {
    Side.HIGH: (Label.FIRST, Label.LOWER_HIGH, Label.EQUAL_HIGH, Label.HIGHER_HIGH),
    Side.LOW: (Label.FIRST, Label.LOWER_LOW, Label.EQUAL_LOW, Label.HIGHER_LOW),
}
"""Labels of a swing that has none before it, whose price is below, at, above that of the one before it."""


def _swings(bars: Bars, width: int) -> tuple[Swing, ...]:
    numbers, are_highs, prices = turns(bars, width)
    places = np.zeros(len(numbers), dtype=np.int64)
    for chosen in (are_highs, ~are_highs):
        moves = np.sign(np.diff(prices[chosen])).astype(np.int64)
        places[chosen] = np.concatenate((np.zeros(1, dtype=np.int64), moves + 2))[: np.count_nonzero(chosen)]
    labels = (*_LABELS[Side.LOW], *_LABELS[Side.HIGH])
    told = [labels[place] for place in (places + 4 * are_highs).tolist()]
    sides = [Side.HIGH if is_high else Side.LOW for is_high in are_highs.tolist()]
    ats, known = bars.closed_at[numbers].tolist(), bars.closed_at[numbers + width].tolist()
    return tuple(map(Swing._make, zip(sides, prices.tolist(), told, numbers.tolist(), ats, known, strict=True)))


class SwingStream:
    """Swings as they are confirmed; holds `width` bars and at most one candidate a side.

    A bar that passes a candidate is above all bars since it, so that it takes its place.
    """

    __slots__ = ("_high", "_high_due", "_highs", "_low", "_low_due", "_lows", "_made", "_number", "_width")

    def __init__(self, width: int) -> None:
        """Begin before the first bar."""
        self._width = width
        self._number = -1
        self._highs: deque[float] = deque(maxlen=width)
        self._lows: deque[float] = deque(maxlen=width)
        self._high = self._low = (0.0, 0)
        """Price and close of the candidates, if there are any."""
        self._high_due = self._low_due = 0
        """Numbers of the bars that will confirm them, 0 for none."""
        self._made: dict[Side, float] = {}
        """The last swing's price on each side, in quote per base."""

    def update(self, bar: Bar, closed_at: Millis) -> tuple[Swing, ...]:
        """Take one closed bar; tell the swings that it confirms."""
        _, high, low, _, _ = bar
        number = self._number = self._number + 1
        width, found = self._width, _NONE
        if self._high_due:
            if high > self._high[0]:
                self._high, self._high_due = (high, closed_at), number + width
            elif number == self._high_due:
                self._high_due = 0
                found = (self._swing(Side.HIGH, *self._high, closed_at),)
        elif number >= width and high > self._highs[-1] and high > max(self._highs):
            self._high, self._high_due = (high, closed_at), number + width
        if self._low_due:
            if low < self._low[0]:
                self._low, self._low_due = (low, closed_at), number + width
            elif number == self._low_due:
                self._low_due = 0
                found += (self._swing(Side.LOW, *self._low, closed_at),)
        elif number >= width and low < self._lows[-1] and low < min(self._lows):
            self._low, self._low_due = (low, closed_at), number + width
        self._highs.append(high)
        self._lows.append(low)
        return found

    def _swing(self, side: Side, price: float, at: Millis, known_at: Millis) -> Swing:
        before = self._made.get(side)
        self._made[side] = price
        place = 0 if before is None else 2 + (price > before) - (price < before)
        return Swing(side, price, _LABELS[side][place], self._number - self._width, at, known_at)


_NONE: tuple[Swing, ...] = ()
