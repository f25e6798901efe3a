"""Public candles out of the host's feed, and out of an own venue where the feed is gone; none twice, none left out."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from investbot.adapters.venues.ccxt.release import Release
from investbot.adapters.venues.fallback import Fallback
from investbot.domain.errors import RateLimited, VenueUnavailable
from investbot.domain.facts import DataFresh, DataStale, Tick
from investbot.domain.market import SECOND, Candle, Cursor, Instrument, Millis, Quality, Timeframe
from investbot.ports.clock import Clock
from investbot.ports.feed import CandleFeed
from investbot.ports.prices import HearPrice
from investbot.ports.venue import MarketFact, Venue

WARMUP = 500
"""Closed candles before the first one traded on, where nothing is anchored."""
GRACE_MS = 5 * SECOND
"""How long a symbol waits for the others' candle of the same close, milliseconds."""
FEED, OWN = "feed", "own"
_NEVER: Millis = 1 << 62


class FedVenue:
    """One stream out of two sources, joined by opening time.

    The feed serves while it is up and goes back far enough; `make_own` builds the venue that is asked otherwise, and
    is closed again once the feed is back. DataStale says that a candle has been due for `stale_after_ms`.
    """

    def __init__(
        self,
        feed: CandleFeed,
        make_own: Callable[[], Venue],
        timeframe: Timeframe,
        clock: Clock,
        *,
        stale_after_ms: Millis = 120 * SECOND,
        warmup: int = WARMUP,
        grace_ms: Millis = GRACE_MS,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._feed = feed
        self._own = Fallback(make_own, clock.monotonic, jitter)
        self._timeframe = timeframe
        self._clock = clock
        self._warmup = warmup
        self._grace_ms = grace_ms
        self._stale_after_ms = stale_after_ms
        self._instruments: Mapping[str, Instrument] = {}
        self._opened_at: Millis = 0
        self._next: dict[str, Millis] = {}
        self._given_to: Millis = 0
        self._stale: set[str] = set()
        self._wake = asyncio.Event()
        self._latest: Millis = 0
        self._source = FEED
        self._closed = False
        self._wanted: frozenset[str] = frozenset()
        self._heard: HearPrice = _nobody

    async def open(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Ask the feed, or else the venue itself, what is traded; DataError, ConfigError, VenueError."""
        told = await self._feed.open(symbols, self._wake.set)
        if told is None:
            self._source = OWN
            told = await self._own.open(symbols)
        self._instruments = {symbol: told[symbol] for symbol in symbols}
        self._opened_at = self.now()
        return dict(self._instruments)

    async def facts(self, anchors: Mapping[str, Millis], cursor: Cursor | None) -> AsyncIterator[MarketFact]:
        """Stream the past from the anchors (or `warmup` candles ago) on, then what comes, whoever has it."""
        step = self._timeframe.ms
        first = (self.now() // step - self._warmup) * step
        self._next = {symbol: anchors.get(symbol, first) for symbol in self._instruments}
        while not self._closed:
            source = self._fed() if self._feed_serves() else self._owned()
            async with contextlib.aclosing(source):
                async for candle in source:
                    if candle is not None and candle.opened_at >= self._next[candle.symbol]:
                        yield self._joined(candle)
                    for fact in self._staleness():
                        yield fact

    async def poll(self) -> None:
        """Look whether something is due or overdue, and let the own venue look for news where it is in use."""
        self._wake.set()
        await self._own.poll()

    def follow(self, symbols: Collection[str], heard: HearPrice) -> None:
        """Tell prices between two closes, by whoever serves; while they are wanted a missing feed is stood in for."""
        self._wanted, self._heard = frozenset(symbols), heard
        self._steer()
        self._wake.set()

    def now(self) -> Millis:
        """The venue's time in milliseconds UTC, by whoever serves; it never goes back."""
        own, fed = self._own.now(), self._feed.now()
        first, second = (fed, own) if self._feed.up else (own, fed)
        told = first if first is not None else second
        self._latest = max(self._latest, self._clock.now() if told is None else told)
        return self._latest

    def health(self) -> Mapping[str, str]:
        """Tell where the candles come from, and how that source is."""
        told = {**self._own.health(), **self._feed.health(), "candles": self._source}
        return told | ({"stale": ", ".join(sorted(self._stale))} if self._stale else {})

    async def close(self) -> None:
        """End the stream and hang up; safe to call twice."""
        self._closed = True
        self._wake.set()
        await self._feed.close()
        await self._own.close()

    def _steer(self) -> None:
        """Let whoever serves tell the prices, and the other none."""
        fed = self._source == FEED
        self._feed.follow(self._wanted if fed else (), self._heard)
        self._own.follow(() if fed else self._wanted, self._heard)

    def _feed_serves(self) -> bool:
        """Tell whether the feed has all that is wanted next, and can be expected to have news."""
        feed = self._feed
        if self._wanted and not feed.tells_prices:
            return False
        if not feed.up or any(feed.first_at(symbol) > wanted for symbol, wanted in self._next.items()):
            return False
        trouble = bool(feed.trouble)
        outwaited = self._own.outwaited(overdue=trouble and self._missed())
        return not trouble or (self._source == FEED and not outwaited)

    def _missed(self) -> bool:
        """Tell whether something is missed by now: a candle that is due, or prices at any time."""
        return bool(self._wanted) or self._overdue()

    def _overdue(self) -> bool:
        return min(self._next.values()) + self._timeframe.ms <= self.now()

    async def _fed(self) -> AsyncGenerator[Candle | None, None]:
        """Give out what the feed tells, and None between, until it is gone or has nothing to tell."""
        self._source = FEED
        self._steer()
        symbols = tuple(self._instruments)
        release = Release(symbols, self._timeframe, self._opened_at, self._grace_ms, _NEVER)
        taken = dict(self._next)
        for symbol, given_to in taken.items():
            release.known(symbol, given_to)
        while not self._closed:
            self._wake.clear()
            for symbol in symbols:
                candles = await self._feed.candles(symbol, taken[symbol])
                if candles is None:
                    self._own.missed()
                    return
                if candles:
                    release.add(candles)
                    taken[symbol] = candles[-1].closed_at
            for fact in release.ready(self.now()):
                if isinstance(fact, Candle):
                    yield fact
            yield None
            if not self._feed_serves():
                return
            await self._wake.wait()

    async def _owned(self) -> AsyncGenerator[Candle | None, None]:
        """Give out what the own venue tells, and None between, until the feed can serve again."""
        while not (self._missed() and self._own.may_be_asked()):
            yield None
            self._wake.clear()
            if self._closed or self._feed_serves():
                return
            await self._wake.wait()
        self._source = OWN
        try:
            await self._own.open(tuple(self._instruments))
            self._steer()
            async with contextlib.aclosing(self._own.candles(dict(self._next), self._wake)) as candles:
                async for candle in candles:
                    yield candle
                    if self._closed or self._feed_serves():
                        return
        except (VenueUnavailable, RateLimited) as error:
            if not self._given_to:
                raise
            self._own.failed(error)
        finally:
            await self._own.close()

    def _joined(self, candle: Candle) -> Candle:
        """Note a candle as given; it is LATE when another symbol is already further."""
        self._next[candle.symbol] = candle.closed_at
        late = candle.closed_at < self._given_to
        self._given_to = max(self._given_to, candle.closed_at)
        return replace(candle, quality=Quality.LATE) if late else candle

    def _staleness(self) -> Iterator[MarketFact]:
        """Say which series have become stale or fresh, whoever told their candles."""
        now = self.now()
        for symbol, due in self._next.items():
            overdue = now - max(due, self._opened_at) - self._timeframe.ms
            if symbol in self._stale and overdue <= self._stale_after_ms:
                self._stale.discard(symbol)
                yield DataFresh(now, symbol)
            elif symbol not in self._stale and overdue > self._stale_after_ms:
                self._stale.add(symbol)
                yield DataStale(now, symbol, f"no candle of {self._timeframe} for {overdue // 1000} s too long")


def _nobody(_tick: Tick) -> None:
    """Hear nothing."""
