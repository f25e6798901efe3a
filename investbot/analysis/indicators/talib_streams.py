"""TA-Lib's two faces brought into the house's shape: columns, and handles that open once enough bars were seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from investbot.analysis.analyser import NAN, Array, Bars, columns
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar, Millis

LONGEST = 100_000
"""The longest period TA-Lib takes, in bars."""

_FIELDS = {"h": "high", "l": "low", "c": "close", "v": "volume"}

# How an open handle is fed, by the columns it reads.
_FEEDS: dict[str, Callable[[Callable[..., Any]], Callable[[Bar, Millis], Any]]] = {
    "c": lambda step: lambda bar, _closed_at: step(bar.close),
    "hl": lambda step: lambda bar, _closed_at: step(bar.high, bar.low),
    "hlc": lambda step: lambda bar, _closed_at: step(bar.high, bar.low, bar.close),
    "cv": lambda step: lambda bar, _closed_at: step(bar.close, bar.volume),
    "v": lambda step: lambda bar, _closed_at: step(bar.volume),
    "hlcv": lambda step: lambda bar, _closed_at: step(bar.high, bar.low, bar.close, bar.volume),
}


class TalibStream:
    """A `talib.stream` handle that is opened as soon as enough bars were seen; `width` numbers a bar.

    `reads` names the columns it takes, in order: h, l, c, v. `step` is the open handle's own update on those: a host
    that carries many streams calls it directly. `update` does the same for one bar, warm or not. A handle of one line
    gives a float, of several a tuple.
    """

    __slots__ = ("_opening", "_seen", "_settings", "_unknown", "_wanted", "reads", "step", "update")

    def __init__(
        self, lookback: int, reads: str, opening: Callable[..., Any], *, width: int = 1, **settings: float
    ) -> None:
        """Keep `lookback`, the bars before the first value, and the way to open a handle."""
        self._wanted = lookback + 1
        self._opening = opening
        self._settings = settings
        self._unknown: Any = NAN if width == 1 else (NAN,) * width
        self._seen: list[Bar] = []
        self.reads = reads
        self.step: Callable[..., Any] | None = None
        self.update: Callable[[Bar, Millis], Any] = self._warm

    def _warm(self, bar: Bar, closed_at: Millis) -> Any:
        """Keep a bar; open the handle once there are enough. Whoever kept this method is passed on to the handle."""
        if self.step is not None:
            return self.update(bar, closed_at)
        self._seen.append(bar)
        if len(self._seen) < self._wanted:
            return self._unknown
        handle = self._opening(*_inputs(columns(self._seen), self.reads), **self._settings)
        self._seen = []
        self.step = handle.update
        self.update = _FEEDS[self.reads](handle.update)
        return handle.value


def _inputs(bars: Bars, reads: str) -> tuple[Array, ...]:
    return tuple(getattr(bars, _FIELDS[letter]) for letter in reads)


def column(function: Callable[..., Any], bars: Bars, reads: str, **settings: float) -> Array:
    """Run a TA-Lib function of one line over columns of shape (n,)."""
    return cast("Array", function(*_inputs(bars, reads), **settings)) if bars.size else _nothing()


def several(
    function: Callable[..., Any], bars: Bars, reads: str, *, width: int, **settings: float
) -> tuple[Array, ...]:
    """Run a TA-Lib function of `width` lines over columns of shape (n,)."""
    if not bars.size:
        return (_nothing(),) * width
    return tuple(np.asarray(values, dtype=np.float64) for values in function(*_inputs(bars, reads), **settings))


def _nothing() -> Array:
    return np.empty(0, dtype=np.float64)


def checked_period(name: str, period: int, least: int) -> int:
    """Give back `period` (bars) when TA-Lib can count it; ConfigError otherwise."""
    if not least <= period <= LONGEST:
        message = f"{name} needs a period of {least} to {LONGEST} bars, not {period}."
        raise ConfigError(message)
    return period


def checked_width(name: str, width: float) -> float:
    """Give back `width` (a multiple above zero, at most 100); ConfigError otherwise."""
    if not 0.0 < width <= 100.0:
        message = f"{name} needs a width above 0 and at most 100, not {width}."
        raise ConfigError(message)
    return width
