"""Relative strength: how much of the recent movement was upward."""

from __future__ import annotations

from dataclasses import dataclass

import talib
from talib import stream as handles

from investbot.analysis.analyser import Array, Bars, Stream
from investbot.analysis.indicators.api import checked_period, close_only, close_stream


@dataclass(frozen=True, slots=True)
class Rsi:
    """Relative strength index over `period` bars, 0..100, with Wilder's smoothing.

    100 * mean gain / (mean gain + mean loss) of closes; a market that never moved reads 0. Source: J. W. Wilder, New
    Concepts in Technical Trading Systems (1978); TA-Lib `RSI`.
    """

    period: int = 14

    def __post_init__(self) -> None:
        """Refuse a period under 2 bars; ConfigError."""
        checked_period("An RSI", self.period, 2)

    @property
    def lookback(self) -> int:
        """Bars that come before the first value."""
        return self.period

    def stream(self) -> Stream[float]:
        """Begin a stream at the next bar."""
        return close_stream(handles.RSI, self.lookback, self.period)

    def over(self, bars: Bars) -> Array:
        """Give the whole column, shape (n,), NaN until warm."""
        return close_only(talib.RSI, bars, self.period)
