"""Liquidity: where stops rest above highs and below lows, and how it is taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from investbot.analysis.analyser import Bars
from investbot.analysis.findings import Side
from investbot.analysis.indicators import Atr
from investbot.analysis.structure.levels import PreviousExtremes
from investbot.analysis.structure.sessions import Sessions, SessionSummary
from investbot.analysis.structure.swings import Swing, Swings, by_bar
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
        tide = _Tide(self.memory)
        highs, lows = tide.highs, tide.lows
        swings = by_bar(Swings(self.width).over(bars), self.width)
        levels = tuple(zip(*(line.tolist() for line in PreviousExtremes().over(bars)), strict=True))
        ended: dict[Millis, list[SessionSummary]] = {}
        for summary in Sessions(STEP).over(bars):
            ended.setdefault(summary.known_at, []).append(summary)
        within = (self.tolerance * Atr(14).over(bars)).tolist()
        for number, (bar, closed_at) in enumerate(bars.each()):
            if bar.high > highs.nearest or -bar.low > lows.nearest:
                tide.take(bar, within[number], closed_at)
            if number in swings:
                tide.join(swings[number], within[number], closed_at)
            if closed_at in ended:
                tide.sessions(ended[closed_at], bar, closed_at)
            if levels[number] is not tide.levels and levels[number] != tide.levels:
                tide.extremes(levels[number], bar, closed_at)
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
        within, tide = self._tolerance * self._atr(bar, closed_at), self._tide
        if bar.high > tide.highs.nearest or -bar.low > tide.lows.nearest:
            tide.take(bar, within, closed_at)
        swings = self._swings(bar, closed_at)
        if swings:
            tide.join(swings, within, closed_at)
        ended = self._sessions(bar, closed_at)
        if ended:
            tide.sessions(ended, bar, closed_at)
        levels = self._days(bar, closed_at)
        if levels != tide.levels:
            tide.extremes(levels, bar, closed_at)
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

    def take(self, bar: Bar, within: float, closed_at: Millis) -> None:
        """End what the bar went beyond."""
        if bar.high > self.highs.nearest:
            self.highs.take(bar.high, bar.close, within, closed_at, self.found)
        if -bar.low > self.lows.nearest:
            self.lows.take(bar.low, bar.close, within, closed_at, self.found)

    def join(self, swings: Iterable[Swing], within: float, closed_at: Millis) -> None:
        """Add new swings."""
        for swing in swings:
            (self.highs if swing.side is Side.HIGH else self.lows).swing(swing, within, closed_at, self.found)

    def sessions(self, ended: Iterable[SessionSummary], bar: Bar, closed_at: Millis) -> None:
        """Add the extremes of sessions; the bar that tells of an end may lie after it, and beyond them."""
        for each in ended:
            self.highs.add(str(each.session), each.high, each.ends_at, closed_at, bar.high, self.found)
            self.lows.add(str(each.session), each.low, each.ends_at, closed_at, bar.low, self.found)

    def extremes(self, levels: tuple[float, ...], bar: Bar, closed_at: Millis) -> None:
        """Add the extremes of a day or week that ended just before this bar."""
        for place, source in ((0, "day"), (2, "week")):
            if levels[place : place + 2] != self.levels[place : place + 2]:
                self.highs.add(source, levels[place], closed_at, closed_at, bar.high, self.found)
                self.lows.add(source, levels[place + 1], closed_at, closed_at, bar.low, self.found)
        self.levels = levels


class _Side:
    """The pools over the market, or under it with prices turned round."""

    __slots__ = ("_loose", "_memory", "_pools", "_side", "nearest")

    def __init__(self, side: Side, memory: int) -> None:
        self._side = side
        self._memory = memory
        self._pools: list[Pool] = []
        self._loose: list[Swing] = []
        """Swings that no bar has passed since they happened, but for the tolerance, and that are in no pool."""
        self.nearest = float("inf")
        """The nearest level of any pool or loose swing, times the side."""

    def take(self, extreme: float, close: float, within: float, closed_at: Millis, found: list[Pool]) -> None:
        """End the pools that the bar went beyond, and forget the swings it passed by more than `within`."""
        side = self._side
        self._loose = [swing for swing in self._loose if (extreme - swing.price) * side <= within]
        kept = []
        for pool in self._pools:
            if (extreme - pool.level) * side > 0.0:
                state = State.TAKEN if (close - pool.level) * side > 0.0 else State.SWEPT
                found.append(
                    Pool(side, pool.source, pool.level, pool.touches, state, extreme, pool.at, closed_at),
                )
            else:
                kept.append(pool)
        self._pools = kept
        self._find_nearest()

    def swing(self, swing: Swing, within: float, closed_at: Millis, found: list[Pool]) -> None:
        """Join a new swing with what lies within `within` of it, or remember it."""
        side = self._side
        for place, pool in enumerate(self._pools):
            if pool.source == "equal" and abs(pool.level - swing.price) <= within:
                level = max(pool.level * side, swing.price * side) * side
                joined = Pool(side, "equal", level, pool.touches + 1, State.RESTING, float("nan"), swing.at, closed_at)
                self._pools[place] = joined
                found.append(joined)
                self._find_nearest()
                return
        for place, other in enumerate(self._loose):
            if abs(other.price - swing.price) <= within:
                del self._loose[place]
                level = max(other.price * side, swing.price * side) * side
                self._keep(Pool(side, "equal", level, 2, State.RESTING, float("nan"), swing.at, closed_at), found)
                return
        self._loose.append(swing)
        del self._loose[: -self._memory]
        self._find_nearest()

    def add(self, source: str, level: float, at: Millis, closed_at: Millis, reached: float, found: list[Pool]) -> None:
        """Add a pool that a period left, unless the last bar went beyond it or one is there already."""
        if level != level or (reached - level) * self._side > 0.0:  # noqa: PLR0124 - NaN is not itself
            return
        if any(pool.level == level for pool in self._pools):
            return
        self._keep(Pool(self._side, source, level, 1, State.RESTING, float("nan"), at, closed_at), found)

    def _keep(self, pool: Pool, found: list[Pool]) -> None:
        self._pools.append(pool)
        found.append(pool)
        if len(self._pools) > MOST:
            self._pools.remove(max(self._pools, key=lambda each: each.level * self._side))
        self._find_nearest()

    def _find_nearest(self) -> None:
        side = self._side
        levels = [pool.level * side for pool in self._pools] + [swing.price * side for swing in self._loose]
        self.nearest = min(levels, default=float("inf"))
