"""Candles as an exchange tells them by websocket: quicker than asking, never trusted to be whole."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from decimal import getcontext, setcontext
from typing import Any

from investbot.adapters.venues.ccxt.failures import failures
from investbot.domain.market import Timeframe

FIRST_S, MOST_S = 5.0, 60.0
"""Seconds before a stream that broke is tried again: at first, and at most."""
LONGEST_SILENCE_MS = 15_000
"""Milliseconds between two pings; two that are missed end the stream."""
Heard = Callable[[str, object, bool], None]
"""Takes a symbol, the rows that are news (None: the stream broke), and whether the venue calls them final."""


class CandleStream:
    """Watches each symbol and tells `heard`; a stream that breaks comes back with patience, and nobody has to know.

    `final` names where a message says that a bar is final, when it opened and of which market it is (see
    capabilities.toml). What is missed meanwhile is asked for like every candle that is due.
    """

    def __init__(
        self,
        exchange: Any,
        symbols: Sequence[str],
        timeframe: Timeframe,
        final: Sequence[str],
        heard: Heard,
        *,
        sleep: Callable[[float], Awaitable[None]],
        jitter: Callable[[], float],
    ) -> None:
        self._exchange = exchange
        self._symbols = symbols
        self._timeframe = timeframe
        self._final = final
        self._heard = heard
        self._sleep = sleep
        self._jitter = jitter
        self._alive: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def alive(self) -> bool:
        """Tell whether every symbol was heard of since its stream last broke."""
        return bool(self._tasks) and len(self._alive) == len(self._symbols)

    def start(self) -> None:
        """Begin to watch."""
        exchange = self._exchange
        exchange.streaming["keepAlive"] = min(
            exchange.streaming.get("keepAlive") or LONGEST_SILENCE_MS, LONGEST_SILENCE_MS
        )
        if self._final:
            exchange.handle_message = self._overhearing(exchange.handle_message)
        self._tasks = [asyncio.create_task(self._watch(symbol)) for symbol in self._symbols]

    async def stop(self) -> None:
        """End the watching; the exchange drops its sockets when it is closed. Safe to call twice."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _watch(self, symbol: str) -> None:
        setcontext(getcontext().copy())  # ccxt sets rounding and traps of the context it finds: the engine's
        broken = 0
        while True:
            try:
                rows = await self._exchange.watch_ohlcv(symbol, self._timeframe.text)
            except failures():
                self._alive.discard(symbol)
                self._heard(symbol, None, False)
                broken += 1
                pause = min(FIRST_S * 2.0 ** min(broken - 1, 10), MOST_S)
                await self._sleep(pause * (0.75 + 0.5 * self._jitter()))
            else:
                broken = 0
                self._alive.add(symbol)
                if not self._final:
                    self._heard(symbol, rows, False)

    def _overhearing(self, handle: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        """Hear which bars are final: ccxt hands on their rows, but not that word."""
        symbols = {str(self._exchange.markets[symbol]["id"]): symbol for symbol in self._symbols}

        def handle_message(client: Any, message: Any) -> None:
            handle(client, message)
            final, opened_at, market = (_at(message, path) for path in self._final)
            symbol = symbols.get(str(market).rpartition(".")[2])
            if symbol is not None and str(final).lower() in {"true", "1"}:
                rows = (self._exchange.ohlcvs.get(symbol) or {}).get(self._timeframe.text) or ()
                self._heard(symbol, [list(row) for row in rows if str(row[0]) == str(opened_at)], True)

        return handle_message


def _at(message: Any, path: str) -> Any:
    """Follow a path of keys and places through a message; None where it leads nowhere."""
    for step in path.split("."):
        if isinstance(message, dict):
            message = message.get(step)
        elif isinstance(message, list) and step.isdecimal() and int(step) < len(message):
            message = message[int(step)]
        else:
            return None
    return message if isinstance(message, str | int | bool) else None
