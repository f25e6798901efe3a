"""The candles of one venue, symbol and timeframe, numbered as they closed; the newest are kept."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, Protocol

from investbot.control.feed_messages import row_of
from investbot.domain.market import Candle, Millis, Timeframe

KEPT = 1000
"""Candles kept at least; twice as many at most."""


class Subscriber(Protocol):
    """Who is told of a stream; a slow one is left out rather than waited for."""

    def push(self, line: bytes) -> bool:
        """Send one line without waiting; False when it was left out."""
        ...


class Stream:
    """Candles in order; `seq` is the number of the newest, `first_at` the opening time from which on all are here.

    `next_at` is the opening time of the next candle wanted; moments in milliseconds UTC.
    """

    def __init__(self, number: int, symbol: str, timeframe: Timeframe) -> None:
        self.number = number
        self.symbol = symbol
        self.timeframe = timeframe
        self.seq = 0
        self.first_at: Millis = 0
        self.next_at: Millis = 0
        self.left_out = 0
        self.subscribers: set[Subscriber] = set()
        self._opened: list[Millis] = []
        self._rows: list[list[Any]] = []

    def begin(self, first_at: Millis) -> None:
        """Say from which opening time on candles will come."""
        self.first_at = self.next_at = first_at

    def add(self, candle: Candle) -> list[Any] | None:
        """Take the next candle and give its row; None for one that is behind us."""
        if candle.opened_at < self.next_at:
            return None
        self.seq += 1
        self.next_at = candle.closed_at
        row = row_of(candle)
        self._opened.append(candle.opened_at)
        self._rows.append(row)
        if len(self._rows) > 2 * KEPT:
            del self._rows[:KEPT], self._opened[:KEPT]
            self.first_at = self._opened[0]
        return row

    def since(self, at: Millis, limit: int) -> tuple[list[list[Any]], bool]:
        """Give at most `limit` rows that opened at or after `at`, and whether there are more."""
        place = bisect_left(self._opened, at)
        rows = self._rows[place : place + limit]
        return rows, place + limit < len(self._rows)

    def tell(self, line: bytes) -> None:
        """Send a line to every subscriber; who is slow loses his place and finds it again by the number."""
        for subscriber in self.subscribers:
            if not subscriber.push(line):
                self.left_out += 1
