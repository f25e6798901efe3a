"""The prices that somebody wants of one exchange: by stream, by asking where that is silent; one a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from investbot.adapters.venues.ccxt.connection import Connection
from investbot.adapters.venues.ccxt.failures import backoff
from investbot.adapters.venues.ccxt.price_source import PriceSource
from investbot.adapters.venues.ccxt.quotes import Quotes
from investbot.adapters.venues.ccxt.watching import Watching
from investbot.domain.errors import RateLimited, VenueError
from investbot.domain.facts import Tick
from investbot.domain.market import Candle, Instrument
from investbot.ports.prices import HearPrice

EVERY_S = 1.0
"""Seconds of the wall between two prices of a symbol, at least."""
QUIET_S = 5.0
"""Seconds without a good price after which a stream is not relied upon."""
ASK_S = 3.0
"""Seconds between two questions for a price that no stream tells."""


@dataclass(slots=True)
class _Line:
    """One symbol that is followed; moments in seconds of the monotonic clock, None for never."""

    instrument: Instrument
    watching: Watching | None
    heard_at: float | None
    newest: Decimal | None = None
    told_at: float | None = None
    ask_from: float = 0.0
    failed: int = 0
    asking: asyncio.Task[None] | None = None


class FollowedPrices:
    """Follows what is wanted over an open connection; `look` has to come round several times a second."""

    def __init__(
        self,
        connection: Connection,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._connection = connection
        self._monotonic = monotonic
        self._sleep = sleep
        self._quotes = Quotes()
        self._heard: HearPrice = _nobody
        self._lines: dict[str, _Line] = {}
        self._wanted: Mapping[str, Instrument] = {}
        self._source: PriceSource | None = None
        self._leaving: dict[str, asyncio.Task[None]] = {}
        self._error = ""

    def want(self, instruments: Mapping[str, Instrument], heard: HearPrice) -> None:
        """Follow just these symbols from now on, and tell `heard`."""
        self._wanted, self._heard = dict(instruments), heard
        for symbol in [symbol for symbol in self._lines if symbol not in self._wanted]:
            line = self._lines.pop(symbol)
            if line.asking is not None:
                line.asking.cancel()
            if line.watching is not None and self._source is not None:
                self._leaving[symbol] = asyncio.create_task(self._source.leave(symbol, line.watching))
        if self._wanted:
            self.look()

    def closed(self, candle: Candle) -> None:
        """Note the last close of a symbol."""
        self._quotes.closed(candle.symbol, candle.close)

    def look(self) -> None:
        """Begin what is wanted, tell what has waited for its second, ask where a stream is silent."""
        for symbol in [symbol for symbol, task in self._leaving.items() if task.done()]:
            self._leaving.pop(symbol).result()
        for symbol, instrument in self._wanted.items():
            if symbol not in self._lines and symbol not in self._leaving:
                self._begin(instrument)
        for line in self._lines.values():
            self._tell(line)
            self._ask_if_silent(line)

    def health(self) -> dict[str, str]:
        """Tell how the prices that are wanted come, and how many were dropped; nothing while there is nothing."""
        lines = self._lines.values()
        streams = all(line.watching is not None and not self._silent(line) for line in lines)
        told = {"prices": "stream" if streams else "polling"} if lines else {}
        told |= {"price_error": self._error} if lines and self._error else {}
        return told | {f"prices_{why}": str(count) for why, count in self._quotes.dropped.items()}

    async def stop(self) -> None:
        """End everything; safe to call twice."""
        lines, self._lines, self._wanted, self._source = self._lines, {}, {}, None
        leaving, self._leaving = self._leaving, {}
        ending = [line.asking for line in lines.values() if line.asking is not None] + list(leaving.values())
        for task in ending:
            task.cancel()
        for line in lines.values():
            if line.watching is not None:
                await line.watching.stop()
        if ending:
            await asyncio.wait(ending)

    def _begin(self, instrument: Instrument) -> None:
        self._source = self._source or self._connection.prices(self._sleep)
        if self._source is not None:
            watching = self._source.watch(instrument.symbol, self._hear)
            heard_at = None if watching is None else self._monotonic()
            self._lines[instrument.symbol] = _Line(instrument, watching, heard_at)

    def _hear(self, symbol: str, answer: object) -> None:
        """Take what a stream tells; None: it broke."""
        line = self._lines.get(symbol)
        if line is None:
            return
        if answer is None:
            line.heard_at = None
        elif self._take(line, answer):
            line.heard_at = self._monotonic()

    def _take(self, line: _Line, answer: object) -> bool:
        rate = 1.0 if self._source is None else self._source.rate()
        price = self._quotes.take(line.instrument, answer, self._connection.now(), rate)
        if price is None:
            return False
        line.newest = price
        self._tell(line)
        return True

    def _tell(self, line: _Line) -> None:
        """Tell the newest price, if the last one is a second ago."""
        now = self._monotonic()
        if line.newest is None or (line.told_at is not None and now - line.told_at < EVERY_S):
            return
        price, line.newest, line.told_at = line.newest, None, now
        self._heard(Tick(self._connection.now(), line.instrument.symbol, price))

    def _silent(self, line: _Line) -> bool:
        return line.heard_at is None or self._monotonic() - line.heard_at >= QUIET_S

    def _ask_if_silent(self, line: _Line) -> None:
        if line.asking is not None and line.asking.done():
            line.asking.result()
            line.asking = None
        source = self._source
        if source is None or not source.asks or line.asking is not None or not self._silent(line):
            return
        if self._monotonic() >= line.ask_from and not self._connection.blocked_s():
            line.asking = asyncio.create_task(self._ask(source, line))

    async def _ask(self, source: PriceSource, line: _Line) -> None:
        """Ask once; a venue that does not answer is asked less and less often."""
        try:
            answer = await source.ask(line.instrument.symbol)
        except VenueError as error:
            line.failed += 1
            self._error = str(error)
            if isinstance(error, RateLimited):
                self._connection.failed(error)
            pause = max(ASK_S, backoff(line.failed, source.jitter))
        else:
            line.failed, self._error, pause = 0, "", ASK_S
            self._take(line, answer)
        line.ask_from = self._monotonic() + pause


def _nobody(_tick: Tick) -> None:
    """Hear nothing."""
