"""Both schematics read side by side, bar by bar or over columns."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import talib
from talib import stream as handles

from investbot.analysis.analyser import Array, Bars
from investbot.analysis.findings import Side
from investbot.analysis.indicators import Atr, Donchian
from investbot.analysis.indicators.talib_streams import TalibStream, checked_period, column
from investbot.analysis.structure.swings import Swing, Swings, by_bar
from investbot.analysis.wyckoff.events import VOLUME, Schematic, WyckoffEvent
from investbot.analysis.wyckoff.machine import FALL, SPREAD, Machine, Row, Turn
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
        pair, width, ats = _Pair(self.window), self.width, bars.closed_at.tolist()
        ratio, atr = _ratios(bars.volume), Atr(14).over(bars)
        upper, _, lower = Donchian(self.window).over(bars)
        swings = by_bar(Swings(width).over(bars), width)
        ratios, atrs, uppers, lowers = ratio.tolist(), atr.tolist(), upper.tolist(), lower.tolist()
        highs, lows, closes = bars.high.tolist(), bars.low.tolist(), bars.close.tolist()
        for number, is_loud in enumerate((ratio > VOLUME).tolist()):
            if is_loud or not pair.waits:
                row = Row(
                    number, highs[number], lows[number], closes[number], ratios[number], atrs[number], ats[number]
                )
                turns = [(swing, ratios[swing.number]) for swing in swings.get(number, ())]
                pair.step(row, uppers[number], lowers[number], turns)
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
        ratio = bar.volume / self._before if self._before > 0.0 else float("nan")
        self._ratios.append(ratio)
        self._before = self._mean.update(bar, closed_at)
        atr = self._atr(bar, closed_at)
        upper, _, lower = self._channel(bar, closed_at)
        turns = [(swing, self._ratios[0]) for swing in self._swings(bar, closed_at)]
        if not (ratio > VOLUME) and pair.waits:
            return ()
        pair.step(Row(number, bar.high, bar.low, bar.close, ratio, atr, closed_at), upper, lower, turns)
        if not pair.found:
            return ()
        found = tuple(pair.found)
        pair.found.clear()
        return found


class _Pair:
    """The machine of accumulation, and that of distribution fed with prices turned round."""

    __slots__ = ("_fall", "_rise", "_window", "found")

    def __init__(self, window: int) -> None:
        self._window = window
        self.found: list[WyckoffEvent] = []
        self._fall = Machine(Schematic.ACCUMULATION)
        self._rise = Machine(Schematic.DISTRIBUTION)
        self._fall.found = self._rise.found = self.found

    @property
    def waits(self) -> bool:
        """Whether neither follows a range."""
        return self._fall.waits and self._rise.waits

    def step(self, row: Row, upper: float, lower: float, swings: list[tuple[Swing, float]]) -> None:
        """Take one bar with the channel of the window, and the swings it confirms with their volume ratios."""
        turns = [Turn(swing.side is Side.HIGH, swing.number, swing.price, ratio, swing.at) for swing, ratio in swings]
        self._drive(self._fall, row, upper, lower, turns)
        turned = Row(row.number, -row.low, -row.high, -row.close, row.ratio, row.atr, row.closed_at)
        mirrored = [Turn(not turn.is_high, turn.number, -turn.price, turn.ratio, turn.at) for turn in turns]
        self._drive(self._rise, turned, -lower, -upper, mirrored)

    def _drive(self, machine: Machine, row: Row, upper: float, lower: float, turns: list[Turn]) -> None:
        is_climax = (
            row.ratio > VOLUME
            and row.low <= lower
            and row.high - row.low >= SPREAD * row.atr
            and upper - row.low >= FALL * row.atr
        )
        if is_climax and machine.may_begin:
            machine.climax(row, row.number - self._window)
        elif not machine.waits:
            machine.step(row, turns)
        if row.ratio > VOLUME:
            machine.loud(row)
