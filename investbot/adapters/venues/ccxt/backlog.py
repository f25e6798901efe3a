"""The past of one symbol, a page at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from investbot.adapters.venues.ccxt.connection import Connection
from investbot.adapters.venues.ccxt.series import Series
from investbot.adapters.venues.ccxt.shelf import Shelf
from investbot.domain.errors import RateLimited, VenueUnavailable
from investbot.domain.market import Candle, Timeframe

TRIES = 6
"""Failures in a row before the past is given up."""


class Backlog:
    """Reads a series from where it stands up to the newest closed candle; VenueUnavailable after repeated failures."""

    def __init__(
        self,
        connection: Connection,
        series: Series,
        timeframe: Timeframe,
        sleep: Callable[[float], Awaitable[None]],
        shelf: Shelf,
    ) -> None:
        self._connection = connection
        self._series = series
        self._timeframe = timeframe
        self._sleep = sleep
        self._shelf = shelf
        self._page: list[Candle] = []
        self._at = 0

    def ready(self) -> Candle | None:
        """Take the next candle if it is in memory."""
        if self._at < len(self._page):
            self._at += 1
            return self._page[self._at - 1]
        return None

    async def next(self) -> Candle | None:
        """Fetch the next page and take its first candle; None when the series has caught up, or its venue is closed."""
        series = self._series
        size = self._connection.page(series.instrument.symbol)
        self._page, self._at = [], 0
        while not (self._page or self._connection.closed) and series.due(self._connection.now()):
            since = series.next_at
            self._page = await self._shelf.recall(series, self._connection.now())
            if series.next_at != since:
                continue
            await self._fetch(size)
            if self._page:
                await self._shelf.keep(series, since, self._page)
            if not (self._page or series.asks_again or series.pass_over(size, self._connection.now())):
                break  # what is missing now has not arrived at the venue yet
        return self.ready()

    async def _fetch(self, size: int) -> None:
        connection, series = self._connection, self._series
        tried = 0
        while True:
            tried += 1
            now = connection.now()
            limit = min(size, (now - series.next_at) // self._timeframe.ms + 2)
            try:
                answer = await connection.candles(series.instrument.symbol, self._timeframe, series.next_at, limit)
                self._page = series.accept(answer, now)
            except (VenueUnavailable, RateLimited) as error:
                if connection.closed:
                    return
                connection.failed(error)
                if tried == TRIES:
                    raise
                await self._sleep(connection.blocked_s())
            else:
                connection.worked()
                return
