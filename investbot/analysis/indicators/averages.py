"""Moving averages of the close, in quote per base."""

from __future__ import annotations

from dataclasses import dataclass

import talib
from talib import stream as handles

from investbot.analysis.analyser import Array, Bars, Stream
from investbot.analysis.indicators.talib_streams import TalibStream, checked_period, column


@dataclass(frozen=True, slots=True)
class Ema:
    """Exponential moving average over `period` bars, seeded with the simple mean of the first `period` closes.

    Each next value is previous + 2 / (period + 1) * (close - previous). Source: TA-Lib `EMA`.
    """

    period: int

    def __post_init__(self) -> None:
        """Refuse a period under 2 bars; ConfigError."""
        checked_period("An EMA", self.period, 2)

    @property
    def lookback(self) -> int:
        """Bars that come before the first value."""
        return self.period - 1

    def stream(self) -> Stream[float]:
        """Begin a stream at the next bar."""
        return TalibStream(self.lookback, "c", handles.EMA, timeperiod=self.period)

    def over(self, bars: Bars) -> Array:
        """Give the whole column, shape (n,), NaN until warm."""
        return column(talib.EMA, bars, "c", timeperiod=self.period)


@dataclass(frozen=True, slots=True)
class Sma:
    """Simple mean of the last `period` closes. Source: TA-Lib `SMA`."""

    period: int

    def __post_init__(self) -> None:
        """Refuse a period under 2 bars; ConfigError."""
        checked_period("An SMA", self.period, 2)

    @property
    def lookback(self) -> int:
        """Bars that come before the first value."""
        return self.period - 1

    def stream(self) -> Stream[float]:
        """Begin a stream at the next bar."""
        return TalibStream(self.lookback, "c", handles.SMA, timeperiod=self.period)

    def over(self, bars: Bars) -> Array:
        """Give the whole column, shape (n,), NaN until warm."""
        return column(talib.SMA, bars, "c", timeperiod=self.period)


@dataclass(frozen=True, slots=True)
class Wma:
    """Mean of the last `period` closes weighted 1 (oldest) to `period` (newest). Source: TA-Lib `WMA`."""

    period: int

    def __post_init__(self) -> None:
        """Refuse a period under 2 bars; ConfigError."""
        checked_period("A WMA", self.period, 2)

    @property
    def lookback(self) -> int:
        """Bars that come before the first value."""
        return self.period - 1

    def stream(self) -> Stream[float]:
        """Begin a stream at the next bar."""
        return TalibStream(self.lookback, "c", handles.WMA, timeperiod=self.period)

    def over(self, bars: Bars) -> Array:
        """Give the whole column, shape (n,), NaN until warm."""
        return column(talib.WMA, bars, "c", timeperiod=self.period)
