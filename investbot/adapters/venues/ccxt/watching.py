"""Subscriptions by websocket, one a symbol: what breaks is begun again with patience."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from decimal import getcontext, setcontext
from typing import Any

from investbot.adapters.venues.ccxt.failures import failures

FIRST_S, MOST_S = 5.0, 60.0
"""Seconds before a stream that broke is tried again: at first, and at most."""
LONGEST_SILENCE_MS = 15_000
"""Milliseconds between two pings; two that are missed end the stream."""
Ask = Callable[[str], Awaitable[object]]
"""Waits for the next news of a symbol, as ccxt's `watch_` methods do."""
Told = Callable[[str, object], None]
"""Takes a symbol and its news; None: its stream broke."""


class Watching:
    """Watches each symbol and tells `heard`; a stream that breaks comes back by itself."""

    def __init__(
        self,
        exchange: Any,
        symbols: Sequence[str],
        ask: Ask,
        heard: Told,
        *,
        sleep: Callable[[float], Awaitable[None]],
        jitter: Callable[[], float],
    ) -> None:
        self._exchange = exchange
        self._symbols = symbols
        self._ask = ask
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
        streaming = self._exchange.streaming
        streaming["keepAlive"] = min(streaming.get("keepAlive") or LONGEST_SILENCE_MS, LONGEST_SILENCE_MS)
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
                news = await self._ask(symbol)
            except failures():
                self._alive.discard(symbol)
                self._heard(symbol, None)
                broken += 1
                pause = min(FIRST_S * 2.0 ** min(broken - 1, 10), MOST_S)
                await self._sleep(pause * (0.75 + 0.5 * self._jitter()))
            else:
                broken = 0
                self._alive.add(symbol)
                self._heard(symbol, news)
