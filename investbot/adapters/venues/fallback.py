"""The own venue of an instance whose candles come from a feed: open while the feed is missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence

from investbot.adapters.venues.ccxt.failures import backoff
from investbot.domain.errors import RateLimited, VenueError
from investbot.domain.market import Candle, Instrument, Millis
from investbot.ports.prices import HearPrice, Prices
from investbot.ports.venue import Venue

PATIENCE_S = 3.0
"""Seconds (±25 %) that a feed which went away may take to come back: a hundred instances do not all ask at once."""
TROUBLE_S = 20.0
"""Seconds that a candle may be overdue while the feed says that it cannot reach the venue."""


class Fallback:
    """One venue at a time, open only while it is needed."""

    def __init__(self, make: Callable[[], Venue], monotonic: Callable[[], float], jitter: Callable[[], float]) -> None:
        self._make = make
        self._monotonic = monotonic
        self._jitter = jitter
        self._venue: Venue | None = None
        self._instruments: Mapping[str, Instrument] = {}
        self._ask_from = 0.0
        self._overdue_since: float | None = None
        self._failed = 0
        self._error = ""
        self._uses = 0

    def missed(self, patience_s: float = PATIENCE_S) -> None:
        """Note that the feed has gone just now: nothing is asked for `patience_s` seconds, ±25 %."""
        self._ask_from = max(self._ask_from, self._monotonic() + patience_s * (0.75 + 0.5 * self._jitter()))

    def may_be_asked(self) -> bool:
        """Tell whether patience, and the pause after a failure, are over."""
        return self._monotonic() >= self._ask_from

    def outwaited(self, *, overdue: bool) -> bool:
        """Tell whether a candle has been overdue for so long that a feed in trouble is no longer waited for."""
        if not overdue:
            self._overdue_since = None
            return False
        now = self._monotonic()
        self._overdue_since = now if self._overdue_since is None else self._overdue_since
        return now - self._overdue_since > TROUBLE_S

    async def open(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Build and open the venue unless it is open; DataError, ConfigError, VenueError."""
        if self._venue is None:
            venue = self._make()
            try:
                self._instruments = await venue.open(symbols)
            except BaseException:
                await venue.close()
                raise
            self._venue = venue
            self._uses += 1
        return self._instruments

    async def candles(self, anchors: Mapping[str, Millis], wake: asyncio.Event) -> AsyncGenerator[Candle | None, None]:
        """Stream the candles of the open venue, and None whenever `wake` is set."""
        venue = self._venue
        if venue is None:
            return
        stream = venue.facts(anchors, None)
        reading: asyncio.Future[object] | None = None
        try:
            while True:
                reading = reading or asyncio.ensure_future(anext(stream, None))
                if not reading.done():
                    waking = asyncio.ensure_future(wake.wait())
                    await asyncio.wait((reading, waking), return_when=asyncio.FIRST_COMPLETED)
                    waking.cancel()
                if not reading.done():
                    wake.clear()
                    yield None
                    continue
                fact, reading = reading.result(), None
                if fact is None:
                    return
                self._failed, self._error = 0, ""
                yield fact if isinstance(fact, Candle) else None
        finally:
            if reading is not None:
                reading.cancel()
                await asyncio.wait((reading,))
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()

    def failed(self, error: VenueError) -> None:
        """Note a failure: the venue is left alone for as long as it asks, or longer with each failure in a row."""
        self._failed += 1
        self._error = str(error)
        wait = error.retry_after_s if isinstance(error, RateLimited) else backoff(self._failed, self._jitter)
        self._ask_from = self._monotonic() + wait

    def follow(self, symbols: Collection[str], heard: HearPrice) -> None:
        """Let the venue tell prices, if it is open."""
        venue = self._venue
        if venue is not None and isinstance(venue, Prices):
            venue.follow(symbols, heard)

    async def poll(self) -> None:
        """Let the venue look for news, if it is open."""
        if self._venue is not None:
            await self._venue.poll()

    def now(self) -> Millis | None:
        """The open venue's time in milliseconds UTC, None while it is closed."""
        return None if self._venue is None else self._venue.now()

    def health(self) -> Mapping[str, str]:
        """Tell how the venue is while it is open, and how often it was needed."""
        told = {} if self._venue is None else dict(self._venue.health())
        told |= {"own_uses": str(self._uses)} if self._uses else {}
        return told | ({"own_error": self._error} if self._error else {})

    async def close(self) -> None:
        """Close the venue; safe to call twice."""
        venue, self._venue = self._venue, None
        if venue is not None:
            await venue.close()
