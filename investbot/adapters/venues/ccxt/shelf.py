"""What is kept of the candles given out, so that the next start does not ask for them again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from investbot.adapters.venues.ccxt.series import Series
from investbot.domain.market import Candle, Millis
from investbot.ports.history import CandleStore, Kept, Row

_LOG = logging.getLogger("investbot.venues")
PAGE = 2000
"""Bars read at once."""
EVERY_S = 30.0
"""Seconds of the wall between two writings of live candles."""


class Shelf:
    """Reads and writes the market cache for one venue; without a store, or where it fails, it knows nothing."""

    def __init__(self, store: CandleStore | None, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._monotonic = monotonic
        self._writes = True
        self._fresh: list[tuple[Series, Millis, list[Row]]] = []
        self._written_at = monotonic()

    async def recall(self, series: Series, now: Millis) -> list[Candle]:
        """Give the next candles that are kept and have closed; the series goes on behind them."""
        if self._store is None:
            return []
        store, symbol, frame, since = self._store, series.instrument.symbol, series.timeframe, series.next_at
        limit = min(PAGE, (now - since) // frame.ms)
        kept: Kept = await asyncio.to_thread(store.read, symbol, frame, since, limit)
        return series.recall(kept.rows, kept.until)

    async def keep(self, series: Series, since: Millis, candles: Sequence[Candle]) -> None:
        """Keep what was asked for from the opening time `since` on."""
        if self._store is not None and self._writes:
            rows = [_row(candle) for candle in candles]
            await asyncio.to_thread(self._put, series, since, candles[-1].closed_at, rows)

    def note(self, series: Series, since: Millis, candles: Sequence[Candle]) -> None:
        """Remember live candles until they are written; `since` is where the series stood before them."""
        if self._store is None or not self._writes or not candles:
            return
        rows = [_row(candle) for candle in candles]
        for known, _, before in self._fresh:
            if known is series and before[-1][0] + series.timeframe.ms == since:
                before.extend(rows)
                return
        self._fresh.append((series, since, rows))

    async def write(self, *, at_once: bool = False) -> None:
        """Write live candles, every so often."""
        now = self._monotonic()
        if self._fresh and (at_once or now - self._written_at >= EVERY_S):
            fresh, self._fresh = self._fresh, []
            self._written_at = now
            await asyncio.to_thread(self._put_all, fresh)

    def _put_all(self, fresh: list[tuple[Series, Millis, list[Row]]]) -> None:
        for series, since, rows in fresh:
            self._put(series, since, rows[-1][0] + series.timeframe.ms, rows)

    def _put(self, series: Series, since: Millis, until: Millis, rows: Sequence[Row]) -> None:
        """Write; a disk that takes nothing, or may not be written, is no reason not to trade."""
        try:
            if self._store is not None:
                self._store.keep(series.instrument.symbol, series.timeframe, since, until, rows)
        except OSError as error:
            self._writes = False
            _LOG.info("candles_not_kept", extra={"fields": {"why": error.strerror}})


def _row(candle: Candle) -> Row:
    bar = candle.bar
    return candle.opened_at, float(candle.open), float(candle.high), float(candle.low), float(candle.close), bar.volume
