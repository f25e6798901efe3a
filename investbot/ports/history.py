"""Closed candles that are kept on this machine, so that nobody has to ask a venue for them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from investbot.domain.market import Millis, Timeframe

Row = tuple[Millis, float, float, float, float, float]
"""Opening time (milliseconds UTC), open, high, low, close (quote per base), volume (base)."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Rows that were kept, ascending, and the opening time before which nothing is missing but what never was."""

    rows: tuple[Row, ...]
    until: Millis


class CandleStore(Protocol):
    """The kept candles of one venue; safe to use from several processes and threads."""

    def read(self, symbol: str, timeframe: Timeframe, since: Millis, limit: int) -> Kept:
        """Give at most `limit` bars from the one that opens at `since` on, as far as they are known without a break.

        A store that cannot be read knows nothing.
        """
        ...

    def keep(self, symbol: str, timeframe: Timeframe, since: Millis, until: Millis, rows: Sequence[Row]) -> None:
        """Keep all that the venue has between the opening times `since` and `until`: what is not in `rows` never was.

        OSError where it cannot be written.
        """
        ...
