"""The sessions of Asia, London and New York: their extremes, and what money did in them."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from investbot.analysis.analyser import Array, Bars
from investbot.analysis.structure.zones import Offset, london, new_york, tokyo
from investbot.domain.errors import ConfigError
from investbot.domain.market import DAY, HOUR, Bar, Millis


class Session(StrEnum):
    """Trading hours by the local clock, every day of the week: Tokyo 09-18, London 08-17, New York 08-17."""

    ASIA = "Asia"
    LONDON = "London"
    NEW_YORK = "New York"


_HOURS: dict[Session, tuple[Offset, int, int]] = {
    Session.ASIA: (tokyo, 9, 18),
    Session.LONDON: (london, 8, 17),
    Session.NEW_YORK: (new_york, 8, 17),
}


def open_sessions(at: Millis) -> tuple[Session, ...]:
    """Tell which sessions a moment (milliseconds UTC) lies in."""
    found = []
    for session, (offset, begins, ends) in _HOURS.items():
        local = (at + offset(at)) % DAY
        if begins * HOUR <= local < ends * HOUR:
            found.append(session)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A session that has ended, from the bars whose last millisecond lay in it.

    Prices in quote per base; `volume` in base; `signed_volume` in base: the sum of each bar's volume times its close
    location (1 at its high, -1 at its low), money that flowed in (above zero) or out. `profile` holds (middle price,
    volume) of the bins with volume, one `step` (fraction) of the session's first typical price wide and counted from
    it; `poc` is the price of most volume, NaN without any.
    """

    session: Session
    starts_at: Millis
    ends_at: Millis
    open: float
    high: float
    low: float
    close: float
    volume: float
    signed_volume: float
    bars: int
    poc: float
    profile: tuple[tuple[float, float], ...]
    known_at: Millis

    @property
    def change(self) -> float:
        """Return from open to close, a fraction."""
        return self.close / self.open - 1.0 if self.open else 0.0

    @property
    def width(self) -> float:
        """High minus low as a fraction of the open."""
        return (self.high - self.low) / self.open if self.open else 0.0


@dataclass(frozen=True, slots=True)
class Sessions:
    """Summaries of the sessions of Asia, London and New York, by local hours with their summer time.

    Known at the close of the first bar that closes at or after the session's end. Bars longer than four hours hardly
    fit in a session: use shorter ones. Source of the close location: M. Chaikin's accumulation line.
    """

    step: float = 0.001

    def __post_init__(self) -> None:
        """Refuse a bin that cannot be; ConfigError."""
        if not 1e-5 <= self.step <= 0.1:
            raise ConfigError(f"Sessions need a step from 0.00001 to 0.1 of the price, not {self.step}.")

    def stream(self) -> SessionStream:
        """Begin at the next bar."""
        return SessionStream(self.step)

    def over(self, bars: Bars) -> tuple[SessionSummary, ...]:
        """Give all sessions, as they ended."""
        return bars.once(self, lambda: self._ended(bars))

    def _ended(self, bars: Bars) -> tuple[SessionSummary, ...]:
        ats, rows = bars.closed_at.tolist(), _rows(*bars[:5])
        found: list[tuple[int, SessionSummary]] = []
        for session in Session:
            clock, first = _Clock(session), 0
            while first < bars.size:
                clock.turn(ats[first])
                first = bisect_right(ats, clock.starts_at, lo=first)
                after = bisect_right(ats, clock.ends_at, lo=first)
                teller = after - 1 if after and ats[after - 1] == clock.ends_at else after
                if teller < bars.size and after > first:
                    own = _Rows(*(column[first:after] for column in rows))
                    found.append((teller, _summary(clock, own, ats[teller], self.step)))
                first = after
        return tuple(summary for _, summary in sorted(found, key=itemgetter(0)))


class SessionStream:
    """Sessions as they end; holds the bars of those that go on."""

    __slots__ = ("_clocks", "_step")

    def __init__(self, step: float) -> None:
        """Begin before the first bar."""
        self._clocks = [(_Clock(session), array("d")) for session in Session]
        self._step = step

    def update(self, bar: Bar, closed_at: Millis) -> tuple[SessionSummary, ...]:
        """Take one closed bar; tell the sessions that are over by its close."""
        found: tuple[SessionSummary, ...] = ()
        for clock, held in self._clocks:
            if closed_at > clock.ends_at:
                if held:
                    found += (self._ended(clock, held, closed_at),)
                clock.turn(closed_at)
            if closed_at > clock.starts_at:
                held.extend(bar)
                if closed_at == clock.ends_at:
                    found += (self._ended(clock, held, closed_at),)
        return found

    def _ended(self, clock: _Clock, held: array[float], known_at: Millis) -> SessionSummary:
        table = np.array(held).reshape(-1, 5)
        del held[:]
        rows = _rows(*(np.ascontiguousarray(table[:, index]) for index in range(5)))
        return _summary(clock, rows, known_at, self._step)


class _Clock:
    """One session after another of one place."""

    __slots__ = ("_end", "_offset", "_start", "ends_at", "session", "starts_at")

    def __init__(self, session: Session) -> None:
        self.session = session
        self._offset, self._start, self._end = _HOURS[session]
        self.starts_at: Millis = 0
        self.ends_at: Millis = 0

    def turn(self, closed_at: Millis) -> None:
        """Find the session that a bar's last millisecond lies in, or else the next one."""
        moment = closed_at - 1
        local = moment + self._offset(moment)
        day = local - local % DAY
        if local % DAY >= self._end * HOUR:
            day += DAY
        self.starts_at = self._utc(day + self._start * HOUR)
        self.ends_at = self._utc(day + self._end * HOUR)

    def _utc(self, local: Millis) -> Millis:
        """Turn local time into UTC; clocks change at night, hours before any session."""
        return local - self._offset(local - self._offset(local))


class _Rows(NamedTuple):
    """Bars as a session sums them up, columns of shape (n,); `flow` is volume times the location of the close."""

    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array
    flow: Array
    typical: Array


def _rows(opened: Array, high: Array, low: Array, close: Array, volume: Array) -> _Rows:
    spread = high - low
    location = np.divide(2.0 * close - high - low, spread, out=np.zeros_like(spread), where=spread > 0.0)
    return _Rows(opened, high, low, close, volume, volume * location, (high + low + close) / 3.0)


def _summary(clock: _Clock, rows: _Rows, known_at: Millis, step: float) -> SessionSummary:
    """Sum up the bars of a session, at least one."""
    profile = _profile(rows.typical.tolist(), rows.volume.tolist(), step)
    return SessionSummary(
        session=clock.session,
        starts_at=clock.starts_at,
        ends_at=clock.ends_at,
        open=float(rows.open[0]),
        high=float(rows.high.max()),
        low=float(rows.low.min()),
        close=float(rows.close[-1]),
        volume=float(rows.volume.sum()),
        signed_volume=float(rows.flow.sum()),
        bars=len(rows.open),
        poc=max(profile, key=itemgetter(1))[0] if profile else float("nan"),
        profile=profile,
        known_at=known_at,
    )


def _profile(typical: Sequence[float], volume: Sequence[float], step: float) -> tuple[tuple[float, float], ...]:
    """Give (middle price, volume) of every bin with volume, by price; the first price stands at the edge of its bin."""
    held: dict[int, float] = {}
    first = 0.0
    for price, amount in zip(typical, volume, strict=True):
        if amount > 0.0 and price > 0.0:
            first = first or price
            place = math.floor((price / first - 1.0) / step)
            held[place] = held.get(place, 0.0) + amount
    return tuple([(first * (1.0 + (place + 0.5) * step), held[place]) for place in sorted(held)])
