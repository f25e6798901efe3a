"""Where volume was traded: by price instead of by time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from investbot.analysis.analyser import NAN, Bars, Stream
from investbot.analysis.indicators.api import Lines
from investbot.analysis.indicators.sessions import SESSIONS, checked_session, numbers, offset_of
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar, Millis

VALUE_AREA = 0.7
"""The part of a session's volume that its value area holds."""

_Levels = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class VolumeProfile:
    """Prices of most volume, in quote per base: `poc` of the session so far; `prior_poc`, `prior_high`, `prior_low` of
    the one before.

    The volume of a bar is counted at its typical price (high + low + close) / 3, in bins of `step` (a fraction) of the
    typical price of the session's first bar with volume: bin k reaches from first * (1 + k step) to first * (1 + (k +
    1) step). The point of control is the middle of the bin with most volume, the earliest to reach it among equals. The
    value area grows from that bin to whichever next bin with volume holds more, the upper among equals, until it holds
    0.7 of the volume; `prior_high` and `prior_low` are its edges. A session is a UTC day or a week from Monday, from
    `starts_at_hour` UTC on. NaN where there was no volume. Source: J. P. Steidlmayer, Markets and Market Logic (1986).
    """  # noqa: D205 - four names belong in the first sentence

    lines: ClassVar[tuple[str, ...]] = ("poc", "prior_poc", "prior_high", "prior_low")

    session: str = "day"
    starts_at_hour: int = 0
    step: float = 0.001

    def __post_init__(self) -> None:
        """Refuse a session, hour or step that cannot be; ConfigError."""
        checked_session(self.session, self.starts_at_hour)
        if not 1e-6 <= self.step <= 0.1:
            raise ConfigError(f"A volume profile needs a step from 0.000001 to 0.1 of the price, not {self.step}.")

    @property
    def lookback(self) -> int:
        """Bars that come before the first values: at least the one of a session before."""
        return 1

    def stream(self) -> Stream[tuple[float, ...]]:
        """Begin a stream at the next bar."""
        return _ProfileStream(self)

    def over(self, bars: Bars) -> Lines:
        """Give one column a line, each of shape (n,), NaN where there was no volume."""
        sessions = numbers(bars.closed_at, self.session, self.starts_at_hour).tolist()
        typical = ((bars.high + bars.low + bars.close) / 3.0).tolist()
        profile, current, starts = _Profile(self.step), None, list[int]()
        pocs, prior = list[float](), [(NAN, NAN, NAN)]
        for session, price, volume in zip(sessions, typical, bars.volume.tolist(), strict=True):
            if session != current:
                starts.append(len(pocs))
                prior.append(profile.levels())
                profile, current = _Profile(self.step), session
            if volume > 0.0:
                profile.add(price, volume)
            pocs.append(profile.poc)
        lengths = [after - before for before, after in pairwise([0, *starts, bars.size])]
        levels = (np.repeat(np.array(line, dtype=np.float64), lengths) for line in zip(*prior, strict=True))
        return (np.array(pocs, dtype=np.float64), *levels)


class _Profile:
    """One session's volume by price."""

    __slots__ = ("_best", "_bins", "_first", "_most", "_step", "poc")

    def __init__(self, step: float) -> None:
        self._step = step
        self._first = NAN
        self._bins: dict[int, float] = {}
        self._best = 0
        self._most = 0.0
        self.poc = NAN

    def add(self, price: float, volume: float) -> None:
        """Count `volume` (base, above zero) at `price` (quote per base)."""
        if not self._bins:
            self._first = price
        number = math.floor((price / self._first - 1.0) / self._step)
        held = self._bins.get(number, 0.0) + volume
        self._bins[number] = held
        if held > self._most:
            self._most = held
            self._best = number
            self.poc = self._first * (1.0 + (number + 0.5) * self._step)

    def levels(self) -> _Levels:
        """Give the point of control and the value area's upper and lower edge."""
        if not self._bins:
            return NAN, NAN, NAN
        taken = sorted(self._bins)
        low = high = taken.index(self._best)
        held, wanted = self._most, VALUE_AREA * sum(self._bins.values())
        while held < wanted and (low > 0 or high < len(taken) - 1):
            above = self._bins[taken[high + 1]] if high < len(taken) - 1 else -1.0
            below = self._bins[taken[low - 1]] if low > 0 else -1.0
            if above >= below:
                high += 1
                held += above
            else:
                low -= 1
                held += below
        upper, lower = taken[high] + 1, taken[low]
        return self.poc, self._first * (1.0 + upper * self._step), self._first * (1.0 + lower * self._step)


class _ProfileStream:
    """The profile of the session that runs, and the levels of the one that ended."""

    __slots__ = ("_length", "_offset", "_prior", "_profile", "_session", "_step")

    def __init__(self, spec: VolumeProfile) -> None:
        self._step = spec.step
        self._length = SESSIONS[spec.session]
        self._offset = offset_of(spec.session, spec.starts_at_hour)
        self._session: int | None = None
        self._profile = _Profile(spec.step)
        self._prior: _Levels = (NAN, NAN, NAN)

    def update(self, bar: Bar, closed_at: Millis) -> tuple[float, ...]:
        """Take one closed bar and give all four lines."""
        session = (closed_at - self._offset) // self._length
        if session != self._session:
            self._prior, self._profile, self._session = self._profile.levels(), _Profile(self._step), session
        if bar.volume > 0.0:
            self._profile.add((bar.high + bar.low + bar.close) / 3.0, bar.volume)
        return (self._profile.poc, *self._prior)
