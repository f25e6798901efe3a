"""Own orders and fills as the venue tells them by websocket; it breaks off loudly and comes back with patience."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from decimal import getcontext, setcontext
from typing import Any

from investbot.adapters.venues.ccxt.caller import Caller
from investbot.adapters.venues.ccxt.doubt import Asked, behind
from investbot.adapters.venues.ccxt.failures import failures
from investbot.domain.errors import VenueError, VenueUnavailable
from investbot.domain.order import Fill
from investbot.ports.trading import VenueOrder

FIRST_S, MOST_S = 5.0, 60.0
"""Seconds before a stream that broke is tried again: at first, and at most."""
LOOK_S = 1.0
"""Seconds between two looks for an end of the stream that ccxt kept to itself."""
News = VenueOrder | Fill


class OwnStream:
    """Watches orders and trades side by side; a break of either is told once and ends both.

    `read_order` and `read_fill` turn one row into news, or into None for a market that is not ours.
    """

    def __init__(
        self,
        exchange: Any,
        symbols: Sequence[str | None],
        caller: Caller,
        read_order: Callable[[Any], News | None],
        read_fill: Callable[[Any], News | None],
        *,
        sleep: Callable[[float], Awaitable[None]],
        jitter: Callable[[], float],
    ) -> None:
        self._exchange = exchange
        self._symbols = symbols
        self._caller = caller
        self._readers = {"watch_orders": read_order, "watch_my_trades": read_fill}
        self._sleep = sleep
        self._jitter = jitter
        self._queue: asyncio.Queue[list[News] | VenueError] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._broken = 0

    async def news(self) -> list[News]:
        """Wait for the next news; VenueError once for each break, and the next call connects again after a pause."""
        if not self._tasks:
            if self._broken:
                length = min(FIRST_S * 2.0 ** min(self._broken - 1, 10), MOST_S)
                await self._sleep(length * (0.75 + 0.5 * self._jitter()))
            self._start()
        item = await self._queue.get()
        if isinstance(item, VenueError):
            self._broken += 1
            await self.stop()
            raise item
        self._broken = 0
        return item

    async def stop(self) -> None:
        """End the watching and drop the sockets; safe to call twice."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._queue = asyncio.Queue()
        with contextlib.suppress(*failures()):
            await self._exchange.close_ws_clients()

    def _start(self) -> None:
        known = {"watch_orders": "watchOrders", "watch_my_trades": "watchMyTrades"}
        for name, word in known.items():
            if self._exchange.has.get(word):
                self._tasks += [asyncio.create_task(self._watch(name, symbol)) for symbol in self._symbols]
        self._tasks.append(asyncio.create_task(self._overhear()))

    async def _overhear(self) -> None:
        """Break off when the venue ends the stream and ccxt tells nobody: its error waits in the socket's client."""
        while True:
            await asyncio.sleep(LOOK_S)
            for client in list(self._exchange.clients.values()):
                for error in client.rejections.values():
                    self._queue.put_nowait(self._caller.translated(error, Asked.READ))
                    return

    async def _watch(self, name: str, symbol: str | None) -> None:
        """Put what one subscription tells into the queue until it breaks."""
        setcontext(getcontext().copy())  # ccxt sets rounding and traps of the context it finds: the engine's
        read = self._readers[name]
        while True:
            try:
                self._caller.tell_time()
                answer = await getattr(self._exchange, name)(symbol)
                if not isinstance(answer, list):
                    raise VenueUnavailable(f"The stream of {self._exchange.id} told no list.")
                news = [item for item in map(read, list(answer)) if item is not None]
            except VenueError as error:
                self._queue.put_nowait(error)
                return
            except failures() as error:
                self._queue.put_nowait(self._caller.translated(behind(error), Asked.READ))
                return
            if news:
                self._queue.put_nowait(news)
