"""Trend lines through three swings: the orders of many rest just beyond them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from investbot.analysis.analyser import Bars
from investbot.analysis.findings import Side
from investbot.analysis.indicators import Atr
from investbot.analysis.structure.swings import Swing, Swings, confirmed
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar, Millis

AHEAD = 16
"""Bars for which it is worked out at once what a close may do without breaking a line."""
_OPEN = (float("-inf"), float("inf"), float("inf"))


@dataclass(frozen=True, slots=True)
class TrendLine:
    """A line that rises under lows (LOW) or falls over highs (HIGH), told when drawn and once more when broken.

    It runs through `price` (quote per base) at bar `number` and changes by `slope` a bar.
    """

    side: Side
    number: int
    price: float
    slope: float
    broken: bool
    at: Millis
    known_at: Millis

    def value(self, number: int) -> float:
        """Give the line's price at a bar, in quote per base."""
        return self.price + self.slope * (number - self.number)


@dataclass(frozen=True, slots=True)
class TrendLines:
    """Lines through the last three swing lows that rise (highs that fall), the middle one within `tolerance` ATR(14).

    The line runs through the first and the third swing, and no close after the third lies beyond it. At most one
    line a side lives; the next three swings that fit replace it. A close beyond it breaks it.
    """

    width: int = 3
    tolerance: float = 0.5

    def __post_init__(self) -> None:
        """Refuse widths and tolerances that cannot be; ConfigError."""
        Swings(self.width)
        if not 0.0 <= self.tolerance <= 5.0:
            raise ConfigError(f"Trend lines need a tolerance from 0 to 5 ATR, not {self.tolerance}.")

    def stream(self) -> TrendLineStream:
        """Begin at the next bar."""
        return TrendLineStream(self.width, self.tolerance)

    def over(self, bars: Bars) -> tuple[TrendLine, ...]:
        """Give all lines and their ends, as they became known."""
        easel, found = _Easel(self.tolerance), list[TrendLine]()
        swings = confirmed(bars, self.width)
        within, ats, closes = Atr(14).over(bars).tolist(), bars.closed_at.tolist(), bars.close.tolist()
        floor, ceiling, until = easel.fence
        for number, close in enumerate(closes):
            if not (floor <= close <= ceiling and number <= until):
                easel.cross(number, close, ats[number], found)
                floor, ceiling, until = easel.fence
            if number in swings:
                recent = closes[max(0, number - self.width + 1) : number + 1]
                easel.draw(swings[number], number, recent, within[number], ats[number], found)
                floor, ceiling, until = easel.fence
        return tuple(found)


class TrendLineStream:
    """Lines as they are drawn and broken."""

    __slots__ = ("_atr", "_closes", "_easel", "_number", "_swings")

    def __init__(self, width: int, tolerance: float) -> None:
        """Begin before the first bar."""
        self._easel = _Easel(tolerance)
        self._swings = Swings(width).stream().update
        self._atr = Atr(14).stream().update
        self._number = -1
        self._closes: deque[float] = deque(maxlen=width)

    def update(self, bar: Bar, closed_at: Millis) -> tuple[TrendLine, ...]:
        """Take one closed bar; tell the lines it breaks, then those it confirms."""
        self._number += 1
        atr, easel = self._atr(bar, closed_at), self._easel
        self._closes.append(bar.close)
        found: list[TrendLine] = []
        floor, ceiling, until = easel.fence
        if not (floor <= bar.close <= ceiling and self._number <= until):
            easel.cross(self._number, bar.close, closed_at, found)
        confirmed = self._swings(bar, closed_at)
        if confirmed:
            easel.draw(confirmed, self._number, self._closes, atr, closed_at, found)
        return tuple(found)


class _Easel:
    """The living lines, and the swings the next ones are drawn through."""

    __slots__ = ("_last", "_lines", "_tolerance", "fence")

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self._last: dict[Side, deque[Swing]] = {side: deque(maxlen=3) for side in Side}
        self._lines: dict[Side, TrendLine] = {}
        self.fence: tuple[float, float, float] = _OPEN
        """Between which prices a close breaks no line, and up to which bar: lines under lows rise, those over highs
        fall, so that where they will be then is nearer to the market than where they are before.
        """

    def cross(self, number: int, close: float, closed_at: Millis, found: list[TrendLine]) -> None:
        """End the lines that a close lies beyond."""
        for side, line in tuple(self._lines.items()):
            if (close - line.value(number)) * side > 0.0:
                del self._lines[side]
                found.append(TrendLine(side, line.number, line.price, line.slope, True, line.at, closed_at))
        self._find_fence(number)

    def draw(
        self,
        swings: Sequence[Swing],
        number: int,
        closes: Sequence[float],
        atr: float,
        closed_at: Millis,
        found: list[TrendLine],
    ) -> None:
        """Draw a line through each new swing and the two before it, where they fit; `closes` are those since it."""
        for swing in swings:
            last = self._last[swing.side]
            last.append(swing)
            line = self._line(last, atr, closed_at) if len(last) == last.maxlen else None
            if line is not None and not _passed(line, number, closes):
                self._lines[swing.side] = line
                found.append(line)
                self._find_fence(number)

    def _find_fence(self, number: int) -> None:
        under, over = self._lines.get(Side.LOW), self._lines.get(Side.HIGH)
        until = number + AHEAD
        self.fence = (
            _OPEN[0] if under is None else under.value(until),
            _OPEN[1] if over is None else over.value(until),
            until if self._lines else _OPEN[2],
        )

    def _line(self, swings: Sequence[Swing], atr: float, closed_at: Millis) -> TrendLine | None:
        first, middle, last = swings
        slope = (last.price - first.price) / (last.number - first.number)
        if -first.side * slope <= 0.0:
            return None
        line = TrendLine(first.side, first.number, first.price, slope, False, first.at, closed_at)
        fits = abs(middle.price - line.value(middle.number)) <= self._tolerance * atr
        return line if fits else None


def _passed(line: TrendLine, number: int, closes: Sequence[float]) -> bool:
    """Tell whether any of the last closes, the newest being that of bar `number`, lies beyond the line."""
    begin = number - len(closes) + 1
    return any((close - line.value(begin + place)) * line.side > 0.0 for place, close in enumerate(closes))
