"""Where candles come from and, later, orders go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from investbot.domain.facts import Alert, DataFresh, DataStale, Intelligence, SourceEnded
from investbot.domain.market import Candle, Cursor, Instrument, Millis

MarketFact = Candle | DataStale | DataFresh | Alert | Intelligence | SourceEnded


class Venue(Protocol):
    """One market: opened once, read as a stream of facts in the order they happened, closed once.

    A stream begins with the stored past (the whole file of a replay, the warm-up of a live market) and goes on
    with what
    comes; candles of one symbol are strictly ascending and never repeated, those of several symbols are ordered
    by closing
    time and then by the order of `symbols`. On a live market candles that closed before the stream was opened are LATE.
    """

    async def open(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Connect and tell tick, lot and minimum of each symbol.

        DataError for a symbol the venue lacks or a file that cannot be trusted; VenueUnavailable when it does
        not answer.
        """
        ...

    def facts(self, anchors: Mapping[str, Millis], cursor: Cursor | None) -> AsyncIterator[MarketFact]:
        """Stream facts; `anchors` says with which opening time each symbol's series has to begin, where known.

        Up to and including `cursor` nothing is paced: those candles only rebuild what was known.
        """
        ...

    async def poll(self) -> None:
        """Look for new candles now; called by the scheduler. A venue that needs no polling does nothing."""
        ...

    def now(self) -> Millis:
        """The venue's time in milliseconds UTC: a replay's is the close of the last candle given out."""
        ...

    def health(self) -> Mapping[str, str]:
        """Short facts for the operator (source, last error, warnings), no secrets."""
        ...

    async def close(self) -> None:
        """Release connections; safe to call twice."""
        ...
