"""What an indicator is: declared once, read bar by bar (live) or over arrays (research), to the same last bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar

Array = NDArray[np.float64]
Update = Callable[[Bar], float]

NAN = float("nan")
LONGEST = 100_000
"""The longest period TA-Lib takes, in bars."""


class Bars(NamedTuple):
    """Candles as columns, each of shape (n,) in float64: prices in quote per base, volume in base."""

    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array


class Stream(Protocol):
    """One indicator carried forward one closed bar at a time, in constant time."""

    @property
    def update(self) -> Update:
        """Take one closed bar and tell the indicator's value at it; NaN until warm. A plain method will do."""
        ...


class IndicatorSpec(Protocol):
    """The declaration of an indicator: a frozen value that a strategy names and the engine owns streams of."""

    @property
    def lookback(self) -> int:
        """Bars that come before the first value."""
        ...

    def stream(self) -> Stream:
        """Begin a stream at the next bar."""
        ...

    def over(self, bars: Bars) -> Array:
        """Give the whole column, shape (n,), NaN until warm."""
        ...


class TalibStream:
    """A `talib.stream` handle that is opened as soon as enough bars were seen.

    `step` is the open handle's own update, taking the close alone (`reads_close`) or high, low and close: a host that
    carries many streams calls it directly. `update` does the same for one bar, warm or not.
    """

    __slots__ = ("_begin", "_seen", "_wanted", "reads_close", "step", "update")

    def __init__(self, lookback: int, begin: Callable[[Bars], Any], *, reads_close: bool) -> None:
        """Keep `lookback`, the bars before the first value, and the way to open a handle on columns of bars."""
        self._wanted = lookback + 1
        self._begin = begin
        self._seen: list[Bar] = []
        self.reads_close = reads_close
        self.step: Callable[..., float] | None = None
        self.update: Update = self._warm

    def _warm(self, bar: Bar) -> float:
        """Keep a bar; open the handle once there are enough."""
        self._seen.append(bar)
        if len(self._seen) < self._wanted:
            return NAN
        handle = self._begin(columns(self._seen))
        self._seen = []
        self.step = handle.update
        self.update = _read_close(handle.update) if self.reads_close else _read_range(handle.update)
        return float(handle.value)


def columns(bars: list[Bar]) -> Bars:
    """Turn bars into columns of shape (n,)."""
    table = np.array(bars, dtype=np.float64).reshape(len(bars), 5)
    return Bars(*(np.ascontiguousarray(table[:, index]) for index in range(5)))


def _read_close(step: Callable[[float], float]) -> Update:
    return lambda bar: step(bar.close)


def _read_range(step: Callable[[float, float, float], float]) -> Update:
    return lambda bar: step(bar.high, bar.low, bar.close)


def close_stream(opening: Callable[..., Any], lookback: int, period: int) -> TalibStream:
    """Make the stream of a TA-Lib function of closes."""
    return TalibStream(lookback, lambda bars: opening(bars.close, timeperiod=period), reads_close=True)


def checked_period(name: str, period: int, least: int) -> int:
    """Give back `period` (bars) when TA-Lib can count it; ConfigError otherwise."""
    if not least <= period <= LONGEST:
        message = f"{name} needs a period of {least} to {LONGEST} bars, not {period}."
        raise ConfigError(message)
    return period


def close_only(function: Callable[..., Any], bars: Bars, period: int) -> Array:
    """Run a TA-Lib function over closes; an empty column stays empty."""
    if not len(bars.close):
        return np.empty(0, dtype=np.float64)
    values: Array = function(bars.close, timeperiod=period)
    return values
