"""Trend lines through three swings: the orders of many rest just beyond them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from investbot.analysis.analyser import Bars
from investbot.analysis.findings import Side
from investbot.analysis.indicators import Atr
from investbot.analysis.structure.swings import Swing, Swings, confirmed
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar, Millis


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
        for number, close in enumerate(closes):
            for side, price, slope, begin in easel.edges:
                if (close - (price + slope * (number - begin))) * side > 0.0:
                    easel.cross(number, close, ats[number], found)
            if number in swings:
                recent = closes[max(0, number - self.width + 1) : number + 1]
                easel.draw(swings[number], number, recent, within[number], ats[number], found)
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
        if easel.edges:
            easel.cross(self._number, bar.close, closed_at, found)
        confirmed = self._swings(bar, closed_at)
        if confirmed:
            easel.draw(confirmed, self._number, self._closes, atr, closed_at, found)
        return tuple(found)


class _Easel:
    """The living lines, and the swings the next ones are drawn through."""

    __slots__ = ("_last", "_lines", "_tolerance", "edges")

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self._last: dict[Side, deque[Swing]] = {side: deque(maxlen=3) for side in Side}
        self._lines: dict[Side, TrendLine] = {}
        self.edges: tuple[tuple[int, float, float, int], ...] = ()
        """Side, price, slope and first bar of the living lines."""

    def cross(self, number: int, close: float, closed_at: Millis, found: list[TrendLine]) -> None:
        """End the lines that a close lies beyond."""
        for side, line in tuple(self._lines.items()):
            if (close - line.value(number)) * side > 0.0:
                del self._lines[side]
                found.append(replace(line, broken=True, known_at=closed_at))
        self._find_edges()

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
                self._find_edges()

    def _find_edges(self) -> None:
        self.edges = tuple((int(side), line.price, line.slope, line.number) for side, line in self._lines.items())

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
