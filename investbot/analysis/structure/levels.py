"""Levels that many eyes watch: round prices, and the extremes of the day and the week before."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from investbot.analysis.analyser import Array, Bars
from investbot.domain.market import DAY, Bar, Millis

WEEK = 7 * DAY
MONDAY = 4 * DAY
"""The first Monday after the epoch, milliseconds UTC."""


def round_step(price: float) -> float:
    """Give the distance between two full ("00") round prices near `price`, a tenth of its power of ten.

    63,250 has steps of 1,000, 0.0000123 of 0.000001. A price that is not above zero has none: NaN.
    """
    if not 0.0 < price < math.inf:
        return float("nan")
    return float(10.0 ** (math.floor(math.log10(price)) - 1))


def round_prices(price: float) -> tuple[float, float]:
    """Give the nearest round prices at or below, and above `price`, counting full ("00") and half ("50") ones."""
    half = round_step(price) / 2
    if math.isnan(half):
        return half, half
    count = math.floor(price / half)
    # Digits, not products, make the level: 7 * 0.1 is not 0.7.
    places = max(0, -math.floor(math.log10(half))) + 1
    below, above = round(count * half, places), round((count + 1) * half, places)
    if above <= price:
        below, above = above, round((count + 2) * half, places)
    if below > price:
        below, above = round((count - 1) * half, places), below
    return below, above


@dataclass(frozen=True, slots=True)
class RoundPrices:
    """The psychological levels around the close, in quote per base: the round price `below` (or at) it and `above` it.

    Round prices are the multiples of a twentieth of the price's power of ten: …, 63,000, 63,500, 64,000, … for 63,250.
    """

    lines: ClassVar[tuple[str, ...]] = ("below", "above")

    @property
    def lookback(self) -> int:
        """The first bar has them."""
        return 0

    def stream(self) -> RoundPriceStream:
        """Begin at the next bar."""
        return RoundPriceStream()

    def over(self, bars: Bars) -> tuple[Array, ...]:
        """Give one column a line, each of shape (n,)."""
        below = above = float("nan")
        firsts, steps = [], [(below, above)]
        for number, close in enumerate(bars.close.tolist()):
            if not below <= close < above:
                below, above = round_prices(close)
                firsts.append(number)
                steps.append((below, above))
        lengths = [after - before for before, after in pairwise([0, *firsts, bars.size])]
        return tuple(np.repeat(np.array(line), lengths) for line in zip(*steps, strict=True))


class RoundPriceStream:
    """The round prices around each close; they are worked out anew only when the close leaves them."""

    __slots__ = ("_above", "_below")

    def __init__(self) -> None:
        """Begin before the first bar."""
        self._below = float("nan")
        self._above = float("nan")

    def update(self, bar: Bar, closed_at: Millis) -> tuple[float, ...]:
        """Take one closed bar; tell the round prices below and above its close."""
        del closed_at
        if not self._below <= bar.close < self._above:
            self._below, self._above = round_prices(bar.close)
        return self._below, self._above


@dataclass(frozen=True, slots=True)
class PreviousExtremes:
    """High and low of the UTC day and of the week from Monday before this one, in quote per base; NaN until one ended.

    A bar belongs to the day in which its last millisecond lies.
    """

    lines: ClassVar[tuple[str, ...]] = ("day_high", "day_low", "week_high", "week_low")

    @property
    def lookback(self) -> int:
        """At least one bar of a day before."""
        return 1

    def stream(self) -> PreviousExtremeStream:
        """Begin at the next bar."""
        return PreviousExtremeStream()

    def over(self, bars: Bars) -> tuple[Array, ...]:
        """Give one column a line, each of shape (n,)."""
        return (*_before(bars, DAY, 0), *_before(bars, WEEK, MONDAY))


def _before(bars: Bars, length: Millis, offset: Millis) -> tuple[Array, Array]:
    """Give highest high and lowest low of the period before the one of each bar, each of shape (n,)."""
    periods = (bars.closed_at - 1 - offset) // length
    starts = np.flatnonzero(np.diff(periods, prepend=np.iinfo(np.int64).min))
    place = np.searchsorted(starts, np.arange(bars.size), side="right")
    nothing = np.full(1, np.nan)
    if not bars.size:
        return nothing[:0], nothing[:0]
    highs = np.concatenate((nothing, np.maximum.reduceat(bars.high, starts)))
    lows = np.concatenate((nothing, np.minimum.reduceat(bars.low, starts)))
    return highs[place - 1], lows[place - 1]


class PreviousExtremeStream:
    """The extremes of the day and week before, after each bar."""

    __slots__ = ("_day", "_week")

    def __init__(self) -> None:
        """Begin before the first bar."""
        self._day = _Period(DAY, 0)
        self._week = _Period(WEEK, MONDAY)

    def update(self, bar: Bar, closed_at: Millis) -> tuple[float, ...]:
        """Take one closed bar; tell the four levels."""
        day, week = self._day, self._week
        day.take(bar, closed_at)
        week.take(bar, closed_at)
        return day.high, day.low, week.high, week.low


class _Period:
    """The running extremes of a period and those of the one before."""

    __slots__ = ("_ends", "_length", "_now_high", "_now_low", "_offset", "high", "low")

    def __init__(self, length: Millis, offset: Millis) -> None:
        self._length = length
        self._offset = offset
        self._ends = 0
        self.high = self.low = float("nan")
        self._now_high = self._now_low = float("nan")

    def take(self, bar: Bar, closed_at: Millis) -> None:
        _, high, low, _, _ = bar
        if closed_at > self._ends:
            self.high, self.low = self._now_high, self._now_low
            self._now_high, self._now_low = high, low
            self._ends = closed_at + (self._offset - closed_at) % self._length
            return
        if high > self._now_high:  # noqa: PLR1730 - every bar passes here, and a call takes longer
            self._now_high = high
        if low < self._now_low:  # noqa: PLR1730 - the same
            self._now_low = low
