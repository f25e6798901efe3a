"""Candles as an exchange tells them by websocket: quicker than asking, never trusted to be whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from investbot.adapters.venues.ccxt.watching import Watching
from investbot.domain.market import Timeframe

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
        self._watching = Watching(
            exchange,
            symbols,
            lambda symbol: exchange.watch_ohlcv(symbol, timeframe.text),
            self._rows,
            sleep=sleep,
            jitter=jitter,
        )

    @property
    def alive(self) -> bool:
        """Tell whether every symbol was heard of since its stream last broke."""
        return self._watching.alive

    def start(self) -> None:
        """Begin to watch."""
        if self._final:
            self._exchange.handle_message = self._overhearing(self._exchange.handle_message)
        self._watching.start()

    async def stop(self) -> None:
        """End the watching; safe to call twice."""
        await self._watching.stop()

    def _rows(self, symbol: str, rows: object) -> None:
        if rows is None or not self._final:
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
