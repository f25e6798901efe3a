"""Premium and discount: where the price stands between the last swing low and the last swing high."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from investbot.analysis.analyser import Array, Bars
from investbot.analysis.findings import Side
from investbot.analysis.structure.swings import Swings, turns
from investbot.domain.market import Bar, Millis

NOTHING = (float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True, slots=True)
class DealingRange:
    """The range between the last known swing `low` and `high` (quote per base) and the close's `position` in it.

    position = (close - low) / (high - low): 0 at the low, 1 at the high, under 0.5 discount, over 0.5 premium; outside
    0..1 when the close left the range. NaN until both swings are known and while the high is not above the low. Source:
    the inner circle trader's premium and discount.
    """

    lines: ClassVar[tuple[str, ...]] = ("low", "high", "position")

    width: int = 5

    def __post_init__(self) -> None:
        """Refuse a width that is no number of bars; ConfigError."""
        Swings(self.width)

    @property
    def lookback(self) -> int:
        """Bars that come before both swings can be known."""
        return 2 * self.width

    def stream(self) -> DealingRangeStream:
        """Begin at the next bar."""
        return DealingRangeStream(self.width)

    def over(self, bars: Bars) -> tuple[Array, ...]:
        """Give one column a line, each of shape (n,)."""
        low, high = _last(bars, self.width, highs=False), _last(bars, self.width, highs=True)
        known = high > low
        low, high = np.where(known, low, np.nan), np.where(known, high, np.nan)
        return low, high, (bars.close - low) / (high - low)


def _last(bars: Bars, width: int, *, highs: bool) -> Array:
    """Give the price of the last known swing high, or low, at every bar, shape (n,); NaN before the first."""
    numbers, are_highs, prices = turns(bars, width)
    chosen = are_highs == highs
    known = np.diff(numbers[chosen] + width, prepend=0, append=bars.size)
    found: Array = np.repeat(np.concatenate((np.full(1, np.nan), prices[chosen])), known)
    return found


class DealingRangeStream:
    """The dealing range after each bar."""

    __slots__ = ("_high", "_low", "_swings")

    def __init__(self, width: int) -> None:
        """Begin before the first bar."""
        self._swings = Swings(width).stream().update
        self._high = float("nan")
        self._low = float("nan")

    def update(self, bar: Bar, closed_at: Millis) -> tuple[float, ...]:
        """Take one closed bar; tell low, high and position."""
        for swing in self._swings(bar, closed_at):
            if swing.side is Side.HIGH:
                self._high = swing.price
            else:
                self._low = swing.price
        low, high = self._low, self._high
        if not high > low:
            return NOTHING
        return low, high, (bar.close - low) / (high - low)
