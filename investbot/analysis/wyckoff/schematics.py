"""Both schematics read side by side, bar by bar or over columns."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import talib
from talib import stream as handles

from investbot.analysis.analyser import Array, Bars
from investbot.analysis.findings import Side
from investbot.analysis.indicators import Atr, Donchian
from investbot.analysis.indicators.talib_streams import TalibStream, checked_period, column
from investbot.analysis.structure.swings import Swing, Swings, confirmed
from investbot.analysis.wyckoff.events import VOLUME, Schematic, WyckoffEvent
from investbot.analysis.wyckoff.machine import FALL, SPREAD, Fence, Machine, Row, Turn
from investbot.domain.market import Bar, Millis

AVERAGE = 20
"""Bars that the average volume is taken over."""


@dataclass(frozen=True, slots=True)
class Wyckoff:
    """Accumulation and distribution as event machines; sizes in ATR(14), volume against the mean of the 20 bars before.

    Accumulation (distribution is its mirror, with the names PSY, BC, automatic reaction, ST, mSOW, UT, UTAD, test, SOW,
    LPSY, markdown):

    - SC: the lowest low of `window` bars, at least 8 ATR under their highest high, a range of at least 1.5 ATR, volume
      over 1.5 times the average. Another one before the secondary test moves the climax. PS: the last bar before it in
      the window with such volume, a close in its upper half and a higher low; told with the SC.
    - AR: a swing high at least 2 ATR above the climax; the highest of them is resistance. ST: a swing low in the lower
      third of the range, at most 0.5 ATR under the climax, on less volume than it; phase B begins, the lower of both
      lows is support.
    - UT: a wick over resistance with the close inside. A thrust under support that is back inside by close within 3
    bars is a spring (phase C), or a shakeout while phase B is younger than phase A was long; its low is support
    afterwards. How sure a spring is: `spring_confidence`; test: a later swing low above it in the lower half of the
    range on less than average volume, `held_confidence`.
    - SOS: a close over resistance on more than 1.5 times the average volume and a range of at least 1 ATR: phase D. A
      close over it without them leaves the range untold. LPS: a swing low in the upper half of the range or above, on
      less volume than the SOS. Markup: after the LPS, a close over the highest high since the SOS: phase E, the end.
    - Failure: phase A: a close 0.5 ATR under the climax; later: under support for 3 bars, or 2 ATR under it, or under
      the spring, or (from D on) under support. 500 bars without an event forget the range.

    Source: R. Wyckoff's method as taught by H. Pruden, The Three Skills of Top Trading (2007); the numbers are ours.
    """

    width: int = 3
    window: int = 60

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be; ConfigError."""
        Swings(self.width)
        checked_period("Wyckoff's schematics", self.window, 10)

    def stream(self) -> WyckoffStream:
        """Begin at the next bar."""
        return WyckoffStream(self.width, self.window)

    def over(self, bars: Bars) -> tuple[WyckoffEvent, ...]:
        """Give all events, as they became known."""
        pair, swings = _Pair(self.window), confirmed(bars, self.width)
        ratios, atrs = _ratios(bars.volume), Atr(14).over(bars)
        uppers, _, lowers = Donchian(self.window).over(bars)
        ratio, atr, upper, lower = ratios.tolist(), atrs.tolist(), uppers.tolist(), lowers.tolist()
        high, low, close, ats = bars.high.tolist(), bars.low.tolist(), bars.close.tolist(), bars.closed_at.tolist()
        loud = ratios > VOLUME
        ends = (bars.high - bars.low >= SPREAD * atrs) & ((bars.low <= lowers) | (bars.high >= uppers))
        marks = (loud * 1 + (loud & ends)).tolist()
        floor, ceiling, until, listens = pair.fence
        for number, (top, bottom, mark) in enumerate(zip(high, low, marks, strict=True)):
            is_calm = mark < 2 and floor <= bottom and top <= ceiling and number < until
            if is_calm and listens:
                is_calm = number not in swings
            if is_calm and not mark:
                continue
            row = Row(number, top, bottom, close[number], ratio[number], atr[number], ats[number])
            if not is_calm:
                turns = [(swing, ratio[swing.number]) for swing in swings.get(number, ())]
                pair.step(row, upper[number], lower[number], turns)
                floor, ceiling, until, listens = pair.fence
            if mark:
                pair.remember(row)
        return tuple(pair.found)


def _ratios(volume: Array) -> Array:
    """Give each volume over the mean of the 20 before it, shape (n,); NaN where that is missing or zero."""
    before = np.full(len(volume), np.nan)
    empty = np.zeros(0)
    mean = column(talib.SMA, Bars(empty, empty, empty, volume, volume, np.arange(len(volume))), "v", timeperiod=AVERAGE)
    before[1:] = mean[:-1]
    ratios: Array = np.divide(volume, before, out=np.full(len(volume), np.nan), where=before > 0.0)
    return ratios


class WyckoffStream:
    """Events as they become known."""

    __slots__ = ("_atr", "_before", "_channel", "_mean", "_number", "_pair", "_ratios", "_swings", "_width")

    def __init__(self, width: int, window: int) -> None:
        """Begin before the first bar."""
        self._width = width
        self._swings = Swings(width).stream().update
        self._atr = Atr(14).stream().update
        self._channel = Donchian(window).stream().update
        self._mean = TalibStream(AVERAGE - 1, "v", handles.SMA, timeperiod=AVERAGE)
        self._before = float("nan")
        self._ratios: deque[float] = deque(maxlen=width + 1)
        self._pair = _Pair(window)
        self._number = -1

    def update(self, bar: Bar, closed_at: Millis) -> tuple[WyckoffEvent, ...]:
        """Take one closed bar; tell what became known."""
        self._number += 1
        pair, number = self._pair, self._number
        _, high, low, close, volume = bar
        ratio = volume / self._before if self._before > 0.0 else float("nan")
        self._ratios.append(ratio)
        self._before = self._mean.update(bar, closed_at)
        atr = self._atr(bar, closed_at)
        upper, _, lower = self._channel(bar, closed_at)
        swings = self._swings(bar, closed_at)
        floor, ceiling, until, listens = pair.fence
        is_loud = ratio > VOLUME
        if not (is_loud or (listens and swings)) and floor <= low and high <= ceiling and number < until:
            return ()
        row = Row(number, high, low, close, ratio, atr, closed_at)
        pair.step(row, upper, lower, [(swing, self._ratios[0]) for swing in swings])
        if is_loud:
            pair.remember(row)
        found = tuple(pair.found)
        pair.found.clear()
        return found


class _Pair:
    """The machine of accumulation, and that of distribution fed with prices turned round."""

    __slots__ = ("_fall", "_rise", "_window", "fence", "found")

    def __init__(self, window: int) -> None:
        self._window = window
        self.found: list[WyckoffEvent] = []
        self._fall = Machine(Schematic.ACCUMULATION)
        self._rise = Machine(Schematic.DISTRIBUTION)
        self._fall.found = self._rise.found = self.found
        self.fence = self._both()
        """Between which prices and before which bar both machines need not hear of common bars without swings."""

    def step(self, row: Row, upper: float, lower: float, swings: Sequence[tuple[Swing, float]]) -> None:
        """Take one bar with the channel of the window, and the swings it confirms with their volume ratios."""
        number, high, low, _, ratio, atr, _ = row
        may_end, before = ratio > VOLUME and high - low >= SPREAD * atr, (self._fall.fence, self._rise.fence)
        floor, ceiling, until, listens = before[0]
        is_climax = may_end and low <= lower and upper - low >= FALL * atr
        if is_climax or (listens and swings) or not (floor <= low and high <= ceiling and number < until):
            self._tell(self._fall, row, swings, Side.HIGH, is_climax=is_climax)
        floor, ceiling, until, listens = before[1]
        is_climax = may_end and high >= upper and high - lower >= FALL * atr
        if is_climax or (listens and swings) or not (floor <= -high and -low <= ceiling and number < until):
            self._tell(self._rise, _turned(row), swings, Side.LOW, is_climax=is_climax)
        if self._fall.fence is not before[0] or self._rise.fence is not before[1]:
            self.fence = self._both()

    def remember(self, row: Row) -> None:
        """Keep a bar of high volume for preliminary support if it closed in its upper half, supply if in its lower."""
        above, below = row.close - row.low, row.high - row.close
        if above >= below:
            self._fall.loud(row)
        if below >= above:
            self._rise.loud(_turned(row))

    def _tell(
        self, machine: Machine, row: Row, swings: Sequence[tuple[Swing, float]], highs: Side, *, is_climax: bool
    ) -> None:
        """Tell a machine of a bar; swings of the side `highs` are highs to it."""
        if is_climax and machine.may_begin:
            machine.climax(row, row.number - self._window)
        else:
            turns = [
                Turn(swing.side is highs, swing.number, swing.price * highs, part, swing.at) for swing, part in swings
            ]
            machine.step(row, turns)

    def _both(self) -> Fence:
        floor, ceiling, until, listens = self._fall.fence
        turned = self._rise.fence
        return Fence(
            max(floor, -turned.ceiling),
            min(ceiling, -turned.floor),
            min(until, turned.until),
            listens=listens or turned.listens,
        )


def _turned(row: Row) -> Row:
    number, high, low, close, ratio, atr, closed_at = row
    return Row(number, -low, -high, -close, ratio, atr, closed_at)
