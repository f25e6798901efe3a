"""Swing highs and lows, confirmed by the bars after them and never moved."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

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


@dataclass(frozen=True, slots=True)
class Swing:
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
        highs = _turns(bars.high, self.width)
        lows = _turns(-bars.low, self.width)
        numbers, line = np.flatnonzero(highs | lows), SwingLine()
        chosen = (bars.high[numbers], bars.low[numbers], highs[numbers], lows[numbers])
        ats, known = bars.closed_at[numbers].tolist(), bars.closed_at[numbers + self.width].tolist()
        rows = zip(numbers.tolist(), *(column.tolist() for column in chosen), ats, known, strict=True)
        found: list[Swing] = []
        for number, high, low, is_high, is_low, at, known_at in rows:
            if is_high:
                found.append(line.high(high, number, at, known_at))
            if is_low:
                found.append(line.low(low, number, at, known_at))
        return tuple(found)


def by_bar(swings: Sequence[Swing], width: int) -> dict[int, tuple[Swing, ...]]:
    """Sort swings of `width` under the number of the bar that confirmed them."""
    found: dict[int, tuple[Swing, ...]] = {}
    for swing in swings:
        number = swing.number + width
        found[number] = (*found.get(number, ()), swing)
    return found


def _turns(prices: Array, width: int) -> NDArray[np.bool_]:
    """Tell which prices, shape (n,), are above those `width` before and not below those `width` after; shape (n,)."""
    turns = np.zeros(len(prices), dtype=np.bool_)
    if len(prices) > 2 * width:
        windows = np.lib.stride_tricks.sliding_window_view(prices, width).max(axis=1)
        middle = prices[width:-width]
        turns[width:-width] = (middle > windows[: len(middle)]) & (middle >= windows[width + 1 :])
    return turns


class SwingLine:
    """Labels one swing after another by the one before it on its side."""

    __slots__ = ("_last_high", "_last_low")

    def __init__(self) -> None:
        self._last_high: float | None = None
        self._last_low: float | None = None

    def high(self, price: float, number: int, at: Millis, known_at: Millis) -> Swing:
        """Make the next swing high."""
        before, self._last_high = self._last_high, price
        return Swing(Side.HIGH, price, _high_label(price, before), number, at, known_at)

    def low(self, price: float, number: int, at: Millis, known_at: Millis) -> Swing:
        """Make the next swing low."""
        before, self._last_low = self._last_low, price
        return Swing(Side.LOW, price, _low_label(price, before), number, at, known_at)


class SwingStream:
    """Swings as they are confirmed; holds 2 width + 1 bars."""

    __slots__ = ("_closes", "_highs", "_line", "_lows", "_number", "_span", "_width")

    def __init__(self, width: int) -> None:
        """Begin before the first bar."""
        self._width = width
        self._span = 2 * width + 1
        self._highs: deque[float] = deque(maxlen=self._span)
        self._lows: deque[float] = deque(maxlen=self._span)
        self._closes: deque[Millis] = deque(maxlen=width + 1)
        self._number = -1
        self._line = SwingLine()

    def update(self, bar: Bar, closed_at: Millis) -> tuple[Swing, ...]:
        """Take one closed bar; tell the swings that it confirms."""
        self._number += 1
        highs, lows, width = self._highs, self._lows, self._width
        highs.append(bar.high)
        lows.append(bar.low)
        self._closes.append(closed_at)
        if self._number < self._span - 1:
            return ()
        high, low = highs[width], lows[width]
        # Most bars are no turn; one look at their neighbours says so.
        is_high = highs[width - 1] < high >= highs[width + 1] and self._tops(high)
        is_low = lows[width - 1] > low <= lows[width + 1] and self._bottoms(low)
        if not (is_high or is_low):
            return ()
        number, at, line = self._number - width, self._closes[0], self._line
        found: tuple[Swing, ...] = ()
        if is_high:
            found = (line.high(high, number, at, closed_at),)
        if is_low:
            found += (line.low(low, number, at, closed_at),)
        return found

    def _tops(self, price: float) -> bool:
        values = list(self._highs)
        return max(values[: self._width]) < price >= max(values[self._width + 1 :])

    def _bottoms(self, price: float) -> bool:
        values = list(self._lows)
        return min(values[: self._width]) > price <= min(values[self._width + 1 :])


def _high_label(price: float, before: float | None) -> Label:
    if before is None:
        return Label.FIRST
    if price == before:
        return Label.EQUAL_HIGH
    return Label.HIGHER_HIGH if price > before else Label.LOWER_HIGH


def _low_label(price: float, before: float | None) -> Label:
    if before is None:
        return Label.FIRST
    if price == before:
        return Label.EQUAL_LOW
    return Label.LOWER_LOW if price < before else Label.HIGHER_LOW
