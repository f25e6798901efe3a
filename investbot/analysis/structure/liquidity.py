"""Liquidity: where stops rest above highs and below lows, and how it is taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter

import numpy as np

from investbot.analysis.analyser import Bars
from investbot.analysis.findings import Side
from investbot.analysis.indicators import Atr
from investbot.analysis.structure.levels import PreviousExtremes
from investbot.analysis.structure.sessions import Sessions, SessionSummary
from investbot.analysis.structure.swings import Swing, Swings, confirmed
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar, Millis

STEP = 0.001
"""Bin of the session summaries, a fraction; their profiles are not read here."""
MOST = 24
"""Pools that are watched on each side; the one furthest from the market is forgotten beyond it."""


class State(StrEnum):
    """RESTING; SWEPT: a wick went beyond it and the bar closed back inside; TAKEN: a bar closed beyond it."""

    RESTING = "resting"
    SWEPT = "swept"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class Pool:
    """Orders that rest beyond `level` (quote per base), over highs or under lows; told anew when its state changes.

    `source` says what made it: `equal` swings, `Asia`, `London`, `New York`, `day` or `week` (the previous one's
    extreme). `touches` counts the swings of an equal pool, else 1. `extreme` is how far the bar that took it went,
    NaN while it rests. `at` is the close of the bar of its latest touch, or the end of its session.
    """

    side: Side
    source: str
    level: float
    touches: int
    state: State
    extreme: float
    at: Millis
    known_at: Millis


@dataclass(frozen=True, slots=True)
class Liquidity:
    """Equal highs and lows, session extremes, and those of the previous day and week, with their sweeps.

    Swings are equal when they lie within `tolerance` ATR(14) of an earlier one (of the `memory` last swings) that no
    bar has passed by more than that since; the pool's level is the outermost of them. A pool ends when a bar goes
    beyond it: SWEPT when it closes back inside, TAKEN when it closes beyond. Sessions as in `sessions.py`; days and
    weeks in UTC. Pools of the same side and level are told once, the first source counts. Source: the inner circle
    trader's liquidity; tolerance and memory are ours.
    """

    width: int = 3
    tolerance: float = 0.1
    memory: int = 10

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be; ConfigError."""
        Swings(self.width)
        if not 0.0 <= self.tolerance <= 2.0:
            raise ConfigError(f"Liquidity needs a tolerance from 0 to 2 ATR, not {self.tolerance}.")
        if not 1 <= self.memory <= 50:
            raise ConfigError(f"Liquidity needs a memory from 1 to 50 swings, not {self.memory}.")

    def stream(self) -> LiquidityStream:
        """Begin at the next bar."""
        return LiquidityStream(self.width, self.tolerance, self.memory)

    def over(self, bars: Bars) -> tuple[Pool, ...]:
        """Give all pools and their ends, as they became known."""
        tide, swings, levels = _Tide(self.memory), confirmed(bars, self.width), PreviousExtremes().over(bars)
        ended: dict[Millis, list[SessionSummary]] = {}
        for summary in Sessions(STEP).over(bars):
            ended.setdefault(summary.known_at, []).append(summary)
        news = 2 * np.isin(bars.closed_at, list(ended))
        news[list(swings)] += 1
        news[1:] += 4 * np.any([(line[1:] != line[:-1]) & ~np.isnan(line[1:]) for line in levels], axis=0)
        within, ats = (self.tolerance * Atr(14).over(bars)).tolist(), bars.closed_at.tolist()
        highs, lows, closes = bars.high.tolist(), bars.low.tolist(), bars.close.tolist()
        above, below = tide.highs, tide.lows
        for number, (high, low, parts) in enumerate(zip(highs, lows, news.tolist(), strict=True)):
            if high > above.nearest or -low > below.nearest:
                tide.take(high, low, closes[number], within[number], ats[number])
            if parts & 1:
                tide.join(swings[number], within[number], ats[number])
            if parts & 2:
                tide.sessions(ended[ats[number]], high, low, ats[number])
            if parts & 4:
                tide.extremes(tuple([line.item(number) for line in levels]), high, low, ats[number])
        return tuple(tide.found)


class LiquidityStream:
    """Pools as they form and are taken."""

    __slots__ = ("_atr", "_days", "_sessions", "_swings", "_tide", "_tolerance")

    def __init__(self, width: int, tolerance: float, memory: int) -> None:
        """Begin before the first bar."""
        self._tolerance = tolerance
        self._swings = Swings(width).stream().update
        self._atr = Atr(14).stream().update
        self._sessions = Sessions(STEP).stream().update
        self._days = PreviousExtremes().stream().update
        self._tide = _Tide(memory)

    def update(self, bar: Bar, closed_at: Millis) -> tuple[Pool, ...]:
        """Take one closed bar; tell the pools it takes, then those it makes known."""
        _, high, low, close, _ = bar
        within, tide = self._tolerance * self._atr(bar, closed_at), self._tide
        if high > tide.highs.nearest or -low > tide.lows.nearest:
            tide.take(high, low, close, within, closed_at)
        swings = self._swings(bar, closed_at)
        if swings:
            tide.join(swings, within, closed_at)
        ended = self._sessions(bar, closed_at)
        if ended:
            tide.sessions(ended, high, low, closed_at)
        levels = self._days(bar, closed_at)
        if levels != tide.levels:
            tide.extremes(levels, high, low, closed_at)
        if not tide.found:
            return ()
        found = tuple(tide.found)
        tide.found.clear()
        return found


class _Tide:
    """Both sides, and what was found out and not told yet."""

    __slots__ = ("found", "highs", "levels", "lows")

    def __init__(self, memory: int) -> None:
        self.highs = _Side(Side.HIGH, memory)
        self.lows = _Side(Side.LOW, memory)
        self.levels: tuple[float, ...] = (float("nan"),) * 4
        self.found: list[Pool] = []

    def take(self, high: float, low: float, close: float, within: float, closed_at: Millis) -> None:
        """End what the bar went beyond."""
        if high > self.highs.nearest:
            self.highs.take(high, close, within, closed_at, self.found)
        if -low > self.lows.nearest:
            self.lows.take(-low, -close, within, closed_at, self.found)

    def join(self, swings: Iterable[Swing], within: float, closed_at: Millis) -> None:
        """Add new swings."""
        for swing in swings:
            (self.highs if swing.side is Side.HIGH else self.lows).swing(swing, within, closed_at, self.found)

    def sessions(self, ended: Iterable[SessionSummary], high: float, low: float, closed_at: Millis) -> None:
        """Add the extremes of sessions; the bar that tells of an end may lie after it, and beyond them."""
        for each in ended:
            self.highs.add(str(each.session), each.high, each.ends_at, closed_at, high, self.found)
            self.lows.add(str(each.session), each.low, each.ends_at, closed_at, low, self.found)

    def extremes(self, levels: tuple[float, ...], high: float, low: float, closed_at: Millis) -> None:
        """Add the extremes of a day or week that ended just before this bar."""
        for place, source in ((0, "day"), (2, "week")):
            if levels[place : place + 2] != self.levels[place : place + 2]:
                self.highs.add(source, levels[place], closed_at, closed_at, high, self.found)
                self.lows.add(source, levels[place + 1], closed_at, closed_at, low, self.found)
        self.levels = levels


class _Rest:
    """A pool that rests: its level (turned round under the market), what made it, its touches, the latest of them."""

    __slots__ = ("at", "level", "source", "touches")

    def __init__(self, level: float, source: str, touches: int, at: Millis) -> None:
        self.level = level
        self.source = source
        self.touches = touches
        self.at = at


class _Side:
    """The pools over the market, or those under it; inside, all prices under it are turned round."""

    __slots__ = ("_equal", "_loose", "_memory", "_nearest_pool", "_pools", "_side", "nearest")

    def __init__(self, side: Side, memory: int) -> None:
        self._side = side
        self._memory = memory
        self._pools: list[_Rest] = []
        self._equal: list[_Rest] = []
        """Those of them that equal swings made, in the same order."""
        self._loose: list[float] = []
        """Prices of swings in no pool that no bar has passed since they happened, but for the tolerance."""
        self.nearest = self._nearest_pool = float("inf")
        """The nearest level of any pool or loose swing, turned round under the market."""

    def take(self, reached: float, close: float, within: float, closed_at: Millis, found: list[Pool]) -> None:
        """End the pools that the bar went beyond, and forget the swings it passed by more than `within`."""
        self._loose = [price for price in self._loose if reached - price <= within]
        if reached > self._nearest_pool:
            for pool in self._pools:
                if reached > pool.level:
                    state = State.TAKEN if close > pool.level else State.SWEPT
                    found.append(self._told(pool, state, reached * self._side, closed_at))
            self._equal = [pool for pool in self._equal if reached <= pool.level]
            self._hold([pool for pool in self._pools if reached <= pool.level])
        else:
            self._find_nearest()

    def swing(self, swing: Swing, within: float, closed_at: Millis, found: list[Pool]) -> None:
        """Join a new swing with what lies within `within` of it, or remember it."""
        price = swing.price * self._side
        for pool in self._equal:
            if abs(pool.level - price) <= within:
                pool.level, pool.touches, pool.at = max(pool.level, price), pool.touches + 1, swing.at
                found.append(self._told(pool, State.RESTING, float("nan"), closed_at))
                self._hold(self._pools)
                return
        for place, other in enumerate(self._loose):
            if abs(other - price) <= within:
                del self._loose[place]
                pool = _Rest(max(other, price), _EQUAL, 2, swing.at)
                self._equal.append(pool)
                self._keep(pool, closed_at, found)
                return
        self._loose.append(price)
        if len(self._loose) > self._memory:
            del self._loose[0]
            self._find_nearest()
        elif price < self.nearest:
            self.nearest = price

    def add(self, source: str, level: float, at: Millis, closed_at: Millis, reached: float, found: list[Pool]) -> None:
        """Add a pool that a period left, unless the last bar went beyond it or one is there already."""
        price = level * self._side
        if price != price or reached * self._side > price:  # noqa: PLR0124 - NaN is not itself
            return
        if all(pool.level != price for pool in self._pools):
            self._keep(_Rest(price, source, 1, at), closed_at, found)

    def _keep(self, pool: _Rest, closed_at: Millis, found: list[Pool]) -> None:
        self._pools.append(pool)
        found.append(self._told(pool, State.RESTING, float("nan"), closed_at))
        if len(self._pools) > MOST:
            furthest = max(self._pools, key=_level)
            self._pools.remove(furthest)
            self._equal = [each for each in self._equal if each is not furthest]
        self._hold(self._pools)

    def _told(self, pool: _Rest, state: State, extreme: float, closed_at: Millis) -> Pool:
        level = pool.level * self._side
        return Pool(self._side, pool.source, level, pool.touches, state, extreme, pool.at, closed_at)

    def _hold(self, pools: list[_Rest]) -> None:
        self._pools = pools
        self._nearest_pool = min([pool.level for pool in pools], default=float("inf"))
        self._find_nearest()

    def _find_nearest(self) -> None:
        nearest = min(self._loose, default=self._nearest_pool)
        self.nearest = min(nearest, self._nearest_pool)


_EQUAL = "equal"
_level = attrgetter("level")
