"""Volume and price together: balance, money flow, accumulation."""

from __future__ import annotations

from dataclasses import dataclass

import talib
from talib import stream as handles

from investbot.analysis.analyser import Array, Bars, Stream
from investbot.analysis.indicators.talib_streams import TalibStream, checked_period, column


@dataclass(frozen=True, slots=True)
class Obv:
    """On-balance volume, in base: the sum of volumes of rising closes less those of falling ones.

    It begins with the volume of the series' first bar, its anchor, and never forgets: only differences between two of
    its values mean anything, and a series begun elsewhere differs by a constant for ever. Source: J. Granville, New Key
    to Stock Market Profits (1963); TA-Lib `OBV`.
    """

    @property
    def lookback(self) -> int:
        """Bars that come before the first value."""
        return 0

    def stream(self) -> Stream[float]:
        """Begin a stream at the next bar."""
        return TalibStream(0, "cv", handles.OBV)

    def over(self, bars: Bars) -> Array:
        """Give the whole column, shape (n,)."""
        return column(talib.OBV, bars, "cv")


@dataclass(frozen=True, slots=True)
class Mfi:
    """Money flow index over `period` bars, 0..100: the share of money (typical price * volume) on rising bars.

    A bar rises when its typical price (high + low + close) / 3 is above the one before; two that are equal but for the
    last bits of a float count for neither. 0 where no money flowed. Source: G. Quong, A. Soudack, Stocks and
    Commodities (1989); TA-Lib `MFI`.
    """

    period: int = 14

    def __post_init__(self) -> None:
        """Refuse a period under 2 bars; ConfigError."""
        checked_period("An MFI", self.period, 2)

    @property
    def lookback(self) -> int:
        """Bars that come before the first value."""
        return self.period

    def stream(self) -> Stream[float]:
        """Begin a stream at the next bar."""
        return TalibStream(self.lookback, "hlcv", handles.MFI, timeperiod=self.period)

    def over(self, bars: Bars) -> Array:
        """Give the whole column, shape (n,), NaN until warm."""
        return column(talib.MFI, bars, "hlcv", timeperiod=self.period)


@dataclass(frozen=True, slots=True)
class Cmf:
    """Chaikin money flow over `period` bars, -1..1: volume weighed by where each bar closed in its range.

    sum(volume * (2 close - high - low) / (high - low)) / sum(volume); a bar without range weighs 0, and the whole is 0
    without volume. Source: M. Chaikin; TA-Lib `CMF`.
    """

    period: int = 20

    def __post_init__(self) -> None:
        """Refuse a period under 2 bars; ConfigError."""
        checked_period("A money flow", self.period, 2)

    @property
    def lookback(self) -> int:
        """Bars that come before the first value."""
        return self.period - 1

    def stream(self) -> Stream[float]:
        """Begin a stream at the next bar."""
        return TalibStream(self.lookback, "hlcv", handles.CMF, timeperiod=self.period)

    def over(self, bars: Bars) -> Array:
        """Give the whole column, shape (n,), NaN until warm."""
        return column(talib.CMF, bars, "hlcv", timeperiod=self.period)
