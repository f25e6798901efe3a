"""What an indicator is: declared once, read bar by bar (live) or over arrays (research), to the same last bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
import talib
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

    update: Update
    """Take one closed bar and tell the indicator's value at it; NaN until warm."""


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

    `begin` opens a handle on the bars kept so far; `read` turns an open handle into the update of one bar. The
    slot `update` changes hands when the handle opens, so that a warm stream pays for nothing but the handle.
    """

    __slots__ = ("_begin", "_read", "_seen", "_wanted", "update")

    def __init__(self, lookback: int, begin: Callable[[Bars], Any], read: Callable[[Any], Update]) -> None:
        """Keep `lookback`, the bars before the first value, and the two ways into the library."""
        self._wanted = lookback + 1
        self._begin = begin
        self._read = read
        self._seen: list[Bar] = []
        self.update: Update = self._warm

    def _warm(self, bar: Bar) -> float:
        """Keep a bar; open the handle once there are enough."""
        self._seen.append(bar)
        if len(self._seen) < self._wanted:
            return NAN
        handle = self._begin(columns(self._seen))
        self.update = self._read(handle)
        self._seen = []
        return float(handle.value)


def columns(bars: list[Bar]) -> Bars:
    """Turn bars into columns of shape (n,)."""
    table = np.array(bars, dtype=np.float64).reshape(len(bars), 5)
    return Bars(*(np.ascontiguousarray(table[:, index]) for index in range(5)))


def read_close(handle: Any) -> Update:
    """Feed a handle with closes."""
    step: Callable[[float], float] = handle.update
    return lambda bar: step(bar.close)


def read_range(handle: Any) -> Update:
    """Feed a handle with high, low and close."""
    step: Callable[[float, float, float], float] = handle.update

    def update(bar: Bar) -> float:
        _, high, low, close, _ = bar
        return step(high, low, close)

    return update


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


TALIB_VERSION: str = talib.__version__
"""Recorded with results: another version may round otherwise."""
