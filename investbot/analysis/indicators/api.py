"""What an indicator is: declared once, read bar by bar (live) or over columns (research), to the same last bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from investbot.analysis.analyser import Array, Bars, Finder, Finding, Stream
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar, Millis

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
