"""Fair value gaps: three bars whose outer two leave a price untraded, and how it is filled later."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from investbot.analysis.analyser import Bars
from investbot.analysis.findings import Side
from investbot.analysis.indicators import Atr
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar, Millis

MOST_OPEN = 50
"""Open gaps that are watched on each side; the oldest is forgotten beyond it."""


class Fill(StrEnum):
    """How much of a gap has been traded since: nothing, its near half or less, past its middle, all of it."""

    OPEN = "open"
    TOUCHED = "touched"
    HALF = "half"
    FILLED = "filled"


class Gap(NamedTuple):
    """One gap from `bottom` to `top` (quote per base) made by the bar that closed `at`, and its fill as of `known_at`.

    Told anew with each stage of its fill. HIGH is a gap that a rise left below it.
    """

    side: Side
    bottom: float
    top: float
    fill: Fill
    at: Millis
    known_at: Millis


@dataclass(frozen=True, slots=True)
class FairValueGaps:
    """Gaps between the first and the third of three bars of at least `least_atr` ATR(14), and their fills.

    A rise leaves one when the third bar's low is above the first one's high; a fall mirrors it. It is TOUCHED once a
    later bar trades into it, HALF from its middle on, FILLED from its far end on. None before the ATR is warm. At most
    50 open gaps a side are watched. Source: the inner circle trader's fair value gap; `least_atr` is ours.
    """

    least_atr: float = 0.25

    def __post_init__(self) -> None:
        """Refuse a size that cannot be; ConfigError."""
        if not 0.0 <= self.least_atr <= 10.0:
            raise ConfigError(f"A fair value gap needs a least size from 0 to 10 ATR, not {self.least_atr}.")

    def stream(self) -> GapStream:
        """Begin at the next bar."""
        return GapStream(self.least_atr)

    def over(self, bars: Bars) -> tuple[Gap, ...]:
        """Give all gaps and fills, as they became known."""
        least = self.least_atr * Atr(14).over(bars)[2:]
        risen, fallen = bars.low[2:] - bars.high[:-2], bars.low[:-2] - bars.high[2:]
        opens = np.zeros(bars.size, dtype=np.bool_)
        opens[2:] = ((risen > 0.0) & (risen >= least)) | ((fallen > 0.0) & (fallen >= least))
        highs, lows, ats = bars.high.tolist(), bars.low.tolist(), bars.closed_at.tolist()
        below, above, found = _Book(Side.HIGH), _Book(Side.LOW), list[Gap]()
        for number, (high, low, is_open) in enumerate(zip(highs, lows, opens.tolist(), strict=True)):
            if low < below.edge:
                below.fill(low, ats[number], found)
            if -high < above.edge:
                above.fill(-high, ats[number], found)
            if is_open:
                if low > highs[number - 2]:
                    below.open(highs[number - 2], low, ats[number], found)
                else:
                    above.open(high, lows[number - 2], ats[number], found)
        return tuple(found)


class GapStream:
    """Gaps as they open and fill."""

    __slots__ = ("_above", "_atr", "_before", "_below", "_least", "_two_before")

    def __init__(self, least_atr: float) -> None:
        """Begin before the first bar."""
        self._least = least_atr
        self._atr = Atr(14).stream().update
        self._before: Bar | None = None
        self._two_before: Bar | None = None
        self._below, self._above = _Book(Side.HIGH), _Book(Side.LOW)

    def update(self, bar: Bar, closed_at: Millis) -> tuple[Gap, ...]:
        """Take one closed bar; tell the gaps it fills further, then the one it opens."""
        least = self._least * self._atr(bar, closed_at)  # NaN before the ATR is warm: no comparison holds
        _, high, low, _, _ = bar
        found: list[Gap] = []
        if low < self._below.edge:
            self._below.fill(low, closed_at, found)
        if -high < self._above.edge:
            self._above.fill(-high, closed_at, found)
        first, self._two_before, self._before = self._two_before, self._before, bar
        if first is not None:
            if 0.0 < low - first.high >= least:
                self._below.open(first.high, low, closed_at, found)
            elif 0.0 < first.low - high >= least:
                self._above.open(high, first.low, closed_at, found)
        return tuple(found)


class _Open:
    """A gap that is not filled yet; prices are turned round above the market."""

    __slots__ = ("at", "far", "middle", "near", "stage")

    def __init__(self, near: float, far: float, at: Millis) -> None:
        self.near = near
        self.far = far
        self.middle = (near + far) / 2
        self.at = at
        self.stage = Fill.OPEN


class _Book:
    """The gaps below the market that are not filled yet, or above it with prices turned round; the nearest last."""

    __slots__ = ("_gaps", "_side", "edge")

    def __init__(self, side: Side) -> None:
        self._gaps: list[_Open] = []
        self._side = side
        self.edge = float("-inf")
        """Where the nearest gap begins; a bar that stays above it fills nothing."""

    def open(self, bottom: float, top: float, closed_at: Millis, found: list[Gap]) -> None:
        """Add the gap from `bottom` to `top`, as the market shows them."""
        near, far = (top, bottom) if self._side is Side.HIGH else (-bottom, -top)
        gaps = self._gaps
        insort(gaps, _Open(near, far, closed_at), key=_near)
        if len(gaps) > MOST_OPEN:
            gaps.remove(min(gaps, key=_at))
        self.edge = gaps[-1].near
        found.append(Gap(self._side, bottom, top, Fill.OPEN, closed_at, closed_at))

    def fill(self, reached: float, closed_at: Millis, found: list[Gap]) -> None:
        """Trade a bar into the gaps it reaches: `reached` is its low, or its high turned round."""
        gaps, place = self._gaps, len(self._gaps)
        while place:
            place -= 1
            gap = gaps[place]
            if reached >= gap.near:
                break
            stage = Fill.FILLED if reached <= gap.far else Fill.HALF if reached <= gap.middle else Fill.TOUCHED
            if stage is Fill.FILLED:
                del gaps[place]
            elif stage is gap.stage or gap.stage is Fill.HALF:
                continue
            gap.stage = stage
            bottom, top = (gap.far, gap.near) if self._side is Side.HIGH else (-gap.near, -gap.far)
            found.append(Gap(self._side, bottom, top, stage, gap.at, closed_at))
        self.edge = gaps[-1].near if gaps else float("-inf")


_near, _at = attrgetter("near"), attrgetter("at")
