"""An exchange as a market: its past by REST, then each candle as it closes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from investbot.adapters.venues.ccxt.backlog import Backlog
from investbot.adapters.venues.ccxt.connection import Connection
from investbot.adapters.venues.ccxt.elsewhere import Elsewhere, Source
from investbot.adapters.venues.ccxt.followed_prices import FollowedPrices
from investbot.adapters.venues.ccxt.release import Release
from investbot.adapters.venues.ccxt.series import Series
from investbot.adapters.venues.ccxt.shelf import Shelf
from investbot.adapters.venues.merging import merged
from investbot.domain.errors import RateLimited, VenueError, VenueUnavailable
from investbot.domain.market import SECOND, Candle, Cursor, Instrument, Millis, Timeframe
from investbot.ports.clock import Clock
from investbot.ports.history import CandleStore
from investbot.ports.prices import HearPrice
from investbot.ports.venue import MarketFact

WARMUP = 500
LONGEST_PAUSE_S = 15.0
"""Most seconds between two questions for a candle that is due and does not come."""


class CcxtVenue:
    """Public candles of one exchange; `keys` are used where it tells nobody else (see capabilities.toml).

    `settings` go to the ccxt class as they are; `sandbox` takes the market of the venue's test account. `folder` is
    that of the venue's market, shared by all processes of a home, `store` keeps the candles given out, `sources` are
    asked for candles that have been due for half of `stale_after_ms`. `warmup`
    closed candles precede the first one traded on. A candle is asked for `settle_ms` after its close (a quarter of a
    bar at most); a symbol waits at most `grace_ms` for the others' candle of the same close; DataStale says that a
    candle has been due for `stale_after_ms`.
    """

    def __init__(
        self,
        name: str,
        timeframe: Timeframe,
        clock: Clock,
        *,
        settings: Mapping[str, Any] | None = None,
        sandbox: bool = False,
        folder: Path | None = None,
        store: CandleStore | None = None,
        sources: Sequence[Source] = (),
        keys: Mapping[str, str] | None = None,
        warmup: int = WARMUP,
        stale_after_ms: Millis = 120 * SECOND,
        settle_ms: Millis = SECOND,
        grace_ms: Millis = 5 * SECOND,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._timeframe = timeframe
        self._clock = clock
        self._warmup = warmup
        self._stale_after_ms = stale_after_ms
        self._settle_ms = min(settle_ms, timeframe.ms // 4)
        self._grace_ms = grace_ms
        self._sleep = sleep
        self._connection = Connection(name, settings or {}, clock, jitter, sandbox=sandbox, folder=folder, keys=keys)
        self._shelf = Shelf(store, clock.monotonic)
        self._prices = FollowedPrices(self._connection, clock.monotonic, sleep)
        self._elsewhere = Elsewhere(sources, store, stale_after_ms // 2)
        self._instruments: dict[str, Instrument] = {}
        self._opened_at: Millis = 0
        self._series: list[Series] = []
        self._pauses: dict[str, tuple[int, float]] = {}
        self._release: Release | None = None
        self._news: asyncio.Queue[MarketFact | VenueError | None] = asyncio.Queue()
        self._polling = False

    async def open(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Load the markets; DataError names near symbols for one that is unknown, VenueError tells of no answer."""
        self._instruments = await self._connection.open(symbols, self._timeframe)
        self._opened_at = self._connection.now()
        return dict(self._instruments)

    async def facts(self, anchors: Mapping[str, Millis], cursor: Cursor | None) -> AsyncIterator[MarketFact]:
        """Stream the past from the anchors (or `warmup` candles ago) on, then what `poll` finds; VenueError."""
        step = self._timeframe.ms
        first = (self._connection.now() // step - self._warmup) * step
        self._series = [
            Series(instrument, self._timeframe, anchors.get(symbol, first), self._settle_ms)
            for symbol, instrument in self._instruments.items()
        ]
        release = Release(
            tuple(self._instruments), self._timeframe, self._opened_at, self._grace_ms, self._stale_after_ms
        )
        backlogs = [
            Backlog(self._connection, series, self._timeframe, self._sleep, self._shelf) for series in self._series
        ]
        async for _, candle in merged(backlogs):
            self._prices.closed(candle)
            yield release.past(candle, self._connection.now())
        self._release = release
        self._connection.listen(tuple(self._instruments), self._timeframe, self._hear, self._sleep)
        while (news := await self._news.get()) is not None:
            if isinstance(news, VenueError):
                raise news
            if isinstance(news, Candle):
                self._prices.closed(news)
            yield news

    async def poll(self) -> None:
        """Ask for the candles that are due, once the past has been read; what goes wrong is told by `health`."""
        self._prices.look()
        release = self._release
        if release is None or self._polling:
            return
        self._polling = True
        try:
            if not self._connection.blocked_s():
                await self._ask(release)
            await self._ask_elsewhere(release)
            for fact in release.ready(self._connection.now()):
                self._news.put_nowait(fact)
            await self._shelf.write()
        finally:
            self._polling = False

    def follow(self, symbols: Collection[str], heard: HearPrice) -> None:
        """Tell prices between two closes of just these symbols; what waits or is silent is looked after by `poll`."""
        known = self._instruments
        self._prices.want({symbol: known[symbol] for symbol in symbols if symbol in known}, heard)

    def now(self) -> Millis:
        """The venue's time in milliseconds UTC, by its own clock where it tells it."""
        return self._connection.now()

    def health(self) -> Mapping[str, str]:
        """Tell the source, its clock, the last error, and what was odd in its candles."""
        told = self._connection.health() | self._elsewhere.health() | self._prices.health()
        bad, holes = sum(series.bad_rows for series in self._series), sum(series.holes for series in self._series)
        told |= {"bad_rows": str(bad)} if bad else {}
        told |= {"holes": str(holes)} if holes else {}
        stale = () if self._release is None else self._release.stale
        return told | ({"stale": ", ".join(stale)} if stale else {})

    async def close(self) -> None:
        """End the stream and release the connections."""
        self._release = None
        self._news.put_nowait(None)
        await self._shelf.write(at_once=True)
        await self._elsewhere.close()
        await self._prices.stop()
        await self._connection.close()

    def _hear(self, symbol: str, rows: object, final: bool) -> None:  # noqa: FBT001 - as the stream calls it
        """Give out what a stream has told to the end, at once."""
        release, now = self._release, self._connection.now()
        series = next((series for series in self._series if series.instrument.symbol == symbol), None)
        if series is None or release is None:
            return
        since = series.next_at
        given = series.hear(rows, now, final=final)
        if given:
            release.add(given)
            self._shelf.note(series, since, given)
            self._elsewhere.served(symbol)
            for fact in release.ready(now):
                self._news.put_nowait(fact)

    async def _ask(self, release: Release) -> None:
        """Ask for what is due, all symbols at once; one failure makes the next question wait."""
        now, clock = self._connection.now(), self._clock.monotonic()
        due = [
            series
            for series in self._series
            if series.due(now) and self._pauses.get(series.instrument.symbol, (0, 0.0))[1] <= clock
        ]
        results = await asyncio.gather(
            self._connection.sync_if_due(),
            *(self._refresh(series, release, now) for series in due),
            return_exceptions=True,
        )
        errors = [result for result in results if result is not None]
        for error in errors:
            if not isinstance(error, VenueError):
                raise error
            if not isinstance(error, VenueUnavailable | RateLimited):
                self._news.put_nowait(error)
            self._connection.failed(error)
        if due and not errors:
            self._connection.worked()

    async def _ask_elsewhere(self, release: Release) -> None:
        """Look for what the exchange does not show in the other places."""
        now = self._connection.now()
        for series in self._series:
            if self._elsewhere.asks(series, now):
                release.add(await self._elsewhere.ask(series, now))

    async def _refresh(self, series: Series, release: Release, now: Millis) -> None:
        """Ask for the new candles of one series; one that does not come is asked for less and less often."""
        symbol = series.instrument.symbol
        limit = min(self._connection.page(symbol), (now - series.next_at) // self._timeframe.ms + 2)
        answer = await self._connection.candles(symbol, self._timeframe, series.next_at, limit)
        since = series.next_at
        given = series.accept(answer, now)
        release.add(given)
        if given:
            self._shelf.note(series, since, given)
            self._elsewhere.served(symbol)
        if given or series.asks_again or series.pass_over(limit, now):
            self._pauses.pop(symbol, None)
        else:
            tried = self._pauses.get(symbol, (0, 0.0))[0] + 1
            pause = min(2.0 ** (tried - 1), LONGEST_PAUSE_S)
            self._pauses[symbol] = (tried, self._clock.monotonic() + pause)
