"""Candles from other places while the own exchange shows none: other exchanges in order, the market cache last."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from investbot.adapters.venues.ccxt.connection import Connection
from investbot.adapters.venues.ccxt.series import Series
from investbot.domain.errors import ConfigError, DataError, VenueError
from investbot.domain.market import Candle, Millis
from investbot.ports.history import CandleStore

CACHE = "market cache"


@dataclass(slots=True)
class Source:
    """Another exchange and what it calls our symbols; `useless` says why it is never asked again."""

    connection: Connection
    symbols: Mapping[str, str]
    opened: bool = False
    useless: str = ""


class Elsewhere:
    """Asks for a candle that has been due for `patience_ms`; once it has served a symbol it is asked at once.

    What others show is good enough to judge by. It is not kept: the own exchange will show its own one day.
    """

    def __init__(self, sources: Sequence[Source], store: CandleStore | None, patience_ms: Millis) -> None:
        self._sources = sources
        self._store = store
        self._patience_ms = patience_ms
        self.serving: dict[str, str] = {}
        """Symbols whose newest candle was not the own exchange's, and who told it."""

    def asks(self, series: Series, now: Millis) -> bool:
        """Tell whether a candle should be looked for here."""
        if not series.due(now):
            return False
        overdue = now - series.next_at - series.timeframe.ms
        return series.instrument.symbol in self.serving or overdue > self._patience_ms

    async def ask(self, series: Series, now: Millis) -> list[Candle]:
        """Look for what is due, in order; empty where nobody has it."""
        symbol = series.instrument.symbol
        for source in self._sources:
            given = await self._from(source, series, now)
            if given:
                self.serving[symbol] = source.connection.name
                return given
        given = await self._from_store(series, now)
        if given:
            self.serving[symbol] = CACHE
        return given

    def served(self, symbol: str) -> None:
        """Note that the own exchange shows candles of a symbol."""
        self.serving.pop(symbol, None)

    def health(self) -> dict[str, str]:
        """Name the sources in order, who serves which symbol now, and what is wrong with them."""
        told: dict[str, str] = {}
        if self._sources:
            told["sources"] = ", ".join([*(each.connection.name for each in self._sources), CACHE])
        for symbol, name in self.serving.items():
            told[f"source {symbol}"] = name
        for each in self._sources:
            error = each.useless or each.connection.health().get("last_error", "")
            told |= {f"source {each.connection.name}": error} if error else {}
        return told

    async def close(self) -> None:
        """Release the connections."""
        for source in self._sources:
            source.opened = False
            await source.connection.close()

    async def _from(self, source: Source, series: Series, now: Millis) -> list[Candle]:
        connection, symbol, frame = source.connection, series.instrument.symbol, series.timeframe
        if source.useless or connection.blocked_s():
            return []
        theirs = source.symbols.get(symbol, symbol)
        limit = min(300, (now - series.next_at) // frame.ms + 2)
        try:
            if not source.opened:
                await connection.open(list(source.symbols.values()), frame)
                source.opened = True
            answer = await connection.candles(theirs, frame, series.next_at, limit)
            given = series.accept(answer, now)
        except (DataError, ConfigError) as error:
            source.useless = str(error)
            return []
        except VenueError as error:
            connection.failed(error)
            return []
        connection.worked()
        return given

    async def _from_store(self, series: Series, now: Millis) -> list[Candle]:
        """Take what another process of this home has kept meanwhile."""
        if self._store is None:
            return []
        step = series.timeframe.ms
        limit = (now - series.next_at) // step
        kept = await asyncio.to_thread(
            self._store.read, series.instrument.symbol, series.timeframe, series.next_at, limit
        )
        return series.recall(kept.rows, kept.until)
