"""Price levels worked out of the session before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from investbot.analysis.analyser import NAN, Array, Bars, Stream
from investbot.analysis.indicators.api import Lines
from investbot.analysis.indicators.sessions import SESSIONS, checked_session, numbers, offset_of
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar, Millis

KINDS = ("classic", "fibonacci")


@dataclass(frozen=True, slots=True)
class Pivots:
    """Pivot points of the session before, in quote per base: `pivot`, three resistances above it, three supports below.

    pivot = (high + low + close) / 3. Classic: r1, s1 = 2 pivot - low, 2 pivot - high; r2, s2 = pivot +- range; r3, s3 =
    high + 2 (pivot - low), low - 2 (high - pivot). Fibonacci: pivot +- 0.382, 0.618 and 1 of the range. The session is
    a UTC day or a week from Monday, from `starts_at_hour` UTC on, as far as the series knows it; NaN until one has
    ended. Source: J. L. Person, A Complete Guide to Technical Trading Tactics (2004).
    """

    lines: ClassVar[tuple[str, ...]] = ("pivot", "r1", "s1", "r2", "s2", "r3", "s3")

    session: str = "day"
    starts_at_hour: int = 0
    kind: str = "classic"

    def __post_init__(self) -> None:
        """Refuse a session, hour or kind that cannot be; ConfigError."""
        checked_session(self.session, self.starts_at_hour)
        if self.kind not in KINDS:
            raise ConfigError(f"Pivot points are {' or '.join(KINDS)}, not {self.kind!r}.")

    @property
    def lookback(self) -> int:
        """Bars that come before the first values: at least the one of a session before."""
        return 1

    def levels(self, high: Array, low: Array, close: Array) -> Lines:
        """Work the levels out of ended sessions, each of shape (n,), in quote per base."""
        pivot, reach = (high + low + close) / 3.0, high - low
        if self.kind == "fibonacci":
            near, far = 0.382 * reach, 0.618 * reach
            return pivot, pivot + near, pivot - near, pivot + far, pivot - far, pivot + reach, pivot - reach
        return (
            pivot,
            2.0 * pivot - low,
            2.0 * pivot - high,
            pivot + reach,
            pivot - reach,
            high + 2.0 * (pivot - low),
            low - 2.0 * (high - pivot),
        )

    def stream(self) -> Stream[tuple[float, ...]]:
        """Begin a stream at the next bar."""
        return _PivotStream(self)

    def over(self, bars: Bars) -> Lines:
        """Give one column a line, each of shape (n,), NaN until a session has ended."""
        if not bars.size:
            return (np.empty(0, dtype=np.float64),) * len(self.lines)
        sessions = numbers(bars.closed_at, self.session, self.starts_at_hour)
        starts = np.flatnonzero(np.diff(sessions, prepend=sessions[0] - 1))
        ended = self.levels(
            np.maximum.reduceat(bars.high, starts),
            np.minimum.reduceat(bars.low, starts),
            bars.close[np.append(starts[1:], bars.size) - 1],
        )
        lengths = np.diff(np.append(starts, bars.size))
        return tuple(np.repeat(np.concatenate(([NAN], level[:-1])), lengths) for level in ended)


class _PivotStream:
    """The extremes of the session that runs, and the levels of the one that ended."""

    __slots__ = ("_close", "_high", "_length", "_levels", "_low", "_offset", "_session", "_spec")

    def __init__(self, spec: Pivots) -> None:
        self._spec = spec
        self._length = SESSIONS[spec.session]
        self._offset = offset_of(spec.session, spec.starts_at_hour)
        self._session: int | None = None
        self._high = self._low = self._close = NAN
        self._levels: tuple[float, ...] = (NAN,) * len(spec.lines)

    def update(self, bar: Bar, closed_at: Millis) -> tuple[float, ...]:
        """Take one closed bar and give the levels that hold at its close."""
        session = (closed_at - self._offset) // self._length
        if session != self._session:
            if self._session is not None:
                ended = (np.array([self._high]), np.array([self._low]), np.array([self._close]))
                self._levels = tuple(level.item() for level in self._spec.levels(*ended))
            self._session, self._high, self._low = session, bar.high, bar.low
        else:
            self._high = max(self._high, bar.high)
            self._low = min(self._low, bar.low)
        self._close = bar.close
        return self._levels
