"""The candles of one symbol out of whatever an exchange answers: closed, ascending, never twice, on the tick."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from math import isfinite

from investbot.domain.errors import VenueUnavailable
from investbot.domain.market import Bar, Candle, Instrument, Millis, Timeframe

GAP_TRIES = 2
"""How often a hole is asked for again before it is believed."""
_Row = tuple[Millis, float, float, float, float, float]


class Series:
    """Remembers how far one symbol has come; `next_at` is the opening time of the next candle wanted.

    A bar counts as closed `settle_ms` after its end, or as soon as the venue shows a later one.
    """

    def __init__(self, instrument: Instrument, timeframe: Timeframe, next_at: Millis, settle_ms: Millis) -> None:
        self.instrument = instrument
        self.next_at = next_at
        self.bad_rows = 0
        self.holes = 0
        self.timeframe = timeframe
        self._settle_ms = settle_ms
        self._ended_at: Millis | None = None
        self._tries = 0
        self._forming: _Row | None = None

    @property
    def asks_again(self) -> bool:
        """Tell whether the last answer had a hole that is to be asked for once more."""
        return self._tries > 0

    def due(self, now: Millis) -> bool:
        """Tell whether the next candle should have closed by `now`."""
        return self.next_at + self.timeframe.ms + self._settle_ms <= now

    def pass_over(self, asked: int, now: Millis) -> bool:
        """Go on behind the `asked` candles that the venue turned out not to have, if all of them are past."""
        beyond = self.next_at + asked * self.timeframe.ms
        if beyond + self.timeframe.ms > now:
            return False
        self.next_at = beyond
        self._tries = GAP_TRIES
        return True

    def accept(self, answer: object, now: Millis) -> list[Candle]:
        """Take the new closed candles out of an answer, up to a hole that is still to be asked for again.

        VenueUnavailable when the answer is no list of candles; a row with a number that cannot be is left out.
        """
        given: list[Candle] = []
        ended_at, holes = self._ended_at, 0
        for row in self._closed(answer, now):
            if ended_at is not None and row[0] > ended_at:
                if self._tries < GAP_TRIES:
                    self._tries += 1
                    break
                holes += 1
            given.append(self._candle(row))
            ended_at = given[-1].closed_at
        else:
            self._tries = 0
            self.holes += holes
        if given:
            self._ended_at = self.next_at = given[-1].closed_at
            self._forming = None
        return given

    def recall(self, rows: Sequence[tuple[Millis, float, float, float, float, float]], until: Millis) -> list[Candle]:
        """Take in rows that were kept, with nothing left out before the opening time `until`."""
        given = [self._candle(row) for row in map(_row, rows) if row is not None and row[0] >= self.next_at]
        if until > self.next_at:
            self._ended_at = self.next_at = until
            self._forming = None
        return given

    def hear(self, answer: object, now: Millis, *, final: bool) -> list[Candle]:
        """Take in what a stream tells: a candle once the venue calls it `final`, else once it has begun the next.

        Only the very next candle is taken; what is missing, late or odd is left to be asked for. None: it broke.
        """
        if not isinstance(answer, list):
            self._forming = None
            return []
        given: list[Candle] = []
        for row in sorted(row for row in map(_row, answer) if row is not None):
            forming = self._forming
            if final and row[0] == self.next_at:
                given += self._end(row, now)
            elif not final and forming is not None and row[0] == self.next_at + self.timeframe.ms:
                given += self._end(forming, now)
            if not final and row[0] == self.next_at:
                self._forming = row
        return given

    def _end(self, row: _Row, now: Millis) -> list[Candle]:
        """Give out a bar that has closed, unless our clock says that this cannot be."""
        closed_at = row[0] + self.timeframe.ms
        if closed_at > now + self._settle_ms:
            return []
        self._forming, self._tries = None, 0
        self._ended_at = self.next_at = closed_at
        return [self._candle(row)]

    def _closed(self, answer: object, now: Millis) -> list[_Row]:
        """Sort the rows that have closed and are not behind us, each opening time once."""
        if not isinstance(answer, list):
            raise VenueUnavailable(f"The answer for {self.instrument.symbol} is no list of candles.")
        read = [_row(item) for item in answer]
        rows = {row[0]: row for row in read if row is not None}
        if answer and not rows:
            raise VenueUnavailable(f"The answer for {self.instrument.symbol} holds no usable candle.")
        self.bad_rows += read.count(None)
        newest, length = max(rows, default=0), self.timeframe.ms
        return [
            row
            for opened_at, row in sorted(rows.items())
            if opened_at >= self.next_at
            and (opened_at + length + self._settle_ms <= now or opened_at + length <= min(newest, now))
        ]

    def _candle(self, row: _Row) -> Candle:
        opened_at, *prices, volume = row
        opened, high, low, close = (self._on_tick(price) for price in prices)
        bar = Bar(float(opened), float(high), float(low), float(close), volume)
        return Candle(self.instrument.symbol, self.timeframe, opened_at, opened, high, low, close, bar)

    def _on_tick(self, price: float) -> Decimal:
        """Round to the nearest tick, never below one."""
        tick = self.instrument.tick
        steps = (Decimal(repr(price)) / tick).to_integral_value(rounding=ROUND_HALF_EVEN)
        return (max(steps, Decimal(1)) * tick).quantize(tick)


def _row(item: object) -> _Row | None:
    """Read opening time, prices and volume out of one row; None when they cannot be."""
    if not isinstance(item, list | tuple) or len(item) < 6:
        return None
    try:
        opened_at, numbers = int(item[0]), [float(value) for value in item[1:6]]
    except (TypeError, ValueError, OverflowError):
        return None
    opened, high, low, close, volume = numbers
    sound = 0 < low <= min(opened, close) and max(opened, close) <= high and volume >= 0
    return (opened_at, opened, high, low, close, volume) if sound and all(map(isfinite, numbers)) else None
