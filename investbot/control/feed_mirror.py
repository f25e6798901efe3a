"""What a feed has told of one stream, in order: a number that is missing is noticed, and asked for again."""

from __future__ import annotations

from collections import deque

from investbot.domain.market import Candle, Millis

MOST_WAITING = 2000
"""Candles that may wait for an instance that does not take them; one that falls behind asks again by opening time."""
_NEVER: Millis = 1 << 62


class Mirror:
    """The newest candles of one stream; `seq` is the number of the last one told.

    `whole_from` is the opening time (ms UTC) from which on nothing is missing here.
    """

    def __init__(self, seq: int, whole_from: Millis) -> None:
        self.seq = seq
        self.whole_from = whole_from
        self.lost = 0
        self._waiting: deque[Candle] = deque()

    def hear(self, seq: int, candle: Candle) -> None:
        """Take the candle with the number `seq`; one that was left out before it is missed from here on."""
        if seq != self.seq + 1:
            self._miss(seq - self.seq - 1, candle.opened_at)
        elif self.whole_from == _NEVER:
            self.whole_from = candle.opened_at
        self.seq = seq
        self._waiting.append(candle)
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self.whole_from = self._waiting[0].opened_at

    def told(self, seq: int) -> bool:
        """Compare with the newest number there is; True when something was missed."""
        if seq == self.seq:
            return False
        self._miss(seq - self.seq, _NEVER)
        self.seq = seq
        return True

    def repaired(self, seq: int, whole_from: Millis) -> None:
        """Note that all up to the number `seq`, which opened before `whole_from`, was told another way."""
        if seq > self.seq:
            self._miss(seq - self.seq, whole_from)
            self.seq = seq
        self.whole_from = min(self.whole_from, whole_from)

    def take(self, since: Millis) -> list[Candle] | None:
        """Give what opened at or after `since`, and forget what is older; None when some of that is missing here."""
        if since < self.whole_from:
            return None
        while self._waiting and self._waiting[0].opened_at < since:
            self._waiting.popleft()
        return list(self._waiting)

    def _miss(self, count: int, whole_from: Millis) -> None:
        self.lost += max(count, 0)
        self._waiting.clear()
        self.whole_from = whole_from
