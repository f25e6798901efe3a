"""What a feed has told of prices: the newest counts, and what comes late or out of turn does not."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from investbot.domain.facts import Tick
from investbot.domain.market import Millis
from investbot.ports.prices import HearPrice

STALE_S = 5.0
"""Seconds after which a price that lay in the socket is no news."""


class PriceMirror:
    """The lines of prices of one conversation; nothing that was left out is asked for again.

    `monotonic` tells seconds of the machine, the same in the feed; `heard` takes each price that counts.
    """

    def __init__(self, monotonic: Callable[[], float], heard: HearPrice) -> None:
        self.lost = 0
        """Prices that were left out for us, or came too late."""
        self.heard = heard
        self._monotonic = monotonic
        self._lines: dict[int, tuple[str, int]] = {}

    def begin(self, lines: dict[int, tuple[str, int]]) -> None:
        """Follow just these lines from here on: symbol and newest number by the number of the line."""
        self._lines = lines

    def hear(self, line: int, seq: int, had_at: float, at: Millis, price: Decimal) -> None:
        """Take the price with the number `seq` of a line, which the feed had at `had_at` (s), `at` in ms UTC."""
        if line not in self._lines:
            return
        symbol, before = self._lines[line]
        if seq <= before:
            return
        self._lines[line] = (symbol, seq)
        self.lost += seq - before - 1
        if self._monotonic() - had_at > STALE_S:
            self.lost += 1
        elif price.is_finite() and price > 0:
            self.heard(Tick(at, symbol, price))
