"""What is read from highs, lows and closes: range, direction, and where the close lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import talib
from talib import stream as handles

from investbot.analysis.analyser import Array, Bars, Stream
from investbot.analysis.indicators.api import Lines
from investbot.analysis.indicators.talib_streams import TalibStream, checked_period, column, several
from investbot.domain.market import Bar, Millis


@dataclass(frozen=True, slots=True)
class Atr:
    """Average true range over `period` bars, in quote per base, with Wilder's smoothing.

    The true range is the greatest of high - low, |high - previous close| and |low - previous close|; the first value is
    the simple mean of the first `period` true ranges. Source: J. W. Wilder, New Concepts in Technical Trading Systems
    (1978); TA-Lib `ATR`.
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
        return TalibStream(self.lookback, "hlc", handles.ATR, timeperiod=self.period)

    def over(self, bars: Bars) -> Array:
        """Give the whole column, shape (n,), NaN until warm."""
        return column(talib.ATR, bars, "hlc", timeperiod=self.period)


@dataclass(frozen=True, slots=True)
class Adx:
    """Directional movement over `period` bars, each 0..100: `adx` is the trend's strength, the DIs its two sides.

    Wilder's sums of directional movement over Wilder's sum of true range give `plus_di` and `minus_di` (after `period`
    bars); adx is Wilder's mean of 100 * |plus - minus| / (plus + minus), seeded with the simple mean of the first
    `period` of them, so that it comes 2 * period - 1 bars in. Source: J. W. Wilder, New Concepts in Technical Trading
    Systems (1978); TA-Lib `ADX`, `PLUS_DI`, `MINUS_DI`.
    """

    lines: ClassVar[tuple[str, ...]] = ("adx", "plus_di", "minus_di")

    period: int = 14

    def __post_init__(self) -> None:
        """Refuse a period under 2 bars; ConfigError."""
        checked_period("An ADX", self.period, 2)

    @property
    def lookback(self) -> int:
        """Bars that come before the first bar with every line."""
        return 2 * self.period - 1

    def stream(self) -> Stream[tuple[float, ...]]:
        """Begin a stream at the next bar."""
        return _AdxStream(self.period)

    def over(self, bars: Bars) -> Lines:
        """Give one column a line, each of shape (n,), NaN until warm."""
        functions = (talib.ADX, talib.PLUS_DI, talib.MINUS_DI)
        return tuple(column(function, bars, "hlc", timeperiod=self.period) for function in functions)


class _AdxStream:
    """Three handles side by side."""

    __slots__ = ("_adx", "_minus", "_plus")

    def __init__(self, period: int) -> None:
        self._adx = TalibStream(2 * period - 1, "hlc", handles.ADX, timeperiod=period)
        self._plus = TalibStream(period, "hlc", handles.PLUS_DI, timeperiod=period)
        self._minus = TalibStream(period, "hlc", handles.MINUS_DI, timeperiod=period)

    def update(self, bar: Bar, closed_at: Millis) -> tuple[float, ...]:
        """Take one closed bar and give adx, plus_di and minus_di."""
        return self._adx.update(bar, closed_at), self._plus.update(bar, closed_at), self._minus.update(bar, closed_at)


@dataclass(frozen=True, slots=True)
class Stochastic:
    """Where the close lies in the range of the last `k` bars: `k` smoothed over `smooth`, `d` its mean; 0..100.

    raw k = 100 * (close - lowest low) / (highest high - lowest low), 0 where there is no range; both means are simple.
    Source: G. Lane, Lane's Stochastics (1984); TA-Lib `STOCH`.
    """

    lines: ClassVar[tuple[str, ...]] = ("k", "d")

    k: int = 14
    smooth: int = 3
    d: int = 3

    def __post_init__(self) -> None:
        """Refuse a period under 1 bar; ConfigError."""
        for period in (self.k, self.smooth, self.d):
            checked_period("A stochastic", period, 1)

    @property
    def lookback(self) -> int:
        """Bars that come before the first values; both lines begin together."""
        return self.k - 1 + self.smooth - 1 + self.d - 1

    def stream(self) -> Stream[tuple[float, ...]]:
        """Begin a stream at the next bar."""
        return TalibStream(self.lookback, "hlc", handles.STOCH, width=2, **self._settings())

    def over(self, bars: Bars) -> Lines:
        """Give one column a line, each of shape (n,), NaN until warm."""
        return several(talib.STOCH, bars, "hlc", width=2, **self._settings())

    def _settings(self) -> dict[str, float]:
        return {
            "fastk_period": self.k,
            "slowk_period": self.smooth,
            "slowk_matype": 0,
            "slowd_period": self.d,
            "slowd_matype": 0,
        }


@dataclass(frozen=True, slots=True)
class Cci:
    """Commodity channel index over `period` bars: distance of the typical price from its mean in mean deviations.

    (typical - SMA(typical)) / (0.015 * mean absolute deviation), typical = (high + low + close) / 3; 0 where nothing
    deviates. Source: D. Lambert, Commodities (October 1980); TA-Lib `CCI`.
    """

    period: int = 20

    def __post_init__(self) -> None:
        """Refuse a period under 2 bars; ConfigError."""
        checked_period("A CCI", self.period, 2)

    @property
    def lookback(self) -> int:
        """Bars that come before the first value."""
        return self.period - 1

    def stream(self) -> Stream[float]:
        """Begin a stream at the next bar."""
        return TalibStream(self.lookback, "hlc", handles.CCI, timeperiod=self.period)

    def over(self, bars: Bars) -> Array:
        """Give the whole column, shape (n,), NaN until warm."""
        return column(talib.CCI, bars, "hlc", timeperiod=self.period)
