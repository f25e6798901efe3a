"""Order blocks: the last bar against a move that broke the structure, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from investbot.analysis.analyser import Bars
from investbot.analysis.findings import Side
from investbot.analysis.structure.breaks import BreakStream, breaches
from investbot.analysis.structure.swings import Swings
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar, Millis

MOST_OPEN = 10
"""Blocks that are watched on each side; the oldest is forgotten beyond it."""


class Mitigation(StrEnum):
    """FRESH until price comes back to it, MITIGATED since, BROKEN once a close lies beyond its far end."""

    FRESH = "fresh"
    MITIGATED = "mitigated"
    BROKEN = "broken"


class Block(NamedTuple):
    """A zone from `bottom` to `top` (quote per base) of the bar that closed `at`; told anew when its state changes.

    HIGH: the last falling bar before a rise (demand below the market). LOW: the last rising bar before a fall (supply).
    """

    side: Side
    bottom: float
    top: float
    state: Mitigation
    at: Millis
    known_at: Millis


@dataclass(frozen=True, slots=True)
class OrderBlocks:
    """The last bar of the other colour, at most `reach` bars before a close that breaks structure, from low to high.

    Known at the break. MITIGATED by the first later bar that trades into it, BROKEN by a close beyond its far end,
    after which it is forgotten. One bar makes at most one block. Source: the inner circle trader's order block; `reach`
    is ours.
    """

    width: int = 2
    reach: int = 20

    def __post_init__(self) -> None:
        """Refuse widths and reaches that are no number of bars; ConfigError."""
        Swings(self.width)
        if not 1 <= self.reach <= 200:
            raise ConfigError(f"Order blocks need a reach from 1 to 200 bars, not {self.reach}.")

    def stream(self) -> BlockStream:
        """Begin at the next bar."""
        return BlockStream(self.width, self.reach)

    def over(self, bars: Bars) -> tuple[Block, ...]:
        """Give all blocks and their changes, as they became known."""
        demand, supply, found = _Zones(Side.HIGH), _Zones(Side.LOW), list[Block]()
        made = dict(self._made(bars))
        highs, lows, closes, ats = (column.tolist() for column in (bars.high, bars.low, bars.close, bars.closed_at))
        for number, (high, low) in enumerate(zip(highs, lows, strict=True)):
            if low <= demand.edge:
                demand.trade(low, closes[number], ats[number], found)
            if -high <= supply.edge:
                supply.trade(-high, -closes[number], ats[number], found)
            if number in made:
                side, origin = made[number]
                zones = demand if side is Side.HIGH else supply
                zones.make(highs[origin], lows[origin], ats[origin], ats[number], found)
        return tuple(found)

    def _made(self, bars: Bars) -> Iterator[tuple[int, tuple[Side, int]]]:
        """Give the bar of every break that makes a block, with its side and the bar the block is made of."""
        numbers, upwards, _ = breaches(bars, self.width)
        origins = np.where(upwards, _last(bars.close < bars.open)[numbers], _last(bars.close > bars.open)[numbers])
        used = {True: -1, False: -1}
        for number, up, origin in zip(numbers.tolist(), upwards.tolist(), origins.tolist(), strict=True):
            if origin != used[up] and number - origin <= self.reach:
                used[up] = origin
                yield number, (Side.HIGH if up else Side.LOW, origin)


def _last(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Give the number of the last chosen bar before each bar, -1 where there is none; both of shape (n,)."""
    numbers = np.where(chosen, np.arange(len(chosen)), -1)
    before: NDArray[np.int64] = np.concatenate((np.full(1, -1), np.maximum.accumulate(numbers)))[:-1]
    return before


class BlockStream:
    """Blocks as they are made, mitigated and broken."""

    __slots__ = ("_breaks", "_demand", "_last", "_number", "_reach", "_supply")

    def __init__(self, width: int, reach: int) -> None:
        """Begin before the first bar."""
        self._breaks = BreakStream(width).update
        self._demand, self._supply = _Zones(Side.HIGH), _Zones(Side.LOW)
        self._reach = reach
        self._number = -1
        self._last: dict[Side, tuple[int, Bar, Millis] | None] = dict.fromkeys(Side)
        """The last falling bar (HIGH) and rising bar (LOW) that made no block yet, with its number."""

    def update(self, bar: Bar, closed_at: Millis) -> tuple[Block, ...]:
        """Take one closed bar; tell which blocks it changes, then the one it makes."""
        opened, high, low, close, _ = bar
        number = self._number = self._number + 1
        found: list[Block] = []
        if low <= self._demand.edge:
            self._demand.trade(low, close, closed_at, found)
        if -high <= self._supply.edge:
            self._supply.trade(-high, -close, closed_at, found)
        for broken in self._breaks(bar, closed_at):
            origin = self._last[broken.side]
            if origin is not None and number - origin[0] <= self._reach:
                self._last[broken.side] = None
                zones = self._demand if broken.side is Side.HIGH else self._supply
                zones.make(origin[1].high, origin[1].low, origin[2], closed_at, found)
        if close < opened:
            self._last[Side.HIGH] = (number, bar, closed_at)
        elif close > opened:
            self._last[Side.LOW] = (number, bar, closed_at)
        return tuple(found)


class _Zone:
    """A block that no close has broken, with prices turned round for supply."""

    __slots__ = ("at", "far", "is_fresh", "near")

    def __init__(self, near: float, far: float, at: Millis) -> None:
        self.near = near
        self.far = far
        self.at = at
        self.is_fresh = True


class _Zones:
    """The blocks of demand, below the market, or those of supply with prices turned round; the oldest first."""

    __slots__ = ("_side", "_zones", "edge")

    def __init__(self, side: Side) -> None:
        self._side = side
        self._zones: list[_Zone] = []
        self.edge = float("-inf")
        """A bar that stays above it changes nothing: fresh blocks change when touched, others when closed beyond."""

    def make(self, high: float, low: float, at: Millis, closed_at: Millis, found: list[Block]) -> None:
        """Add a block from `low` to `high`, as the market shows them."""
        near, far = (high, low) if self._side is Side.HIGH else (-low, -high)
        self._zones.append(_Zone(near, far, at))
        self.edge = max(self.edge, near)
        if len(self._zones) > MOST_OPEN:
            del self._zones[0]
            self._find_edge()
        found.append(Block(self._side, low, high, Mitigation.FRESH, at, closed_at))

    def trade(self, reached: float, close: float, closed_at: Millis, found: list[Block]) -> None:
        """Trade a bar into the blocks it reaches: `reached` is its low, or its high turned round."""
        kept: list[_Zone] = []
        for zone in self._zones:
            if reached <= zone.near:
                if close < zone.far:
                    found.append(self._told(zone, Mitigation.BROKEN, closed_at))
                    continue
                if zone.is_fresh:
                    zone.is_fresh = False
                    found.append(self._told(zone, Mitigation.MITIGATED, closed_at))
            kept.append(zone)
        self._zones = kept
        self._find_edge()

    def _find_edge(self) -> None:
        self.edge = max([zone.near if zone.is_fresh else zone.far for zone in self._zones], default=float("-inf"))

    def _told(self, zone: _Zone, state: Mitigation, closed_at: Millis) -> Block:
        if self._side is Side.HIGH:
            return Block(self._side, zone.far, zone.near, state, zone.at, closed_at)
        return Block(self._side, -zone.near, -zone.far, state, zone.at, closed_at)
