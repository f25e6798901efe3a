"""Facts of the past between its candles, in one order for every host."""

from __future__ import annotations

from collections.abc import Sequence

from investbot.domain.facts import Alert, Intelligence
from investbot.domain.market import Millis

Told = Alert | Intelligence
"""What can be told of the past beside its candles."""


class Schedule:
    """Gives out each fact once, in the order of their moments.

    A fact comes after every candle that closed at or before its moment, and before the first that closes later: it is
    never known before its time, and what was said at a close is judged by the candle of that close.
    """

    def __init__(self, facts: Sequence[Told], since: Millis = 0) -> None:
        """Hold the facts from `since` on, milliseconds UTC."""
        self._facts = sorted((fact for fact in facts if fact.at >= since), key=lambda fact: fact.at)
        self._next = 0

    def before(self, closed_at: Millis) -> Sequence[Told]:
        """Take those that come before a candle which closes at `closed_at`, milliseconds UTC."""
        first = self._next
        while self._next < len(self._facts) and self._facts[self._next].at < closed_at:
            self._next += 1
        return self._facts[first : self._next]
