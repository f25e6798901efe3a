"""The average price paid since a session began, weighted by volume."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from investbot.analysis.analyser import NAN, Bars, Stream
from investbot.analysis.indicators.api import Lines
from investbot.analysis.indicators.sessions import SESSIONS, checked_session, numbers, offset_of
from investbot.analysis.indicators.talib_streams import checked_width
from investbot.domain.market import Bar, Millis


@dataclass(frozen=True, slots=True)
class Vwap:
    """Volume-weighted mean of typical prices since the session began, and `width` weighted deviations to both sides.

    vwap = sum(volume * typical) / sum(volume), typical = (high + low + close) / 3; the deviation is the root of the
    volume-weighted variance about it. Both are carried as a running mean (D. West, Communications of the ACM 22, 1979),
    so that nothing cancels out. A session is a UTC day or a week from Monday, from `starts_at_hour` UTC on. NaN until
    the session has volume. Source: Berkowitz, Logue, Noser, Journal of Finance (1988).
    """

    lines: ClassVar[tuple[str, ...]] = ("vwap", "upper", "lower")

    session: str = "day"
    starts_at_hour: int = 0
    width: float = 2.0

    def __post_init__(self) -> None:
        """Refuse a session, hour or width that cannot be; ConfigError."""
        checked_session(self.session, self.starts_at_hour)
        checked_width("A VWAP band", self.width)

    @property
    def lookback(self) -> int:
        """Bars that come before the first values: none, where the first bar has volume."""
        return 0

    def stream(self) -> Stream[tuple[float, ...]]:
        """Begin a stream at the next bar."""
        return _VwapStream(self)

    def over(self, bars: Bars) -> Lines:
        """Give one column a line, each of shape (n,), NaN until the session has volume."""
        sessions = numbers(bars.closed_at, self.session, self.starts_at_hour).tolist()
        typical = ((bars.high + bars.low + bars.close) / 3.0).tolist()
        means, deviations = [NAN] * bars.size, [NAN] * bars.size
        current, weight, mean, spread = None, 0.0, NAN, 0.0
        for index, (session, price, volume) in enumerate(zip(sessions, typical, bars.volume.tolist(), strict=True)):
            if session != current:
                current, weight, mean, spread = session, 0.0, NAN, 0.0
            if volume > 0.0:
                if not weight:
                    mean = price
                weight += volume
                away = price - mean
                mean += volume / weight * away
                spread += volume * away * (price - mean)
            if weight:
                means[index] = mean
                deviations[index] = spread / weight
        middle = np.array(means, dtype=np.float64)
        band = self.width * np.sqrt(np.array(deviations, dtype=np.float64))
        return middle, middle + band, middle - band


class _VwapStream:
    """The running mean of one session."""

    __slots__ = ("_length", "_mean", "_offset", "_session", "_spread", "_weight", "_width")

    def __init__(self, spec: Vwap) -> None:
        self._length = SESSIONS[spec.session]
        self._offset = offset_of(spec.session, spec.starts_at_hour)
        self._width = spec.width
        self._session: int | None = None
        self._weight = self._spread = 0.0
        self._mean = NAN

    def update(self, bar: Bar, closed_at: Millis) -> tuple[float, ...]:
        """Take one closed bar and give vwap, upper and lower."""
        session = (closed_at - self._offset) // self._length
        if session != self._session:
            self._session, self._weight, self._mean, self._spread = session, 0.0, NAN, 0.0
        volume = bar.volume
        if volume > 0.0:
            price = (bar.high + bar.low + bar.close) / 3.0
            if not self._weight:
                self._mean = price
            self._weight += volume
            away = price - self._mean
            self._mean += volume / self._weight * away
            self._spread += volume * away * (price - self._mean)
        if not self._weight:
            return NAN, NAN, NAN
        band = self._width * math.sqrt(self._spread / self._weight)
        return self._mean, self._mean + band, self._mean - band
