"""Momentum of the close: relative strength, convergence of averages, rate of change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import talib
from talib import stream as handles

from investbot.analysis.analyser import Array, Bars, Stream
from investbot.analysis.indicators.api import Lines
from investbot.analysis.indicators.talib_streams import TalibStream, checked_period, column, several
from investbot.domain.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Rsi:
    """Relative strength index over `period` bars, 0..100, with Wilder's smoothing.

    100 * mean gain / (mean gain + mean loss) of closes, both means seeded with the simple mean of the first `period`
    changes; a market that never moved reads 0. Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978);
    TA-Lib `RSI`.
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
        return TalibStream(self.lookback, "c", handles.RSI, timeperiod=self.period)

    def over(self, bars: Bars) -> Array:
        """Give the whole column, shape (n,), NaN until warm."""
        return column(talib.RSI, bars, "c", timeperiod=self.period)


@dataclass(frozen=True, slots=True)
class Macd:
    """Convergence of two EMAs of the close, its own EMA, and their difference, all in quote per base.

    `macd` = EMA(fast) - EMA(slow); `signal` = EMA of it over `signal` bars; `histogram` = macd - signal. Both EMAs
    begin at the same bar (the fast one is seeded with the mean of the last `fast` of the first `slow` closes), the
    signal with the mean of the first `signal` differences. Source: G. Appel, The Moving Average Convergence-Divergence
    Method (1979); TA-Lib `MACD`.
    """

    lines: ClassVar[tuple[str, ...]] = ("macd", "signal", "histogram")

    fast: int = 12
    slow: int = 26
    signal: int = 9

    def __post_init__(self) -> None:
        """Refuse periods under 2 (signal: 1) bars, or a fast one that is not the shorter; ConfigError."""
        checked_period("A MACD's fast average", self.fast, 2)
        checked_period("A MACD's slow average", self.slow, 2)
        checked_period("A MACD's signal", self.signal, 1)
        if self.fast >= self.slow:
            raise ConfigError(f"A MACD needs fast < slow, not fast = {self.fast} and slow = {self.slow}.")

    @property
    def lookback(self) -> int:
        """Bars that come before the first values; all three lines begin together."""
        return self.slow + self.signal - 2

    def stream(self) -> Stream[tuple[float, ...]]:
        """Begin a stream at the next bar."""
        return TalibStream(self.lookback, "c", handles.MACD, width=3, **self._settings())

    def over(self, bars: Bars) -> Lines:
        """Give one column a line, each of shape (n,), NaN until warm."""
        return several(talib.MACD, bars, "c", width=3, **self._settings())

    def _settings(self) -> dict[str, float]:
        return {"fastperiod": self.fast, "slowperiod": self.slow, "signalperiod": self.signal}


@dataclass(frozen=True, slots=True)
class StochRsi:
    """Where RSI lies within its own range: `k` over `k` bars of RSI(`period`), `d` its simple mean; 0..100.

    k = 100 * (RSI - lowest) / (highest - lowest), 0 where RSI did not move. No smoothing of k (some charts show a mean
    of three of it). Source: T. Chande, S. Kroll, The New Technical Trader (1994); TA-Lib `STOCHRSI`.
    """

    lines: ClassVar[tuple[str, ...]] = ("k", "d")

    period: int = 14
    k: int = 14
    d: int = 3

    def __post_init__(self) -> None:
        """Refuse a period under 2 bars, or k or d under 1; ConfigError."""
        checked_period("A StochRSI", self.period, 2)
        checked_period("A StochRSI's k", self.k, 1)
        checked_period("A StochRSI's d", self.d, 1)

    @property
    def lookback(self) -> int:
        """Bars that come before the first values; both lines begin together."""
        return self.period + self.k - 1 + self.d - 1

    def stream(self) -> Stream[tuple[float, ...]]:
        """Begin a stream at the next bar."""
        return TalibStream(self.lookback, "c", handles.STOCHRSI, width=2, **self._settings())

    def over(self, bars: Bars) -> Lines:
        """Give one column a line, each of shape (n,), NaN until warm."""
        return several(talib.STOCHRSI, bars, "c", width=2, **self._settings())

    def _settings(self) -> dict[str, float]:
        return {"timeperiod": self.period, "fastk_period": self.k, "fastd_period": self.d, "fastd_matype": 0}


@dataclass(frozen=True, slots=True)
class Roc:
    """Rate of change: close / close of `period` bars ago - 1, a fraction. Source: TA-Lib `ROCP`."""

    period: int = 10

    def __post_init__(self) -> None:
        """Refuse a period under 1 bar; ConfigError."""
        checked_period("A rate of change", self.period, 1)

    @property
    def lookback(self) -> int:
        """Bars that come before the first value."""
        return self.period

    def stream(self) -> Stream[float]:
        """Begin a stream at the next bar."""
        return TalibStream(self.lookback, "c", handles.ROCP, timeperiod=self.period)

    def over(self, bars: Bars) -> Array:
        """Give the whole column, shape (n,), NaN until warm."""
        return column(talib.ROCP, bars, "c", timeperiod=self.period)
