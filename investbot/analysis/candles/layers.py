"""Layers one to six of a candle, as numbers without a unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import talib
from talib import stream as handles

from investbot.analysis.analyser import NAN, Array, Bars, Stream
from investbot.analysis.indicators.api import Lines
from investbot.analysis.indicators.talib_streams import TalibStream, checked_period, column, several
from investbot.domain.market import Bar, Millis


@dataclass(frozen=True, slots=True)
class CandleLayers:
    """What one candle is, apart from its pattern; every line is a ratio and NaN where its divisor is not above zero.

    1 `body` = (close - open) / range, -1..1. 2 `upper_wick`, `lower_wick` = the parts of the range above and below the
    body, 0..1. 3 `location` = (close - low) / range, 0 at the low, 1 at the high. 4 `size` = range / ATR(`atr`) of the
    bar before. 5 `volume` = volume / mean volume of the `volumes` bars before. 6 `gap` = (open - close before) /
    ATR(`atr`) of the bar before, and `context` = where the close lies between the lowest low and the highest high of
    the last `context` bars, 0..1. range = high - low. Own definitions; ATR, mean and extremes are TA-Lib's.
    """

    lines: ClassVar[tuple[str, ...]] = (
        "body",
        "upper_wick",
        "lower_wick",
        "location",
        "size",
        "volume",
        "gap",
        "context",
    )

    atr: int = 14
    volumes: int = 20
    context: int = 50

    def __post_init__(self) -> None:
        """Refuse an ATR under 1 bar, a mean or context under 2; ConfigError."""
        checked_period("A candle's ATR", self.atr, 1)
        checked_period("A candle's mean volume", self.volumes, 2)
        checked_period("A candle's context", self.context, 2)

    @property
    def lookback(self) -> int:
        """Bars that come before the first bar with every line."""
        return max(self.atr + 1, self.volumes, self.context - 1)

    def stream(self) -> Stream[tuple[float, ...]]:
        """Begin a stream at the next bar."""
        return _LayerStream(self)

    def over(self, bars: Bars) -> Lines:
        """Give one column a line, each of shape (n,), NaN until warm."""
        opened, high, low, close = bars[:4]
        reach = high - low
        usual = _before(column(talib.ATR, bars, "hlc", timeperiod=self.atr))
        traded = _before(column(talib.SMA, bars, "v", timeperiod=self.volumes))
        top, _, bottom = several(talib.DONCHIAN, bars, "hl", width=3, timeperiod=self.context)
        return (
            _over(close - opened, reach),
            _over(high - np.maximum(opened, close), reach),
            _over(np.minimum(opened, close) - low, reach),
            _over(close - low, reach),
            _over(reach, usual),
            _over(bars.volume, traded),
            _over(opened - _before(close), usual),
            _over(close - bottom, top - bottom),
        )


class _LayerStream:
    """ATR and mean volume as they were at the bar before, the extremes as they are."""

    __slots__ = ("_atr", "_close", "_extremes", "_mean", "_traded", "_usual")

    def __init__(self, spec: CandleLayers) -> None:
        self._atr = TalibStream(spec.atr, "hlc", handles.ATR, timeperiod=spec.atr)
        self._mean = TalibStream(spec.volumes - 1, "v", handles.SMA, timeperiod=spec.volumes)
        self._extremes = TalibStream(spec.context - 1, "hl", handles.DONCHIAN, width=3, timeperiod=spec.context)
        self._usual = self._traded = self._close = NAN

    def update(self, bar: Bar, closed_at: Millis) -> tuple[float, ...]:
        """Take one closed bar and give all lines."""
        opened, high, low, close, volume = bar
        reach = high - low
        top, _, bottom = self._extremes.update(bar, closed_at)
        body = upper = lower = location = NAN
        if reach > 0.0:
            above, below = (close, opened) if close > opened else (opened, close)
            body, location = (close - opened) / reach, (close - low) / reach
            upper, lower = (high - above) / reach, (below - low) / reach
        said = (
            body,
            upper,
            lower,
            location,
            _part(reach, self._usual),
            _part(volume, self._traded),
            _part(opened - self._close, self._usual),
            _part(close - bottom, top - bottom),
        )
        self._usual, self._traded = self._atr.update(bar, closed_at), self._mean.update(bar, closed_at)
        self._close = close
        return said


def _before(values: Array) -> Array:
    """Give each bar the value of the one before."""
    return np.concatenate(([NAN], values))[: len(values)]


def _over(part: Array, whole: Array) -> Array:
    found: Array = np.full(len(part), NAN)
    return np.divide(part, whole, out=found, where=whole > 0.0)


def _part(part: float, whole: float) -> float:
    return part / whole if whole > 0.0 else NAN
