"""Fair value gaps: three bars whose outer two leave a price untraded, and how it is filled later."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

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


@dataclass(frozen=True, slots=True)
class Gap:
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
        book = _Book()
        found: list[Gap] = []
        for number, (high, low, is_open) in enumerate(zip(highs, lows, opens.tolist(), strict=True)):
            if low < book.floor or high > book.ceiling:
                book.fill(high, low, ats[number], found)
            if is_open:
                book.open(highs[number - 2], lows[number - 2], high, low, ats[number], found)
        return tuple(found)


class _Open:
    """A gap that is not filled yet."""

    __slots__ = ("at", "bottom", "middle", "stage", "top")

    def __init__(self, bottom: float, top: float, at: Millis) -> None:
        self.bottom = bottom
        self.top = top
        self.middle = (bottom + top) / 2
        self.at = at
        self.stage = Fill.OPEN


class GapStream:
    """Gaps as they open and fill."""

    __slots__ = ("_atr", "_before", "_book", "_least", "_two_before")

    def __init__(self, least_atr: float) -> None:
        """Begin before the first bar."""
        self._least = least_atr
        self._atr = Atr(14).stream().update
        self._before: Bar | None = None
        self._two_before: Bar | None = None
        self._book = _Book()

    def update(self, bar: Bar, closed_at: Millis) -> tuple[Gap, ...]:
        """Take one closed bar; tell the gaps it fills further, then the one it opens."""
        least = self._least * self._atr(bar, closed_at)  # NaN before the ATR is warm: no comparison holds
        book, high, low = self._book, bar.high, bar.low
        found: list[Gap] = []
        if low < book.floor or high > book.ceiling:
            book.fill(high, low, closed_at, found)
        first, self._two_before, self._before = self._two_before, self._before, bar
        if first is not None and (0.0 < low - first.high >= least or 0.0 < first.low - high >= least):
            book.open(first.high, first.low, high, low, closed_at, found)
        return tuple(found)


class _Book:
    """The gaps that are not filled yet, below the market and above it, the nearest last."""

    __slots__ = ("_above", "_below", "ceiling", "floor")

    def __init__(self) -> None:
        self._below: list[_Open] = []
        self._above: list[_Open] = []
        self.floor = float("-inf")
        """Where the nearest gap below the market begins; a bar that stays above it fills nothing."""
        self.ceiling = float("inf")

    def open(
        self, first_high: float, first_low: float, high: float, low: float, closed_at: Millis, found: list[Gap]
    ) -> None:
        """Add the gap between the first bar and the third."""
        if low > first_high:
            _keep(self._below, _Open(first_high, low, closed_at), _top)
            self.floor = self._below[-1].top
            found.append(Gap(Side.HIGH, first_high, low, Fill.OPEN, closed_at, closed_at))
        else:
            _keep(self._above, _Open(high, first_low, closed_at), _bottom)
            self.ceiling = self._above[-1].bottom
            found.append(Gap(Side.LOW, high, first_low, Fill.OPEN, closed_at, closed_at))

    def fill(self, high: float, low: float, closed_at: Millis, found: list[Gap]) -> None:
        """Trade a bar's range into the gaps it reaches."""
        if low < self.floor:
            gaps = self._below
            for place in range(len(gaps) - 1, -1, -1):
                gap = gaps[place]
                if low >= gap.top:
                    break
                stage = Fill.FILLED if low <= gap.bottom else Fill.HALF if low <= gap.middle else Fill.TOUCHED
                if _filled(gap, stage, Side.HIGH, closed_at, found):
                    del gaps[place]
            self.floor = gaps[-1].top if gaps else float("-inf")
        if high > self.ceiling:
            gaps = self._above
            for place in range(len(gaps) - 1, -1, -1):
                gap = gaps[place]
                if high <= gap.bottom:
                    break
                stage = Fill.FILLED if high >= gap.top else Fill.HALF if high >= gap.middle else Fill.TOUCHED
                if _filled(gap, stage, Side.LOW, closed_at, found):
                    del gaps[place]
            self.ceiling = gaps[-1].bottom if gaps else float("inf")


def _top(gap: _Open) -> float:
    return gap.top


def _bottom(gap: _Open) -> float:
    return -gap.bottom


def _keep(gaps: list[_Open], gap: _Open, place: Callable[[_Open], float]) -> None:
    insort(gaps, gap, key=place)
    if len(gaps) > MOST_OPEN:
        gaps.remove(min(gaps, key=lambda each: each.at))


def _filled(gap: _Open, stage: Fill, side: Side, closed_at: Millis, found: list[Gap]) -> bool:
    """Tell a stage that is new; whether the gap is done."""
    if stage is Fill.FILLED or gap.stage is Fill.OPEN or (stage is Fill.HALF and gap.stage is Fill.TOUCHED):
        gap.stage = stage
        found.append(Gap(side, gap.bottom, gap.top, stage, gap.at, closed_at))
    return stage is Fill.FILLED
