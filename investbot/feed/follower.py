"""Follows one stream at its venue, for as long as somebody wants it, and begins anew whenever that breaks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable

from investbot.domain.errors import ConfigError, DataError, InvestBotError, RateLimited, VenueError
from investbot.domain.facts import Tick
from investbot.domain.market import Candle, Instrument, Millis
from investbot.feed.stream import KEPT, Stream
from investbot.ports.prices import HearPrice, Prices
from investbot.ports.venue import Venue

_LOG = logging.getLogger("investbot.feed")
FIRST_S, MOST_S = 1.0, 60.0
"""Seconds before a venue that failed is opened again: at first, and at most, ±25 %."""
CATCH_UP = 10_000
"""Most candles that are read again for the cache after a time without a feed."""
QUIET_S = 5.0
"""Seconds without a candle after which the past counts as read, where the newest one is missing at the venue."""

ODD_RATE = 0.02
"""How far a venue's clock must run from ours to be believed: less is the error of one second's measure."""


class Follower:
    """Runs the venue of one stream; `told` takes each candle that is new.

    `kept_to` tells up to which opening time (ms UTC) the cache has the series: what is missing since is caught up on.
    It is asked on a thread. `monotonic` tells the machine's seconds.
    """

    def __init__(
        self,
        stream: Stream,
        make: Callable[[], Venue],
        told: Callable[[Stream, Candle], None],
        kept_to: Callable[[], Millis | None],
        monotonic: Callable[[], float],
        jitter: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.stream = stream
        self.instrument: Instrument | None = None
        self.refusal: InvestBotError | None = None
        self.trouble = "its venue is being opened"
        self._make = make
        self._told = told
        self._kept_to = kept_to
        self._monotonic = monotonic
        self._jitter = jitter
        self._sleep = sleep
        self._venue: Venue | None = None
        self._heard = monotonic()
        self._rated: tuple[float, Millis] = (0.0, 0)
        self._rate = 1.0
        self._read = asyncio.Event()
        self._priced: HearPrice | None = None

    async def run(self) -> None:
        """Follow until cancelled; DataError and ConfigError are kept as `refusal` and end it."""
        failed = 0
        while True:
            seq = self.stream.seq
            try:
                await self._follow()
            except (DataError, ConfigError) as error:
                self.refusal = error
                self._read.set()
                _LOG.warning("refused", extra={"fields": {"symbol": self.stream.symbol, "message": str(error)}})
                return
            except VenueError as error:
                failed = 1 if self.stream.seq > seq else failed + 1
                self.trouble = str(error)
                _LOG.warning("stream_broke", extra={"fields": {"symbol": self.stream.symbol, "message": str(error)}})
                told = error.retry_after_s if isinstance(error, RateLimited) else 0.0
                pause = min(FIRST_S * 2.0 ** min(failed - 1, 10), MOST_S) * (0.75 + 0.5 * self._jitter())
                await self._sleep(max(told, pause))

    async def poll(self) -> None:
        """Let the venue look for what is due, and look how it is."""
        venue = self._venue
        if venue is None:
            return
        await venue.poll()
        told = venue.health()
        self.trouble = told.get("last_error", "") if told.get("failures_in_a_row", "0") != "0" else ""
        if self._monotonic() - self._heard > QUIET_S:
            self._read.set()

    async def ready(self) -> None:
        """Wait until the past has been read, or the venue has refused."""
        await self._read.wait()

    def price(self, heard: HearPrice | None) -> None:
        """Let the venue tell prices between two closes as well, now and whenever it is opened; None: no more."""
        self._priced = heard
        venue = self._venue
        if venue is not None and isinstance(venue, Prices):
            symbols = () if heard is None else (self.stream.symbol,)
            venue.follow(symbols, heard or _nobody)

    def clock(self) -> tuple[float, Millis, float]:
        """Tell a moment by the machine's monotonic clock (s), the venue's time then (ms UTC), and the venue's rate.

        While the venue is not open its time goes on as it did.
        """
        at, venue = self._monotonic(), self._venue
        before_at, before = self._rated
        if venue is None:
            return at, before + round((at - before_at) * 1000.0 * self._rate), self._rate
        told = venue.now()
        if not before:
            self._rated = (at, told)
        elif at - before_at >= 1.0:
            rate = max((told - before) / 1000.0 / (at - before_at), 0.0)
            self._rate = 1.0 if abs(rate - 1.0) < ODD_RATE else rate
            self._rated = (at, told)
        return at, told, self._rate

    async def _first_at(self, now: Millis) -> Millis:
        """Begin with what is told to subscribers, or where the cache ends if that is not too long ago."""
        step = self.stream.timeframe.ms
        first, kept_to = now - KEPT * step, await asyncio.to_thread(self._kept_to)
        return first if kept_to is None else min(first, max(kept_to, now - CATCH_UP * step))

    async def _follow(self) -> None:
        stream, venue = self.stream, self._make()
        try:
            self.instrument = (await venue.open([stream.symbol]))[stream.symbol]
            step = stream.timeframe.ms
            if not stream.next_at:
                stream.begin(await self._first_at(venue.now() // step * step))
            self._venue, self._heard, self.trouble = venue, self._monotonic(), ""
            self.clock()
            if self._priced is not None:
                self.price(self._priced)
            facts = venue.facts({stream.symbol: stream.next_at}, None)
            try:
                async for fact in facts:
                    if isinstance(fact, Candle):
                        self._heard = self._monotonic()
                        self._told(stream, fact)
                        if fact.closed_at + step > venue.now():
                            self._read.set()
            finally:
                if isinstance(facts, AsyncGenerator):
                    await facts.aclose()
        finally:
            self._venue = None
            await venue.close()


def _nobody(_tick: Tick) -> None:
    """Hear nothing."""
