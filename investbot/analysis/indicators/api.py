"""What an indicator is: declared once, read bar by bar (live) or over columns (research), to the same last bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np

from investbot.analysis.analyser import NAN, Array, Bars, Finder, Finding, Stream, columns
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar, Millis

LONGEST = 100_000
"""The longest period TA-Lib takes, in bars."""

Lines = tuple[Array, ...]
"""Columns of an indicator with several lines, each of shape (n,)."""


class IndicatorSpec(Protocol):
    """The declaration of an indicator: a frozen value that a strategy names and the engine owns streams of."""

    @property
    def lookback(self) -> int:
        """Bars that come before the first value."""
        ...

    def stream(self) -> Stream[float]:
        """Begin a stream at the next bar."""
        ...

    def over(self, bars: Bars) -> Array:
        """Give the whole column, shape (n,), NaN until warm."""
        ...


class LinesSpec(Protocol):
    """An indicator with several lines: a frozen value whose lines are named one by one with `line(spec, name)`."""

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of its lines, in the order in which they are given."""
        ...

    @property
    def lookback(self) -> int:
        """Bars that come before the first bar with every line."""
        ...

    def stream(self) -> Stream[tuple[float, ...]]:
        """Begin a stream at the next bar; each update gives one number a line."""
        ...

    def over(self, bars: Bars) -> Lines:
        """Give one column a line, each of shape (n,), NaN until warm."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an indicator that has several; a host runs the indicator once for all its lines. Made by `line`."""

    spec: LinesSpec
    index: int

    @property
    def lookback(self) -> int:
        """Bars that come before the first bar with every line."""
        return self.spec.lookback

    def stream(self) -> Stream[float]:
        """Begin a stream at the next bar."""
        return _LineStream(self.spec.stream(), self.index)

    def over(self, bars: Bars) -> Array:
        """Give the whole column, shape (n,), NaN until warm."""
        return self.spec.over(bars)[self.index]


class _LineStream:
    """One number out of several."""

    __slots__ = ("_index", "_update")

    def __init__(self, stream: Stream[tuple[float, ...]], index: int) -> None:
        self._update = stream.update
        self._index = index

    def update(self, bar: Bar, closed_at: Millis) -> float:
        """Take one closed bar and tell the line's value at it."""
        return self._update(bar, closed_at)[self._index]


def line(spec: LinesSpec, name: str) -> Line:
    """Name one line of an indicator, such as `line(Macd(), "signal")`; ConfigError when it has none of that name."""
    if name not in spec.lines:
        message = f"{type(spec).__name__} has no line {name!r}; it has {', '.join(spec.lines)}."
        raise ConfigError(message)
    return Line(spec, spec.lines.index(name))


Declared = IndicatorSpec | Finder[Finding]
"""What a strategy may name: an indicator (one number a bar) or a finder (findings)."""


def is_finder(declared: Declared) -> bool:
    """Tell findings from numbers: only an indicator says how many bars come before its first value."""
    return not hasattr(declared, "lookback")


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
        self.update: Callable[[Bar, Millis], float] = self._warm

    def _warm(self, bar: Bar, closed_at: Millis) -> float:
        """Keep a bar; open the handle once there are enough. Whoever kept this method is passed on to the handle."""
        if self.step is not None:
            return self.update(bar, closed_at)
        self._seen.append(bar)
        if len(self._seen) < self._wanted:
            return NAN
        handle = self._begin(columns(self._seen))
        self._seen = []
        self.step = handle.update
        self.update = _read_close(handle.update) if self.reads_close else _read_range(handle.update)
        return float(handle.value)


def _read_close(step: Callable[[float], float]) -> Callable[[Bar, Millis], float]:
    return lambda bar, _closed_at: step(bar.close)


def _read_range(step: Callable[[float, float, float], float]) -> Callable[[Bar, Millis], float]:
    return lambda bar, _closed_at: step(bar.high, bar.low, bar.close)


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
    return cast("Array", function(bars.close, timeperiod=period))
