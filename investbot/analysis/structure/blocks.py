"""Order blocks: the last bar against a move that broke the structure, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from investbot.analysis.analyser import Bars
from investbot.analysis.findings import Side
from investbot.analysis.structure.breaks import BreakStream, numbered
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


@dataclass(frozen=True, slots=True)
class Block:
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
        book, found = _Book(), list[Block]()
        breaks = dict(numbered(bars, self.width))
        before = {Side.HIGH: _last(bars.close < bars.open), Side.LOW: _last(bars.close > bars.open)}
        used = {Side.HIGH: -1, Side.LOW: -1}
        highs, lows, closes, ats = (column.tolist() for column in (bars.high, bars.low, bars.close, bars.closed_at))
        for number, (high, low, close) in enumerate(zip(highs, lows, closes, strict=True)):
            if low <= book.floor or high >= book.ceiling:
                book.trade(high, low, close, ats[number], found)
            broken = breaks.get(number)
            if broken is not None:
                origin = before[broken.side][number]
                if origin != used[broken.side] and number - origin <= self.reach:
                    used[broken.side] = origin
                    book.make(broken.side, highs[origin], lows[origin], ats[origin], ats[number], found)
        return tuple(found)


def _last(chosen: NDArray[np.bool_]) -> list[int]:
    """Give the number of the last chosen bar before each bar, -1 where there is none."""
    numbers = np.where(chosen, np.arange(len(chosen)), -1)
    before: list[int] = np.concatenate((np.full(1, -1), np.maximum.accumulate(numbers)[:-1])).tolist()
    return before[: len(chosen)]


class BlockStream:
    """Blocks as they are made, mitigated and broken."""

    __slots__ = ("_book", "_breaks", "_last", "_number", "_reach")

    def __init__(self, width: int, reach: int) -> None:
        """Begin before the first bar."""
        self._breaks = BreakStream(width).update
        self._book = _Book()
        self._reach = reach
        self._number = -1
        self._last: dict[Side, tuple[int, Bar, Millis] | None] = dict.fromkeys(Side)
        """The last falling bar (HIGH) and rising bar (LOW) that made no block yet, with its number."""

    def update(self, bar: Bar, closed_at: Millis) -> tuple[Block, ...]:
        """Take one closed bar; tell which blocks it changes, then the one it makes."""
        self._number += 1
        book, found = self._book, list[Block]()
        if bar.low <= book.floor or bar.high >= book.ceiling:
            book.trade(bar.high, bar.low, bar.close, closed_at, found)
        for broken in self._breaks(bar, closed_at):
            origin = self._last[broken.side]
            if origin is not None and self._number - origin[0] <= self._reach:
                self._last[broken.side] = None
                book.make(broken.side, origin[1].high, origin[1].low, origin[2], closed_at, found)
        if bar.close < bar.open:
            self._last[Side.HIGH] = (self._number, bar, closed_at)
        elif bar.close > bar.open:
            self._last[Side.LOW] = (self._number, bar, closed_at)
        return tuple(found)


class _Book:
    """The blocks that no close has broken."""

    __slots__ = ("_demand", "_supply", "ceiling", "floor")

    def __init__(self) -> None:
        self._demand: list[Block] = []
        self._supply: list[Block] = []
        self.floor = float("-inf")
        """A bar whose low stays above it changes no block below the market."""
        self.ceiling = float("inf")

    def make(self, side: Side, high: float, low: float, at: Millis, closed_at: Millis, found: list[Block]) -> None:
        """Add a block."""
        block = Block(side, low, high, Mitigation.FRESH, at, closed_at)
        blocks = self._demand if side is Side.HIGH else self._supply
        blocks.append(block)
        del blocks[:-MOST_OPEN]
        self._find_edges()
        found.append(block)

    def trade(self, high: float, low: float, close: float, closed_at: Millis, found: list[Block]) -> None:
        """Trade a bar into the blocks it reaches."""
        told = len(found)
        if low <= self.floor:
            self._demand = [
                block if low > block.top else _touched(block, closed_at, found, gone=close < block.bottom)
                for block in self._demand
            ]
        if high >= self.ceiling:
            self._supply = [
                block if high < block.bottom else _touched(block, closed_at, found, gone=close > block.top)
                for block in self._supply
            ]
        if len(found) > told:
            self._demand = [block for block in self._demand if block.state is not Mitigation.BROKEN]
            self._supply = [block for block in self._supply if block.state is not Mitigation.BROKEN]
            self._find_edges()

    def _find_edges(self) -> None:
        """A fresh block changes when it is touched, a mitigated one only when a close may lie beyond it."""
        fresh = Mitigation.FRESH
        self.floor = max((b.top if b.state is fresh else b.bottom for b in self._demand), default=float("-inf"))
        self.ceiling = min((b.bottom if b.state is fresh else b.top for b in self._supply), default=float("inf"))


def _touched(block: Block, closed_at: Millis, found: list[Block], *, gone: bool) -> Block:
    """Give a block as it is after a bar traded into it, and tell it when that is new."""
    state = Mitigation.BROKEN if gone else Mitigation.MITIGATED
    if state is block.state:
        return block
    after = Block(block.side, block.bottom, block.top, state, block.at, closed_at)
    found.append(after)
    return after
