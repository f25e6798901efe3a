"""Ichimoku's equilibrium lines and the cloud."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import talib
from talib import stream as handles

from investbot.analysis.analyser import NAN, Array, Bars, Stream
from investbot.analysis.indicators.api import Lines
from investbot.analysis.indicators.talib_streams import TalibStream, checked_period, column
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar, Millis


@dataclass(frozen=True, slots=True)
class Ichimoku:
    """Middles of ranges, in quote per base: a middle is (highest high + lowest low) / 2 of the last bars.

    This bar is among them. `conversion` and `base` are middles of that many bars. `ahead_a` = (conversion + base) / 2
    and `ahead_b` = the middle of `span` bars are drawn `base` bars ahead on charts; `span_a` and `span_b` are what was
    drawn there for this bar, so the cloud as it stands now, from values `base` bars old. The lagging line is the close
    itself, drawn backwards: compare the close with the one `base` bars ago. Each line is NaN until its own bars are
    there. Source: G. Hosoda (1969); the middles are TA-Lib `MIDPRICE`.
    """

    lines: ClassVar[tuple[str, ...]] = ("conversion", "base", "span_a", "span_b", "ahead_a", "ahead_b")

    conversion: int = 9
    base: int = 26
    span: int = 52

    def __post_init__(self) -> None:
        """Refuse periods under 2 bars or not in ascending order; ConfigError."""
        for period in (self.conversion, self.base, self.span):
            checked_period("An Ichimoku line", period, 2)
        if not self.conversion < self.base < self.span:
            raise ConfigError(
                f"Ichimoku needs conversion < base < span, not {self.conversion}, {self.base} and {self.span}."
            )

    @property
    def lookback(self) -> int:
        """Bars that come before the first bar with every line."""
        return self.span - 1 + self.base

    def stream(self) -> Stream[tuple[float, ...]]:
        """Begin a stream at the next bar."""
        return _IchimokuStream(self)

    def over(self, bars: Bars) -> Lines:
        """Give one column a line, each of shape (n,), NaN until warm."""
        conversion, base, ahead_b = (
            column(talib.MIDPRICE, bars, "hl", timeperiod=period) for period in (self.conversion, self.base, self.span)
        )
        ahead_a = (conversion + base) / 2.0
        return conversion, base, self._later(ahead_a), self._later(ahead_b), ahead_a, ahead_b

    def _later(self, drawn: Array) -> Array:
        """Give what was drawn `base` bars ago."""
        return np.concatenate((np.full(self.base, NAN), drawn))[: len(drawn)]


class _IchimokuStream:
    """Three middles, and the cloud that was drawn ahead."""

    __slots__ = ("_base", "_conversion", "_drawn", "_span")

    def __init__(self, spec: Ichimoku) -> None:
        self._conversion, self._base, self._span = (
            TalibStream(period - 1, "hl", handles.MIDPRICE, timeperiod=period)
            for period in (spec.conversion, spec.base, spec.span)
        )
        self._drawn = deque([(NAN, NAN)] * spec.base, maxlen=spec.base)

    def update(self, bar: Bar, closed_at: Millis) -> tuple[float, ...]:
        """Take one closed bar and give all six lines."""
        conversion = self._conversion.update(bar, closed_at)
        base = self._base.update(bar, closed_at)
        ahead_a, ahead_b = (conversion + base) / 2.0, self._span.update(bar, closed_at)
        span_a, span_b = self._drawn[0]
        self._drawn.append((ahead_a, ahead_b))
        return conversion, base, span_a, span_b, ahead_a, ahead_b
