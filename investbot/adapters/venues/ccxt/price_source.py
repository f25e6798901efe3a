"""The questions about prices that one exchange takes: by websocket where it is vouched for, by REST everywhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from investbot.adapters.venues.ccxt.failures import failures
from investbot.adapters.venues.ccxt.watching import Told, Watching

_LEAVE_S = 5.0
"""Seconds that the venue has to take back a subscription."""


class PriceSource:
    """Made for one open exchange; `stream` names ccxt's method that watches prices, "" for none.

    `params` are what that method is told besides. `ask` asks by REST, within the venue's limits; VenueError. `rate`
    tells the venue's seconds in one of the wall.
    """

    def __init__(
        self,
        exchange: Any,
        stream: str,
        ask: Callable[[str], Awaitable[object]],
        rate: Callable[[], float],
        *,
        params: Mapping[str, Any] | None = None,
        sleep: Callable[[float], Awaitable[None]],
        jitter: Callable[[], float],
    ) -> None:
        self._exchange = exchange
        self._stream = stream
        self._params = dict(params or {})
        self._sleep = sleep
        self._jitter = jitter
        self.jitter = jitter
        self.ask = ask
        self.rate = rate
        self.asks = bool(exchange.has.get("fetchTicker"))
        """Whether it can be asked at all."""

    def watch(self, symbol: str, heard: Told) -> Watching | None:
        """Begin to watch a symbol; None where there is no stream of prices."""
        if not self._stream:
            return None
        method = getattr(self._exchange, self._stream)
        watching = Watching(
            self._exchange,
            (symbol,),
            lambda name: method(self._named(name), params=dict(self._params)),
            heard,
            sleep=self._sleep,
            jitter=self._jitter,
        )
        watching.start()
        return watching

    async def leave(self, symbol: str, watching: Watching) -> None:
        """End the watching of a symbol; a venue that can be told so sends no more."""
        await watching.stop()
        method = getattr(self._exchange, f"un_{self._stream}", None)
        word = "unW" + "".join(part.capitalize() for part in self._stream.split("_"))[1:]
        if method is not None and self._exchange.has.get(word):
            with contextlib.suppress(TimeoutError, *failures()):
                async with asyncio.timeout(_LEAVE_S):
                    await method(self._named(symbol), params=dict(self._params))

    def _named(self, symbol: str) -> str | list[str]:
        """Name a symbol as the method wants it."""
        return [symbol] if self._stream == "watch_bids_asks" else symbol
