"""Average true range: how far a bar usually goes, in quote per base."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import talib
from talib import stream as handles

from investbot.analysis.analyser import Array, Bars, Stream
from investbot.analysis.indicators.api import TalibStream, checked_period


@dataclass(frozen=True, slots=True)
class Atr:
    """Average true range over `period` bars, in quote per base, with Wilder's smoothing.

    The true range is the greatest of high - low, |high - previous close| and |low - previous close|. Source: J. W.
    Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib `ATR`.
    """

    period: int = 14

    def __post_init__(self) -> None:
        """Refuse a period under 1 bar; ConfigError."""
        checked_period("An ATR", self.period, 1)

    @property
    def lookback(self) -> int:
        """Bars that come before the first value."""
        return self.period

    def stream(self) -> Stream[float]:
        """Begin a stream at the next bar."""
        return TalibStream(
            self.lookback,
            lambda bars: handles.ATR(bars.high, bars.low, bars.close, timeperiod=self.period),
            reads_close=False,
        )

    def over(self, bars: Bars) -> Array:
        """Give the whole column, shape (n,), NaN until warm."""
        if not len(bars.close):
            return np.empty(0, dtype=np.float64)
        values: Array = talib.ATR(bars.high, bars.low, bars.close, timeperiod=self.period)
        return values
