"""Bands around the price, each an upper, a middle and a lower line in quote per base."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import talib
from talib import stream as handles

from investbot.analysis.analyser import Bars, Stream
from investbot.analysis.indicators.api import Lines
from investbot.analysis.indicators.talib_streams import TalibStream, checked_period, checked_width, several


@dataclass(frozen=True, slots=True)
class Bollinger:
    """SMA of the close over `period` bars, and `width` population standard deviations to both sides.

    Source: J. Bollinger, Bollinger on Bollinger Bands (2001); TA-Lib `BBANDS`.
    """

    lines: ClassVar[tuple[str, ...]] = ("upper", "middle", "lower")

    period: int = 20
    width: float = 2.0

    def __post_init__(self) -> None:
        """Refuse a period under 2 bars or a width outside 0..100; ConfigError."""
        checked_period("A Bollinger band", self.period, 2)
        checked_width("A Bollinger band", self.width)

    @property
    def lookback(self) -> int:
        """Bars that come before the first values."""
        return self.period - 1

    def stream(self) -> Stream[tuple[float, ...]]:
        """Begin a stream at the next bar."""
        return TalibStream(self.lookback, "c", handles.BBANDS, width=3, **self._settings())

    def over(self, bars: Bars) -> Lines:
        """Give one column a line, each of shape (n,), NaN until warm."""
        return several(talib.BBANDS, bars, "c", width=3, **self._settings())

    def _settings(self) -> dict[str, float]:
        return {"timeperiod": self.period, "nbdevup": self.width, "nbdevdn": self.width, "matype": 0}


@dataclass(frozen=True, slots=True)
class Donchian:
    """Highest high, lowest low of the last `period` bars (this one included), and the middle between them.

    A breakout compares the close with the bands of the bar before (`view.previous`). Source: TA-Lib `DONCHIAN`.
    """

    lines: ClassVar[tuple[str, ...]] = ("upper", "middle", "lower")

    period: int = 20

    def __post_init__(self) -> None:
        """Refuse a period under 2 bars; ConfigError."""
        checked_period("A Donchian channel", self.period, 2)

    @property
    def lookback(self) -> int:
        """Bars that come before the first values."""
        return self.period - 1

    def stream(self) -> Stream[tuple[float, ...]]:
        """Begin a stream at the next bar."""
        return TalibStream(self.lookback, "hl", handles.DONCHIAN, width=3, timeperiod=self.period)

    def over(self, bars: Bars) -> Lines:
        """Give one column a line, each of shape (n,), NaN until warm."""
        return several(talib.DONCHIAN, bars, "hl", width=3, timeperiod=self.period)


@dataclass(frozen=True, slots=True)
class Keltner:
    """EMA of the typical price (high + low + close) / 3 over `period` bars, and `width` ATR(`atr`) to both sides.

    All begin at the same bar: whichever needs fewer bars is seeded with the last ones before it. Source: L. B.
    Raschke's form of C. Keltner, How to Make Money in Commodities (1960); TA-Lib `KC`.
    """

    lines: ClassVar[tuple[str, ...]] = ("upper", "middle", "lower")

    period: int = 20
    atr: int = 10
    width: float = 2.0

    def __post_init__(self) -> None:
        """Refuse a period under 2 (ATR: 1) bars or a width outside 0..100; ConfigError."""
        checked_period("A Keltner channel", self.period, 2)
        checked_period("A Keltner channel's ATR", self.atr, 1)
        checked_width("A Keltner channel", self.width)

    @property
    def lookback(self) -> int:
        """Bars that come before the first values."""
        return max(self.period - 1, self.atr)

    def stream(self) -> Stream[tuple[float, ...]]:
        """Begin a stream at the next bar."""
        return TalibStream(self.lookback, "hlc", handles.KC, width=3, **self._settings())

    def over(self, bars: Bars) -> Lines:
        """Give one column a line, each of shape (n,), NaN until warm."""
        return several(talib.KC, bars, "hlc", width=3, **self._settings())

    def _settings(self) -> dict[str, float]:
        return {"timeperiod": self.period, "atrperiod": self.atr, "nbdev": self.width}


@dataclass(frozen=True, slots=True)
class Supertrend:
    """A trailing band `width` ATR(`period`) from (high + low) / 2: `stop` in quote per base, `trend` 1 up or -1 down.

    The lower band may only rise and the upper one only fall while the previous close stays on its side; the trend turns
    when the close passes the band in force; it begins as up. Source: TA-Lib `SUPERTREND`.
    """

    lines: ClassVar[tuple[str, ...]] = ("stop", "trend")

    period: int = 10
    width: float = 3.0

    def __post_init__(self) -> None:
        """Refuse a period under 2 bars or a width outside 0..100; ConfigError."""
        checked_period("A supertrend", self.period, 2)
        checked_width("A supertrend", self.width)

    @property
    def lookback(self) -> int:
        """Bars that come before the first values."""
        return self.period

    def stream(self) -> Stream[tuple[float, ...]]:
        """Begin a stream at the next bar."""
        return TalibStream(self.lookback, "hlc", handles.SUPERTREND, width=2, **self._settings())

    def over(self, bars: Bars) -> Lines:
        """Give one column a line, each of shape (n,), NaN until warm."""
        stop, trend = several(talib.SUPERTREND, bars, "hlc", width=2, **self._settings())
        trend[: self.lookback] = float("nan")  # TA-Lib writes 0, because its trend is a whole number
        return stop, trend

    def _settings(self) -> dict[str, float]:
        return {"timeperiod": self.period, "multiplier": self.width}
