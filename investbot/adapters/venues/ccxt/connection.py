"""One exchange of ccxt: opened, asked with patience, closed; its clock; what went wrong with it."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import localcontext
from pathlib import Path
from typing import Any

from investbot.adapters.venues.ccxt.breaker import Circuit
from investbot.adapters.venues.ccxt.candle_stream import CandleStream, Heard
from investbot.adapters.venues.ccxt.capabilities import oddities, told_by_operator
from investbot.adapters.venues.ccxt.endpoints import Endpoints
from investbot.adapters.venues.ccxt.endpoints import told as worded
from investbot.adapters.venues.ccxt.failures import backoff, demand_json, failures, translated
from investbot.adapters.venues.ccxt.limiter import RateLimiter, public_limiter
from investbot.adapters.venues.ccxt.loader import make_exchange
from investbot.adapters.venues.ccxt.market_list import MarketList
from investbot.adapters.venues.ccxt.markets import load_instruments
from investbot.adapters.venues.ccxt.price_source import PriceSource
from investbot.adapters.venues.ccxt.secrecy import Keys
from investbot.adapters.venues.ccxt.session import stream_class, to_sandbox
from investbot.adapters.venues.ccxt.venue_clock import Sample, VenueClock
from investbot.domain.errors import ConfigError, InvestBotError, RateLimited, VenueError, VenueUnavailable
from investbot.domain.market import Instrument, Millis, Timeframe
from investbot.ports.clock import Clock

PAGE, LARGEST_PAGE = 300, 1000
"""Candles asked for at once where the exchange does not tell how many it gives, and at most."""
WINDOW_MS = 5000
"""An eighth of it is what the venue's clock may be off before it is looked at again; milliseconds."""

SECOND_LOOK_S = 0.25
"""Seconds between the two first looks at the venue's clock, at least: closer ones tell its rate badly."""


class Connection:
    """Asks one exchange and remembers how that went."""

    def __init__(
        self,
        name: str,
        settings: Mapping[str, Any],
        clock: Clock,
        jitter: Callable[[], float],
        *,
        sandbox: bool = False,
        folder: Path | None = None,
        keys: Mapping[str, str] | None = None,
    ) -> None:
        self._name = self.name = name
        self._listing = MarketList(folder, clock.now)
        self._folder = folder
        self._limiter: RateLimiter | None = None
        self._sandbox = sandbox
        self._settings = settings
        self._clock = clock
        self._jitter = jitter
        self._exchange: Any = None
        self._venue_clock = VenueClock(clock.monotonic, clock.now())
        self._failed = 0
        self._blocked_until = 0.0
        self._last_error = ""
        self._endpoints = Endpoints()
        self._told = oddities(name, **told_by_operator(settings))
        self._keys = Keys(keys or {} if self._told.candle_keys else {})
        self._stream: CandleStream | None = None
        self.closed = True
        """Whether there is nobody to ask: never opened, or closed again."""

    async def open(self, symbols: Sequence[str], timeframe: Timeframe) -> dict[str, Instrument]:
        """Load the class and the markets of `symbols`; ConfigError, DataError or VenueError, with nothing left open."""
        spot = not any(":" in symbol for symbol in symbols)
        self._exchange = await asyncio.to_thread(self._make, spot=spot)
        self.closed = False
        self._limiter = public_limiter(self._name, self._exchange, self._folder, self._clock.monotonic)
        try:
            if self._sandbox:
                to_sandbox(self._exchange, self._settings)
            self._check(timeframe)
            demand_json(self._exchange)
            if self._exchange.verify:
                cafile = self._exchange.cafile
                self._exchange.ssl_context = await asyncio.to_thread(ssl.create_default_context, cafile=cafile)
            await self._sync(self._exchange)
            looked = self._clock.monotonic()
            instruments = await load_instruments(self._exchange, symbols, self._listing)
            between_s = self._clock.monotonic() - looked
            if 0 < between_s < SECOND_LOOK_S and self._exchange.has.get("fetchTime"):
                await asyncio.sleep(SECOND_LOOK_S - between_s)
            await self._sync(self._exchange)  # two looks with some time between them tell how fast its clock runs
            return instruments
        except InvestBotError:
            await self.close()
            raise
        except failures() as error:
            headers = self._exchange.last_response_headers
            await self.close()
            raise self._translated(error, headers) from None

    def listen(
        self, symbols: Sequence[str], timeframe: Timeframe, heard: Heard, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        """Let `heard` know what the venue tells of candles by websocket, where it does."""
        if self._exchange is not None and self._streams():
            final = self._told.candle_final
            self._stream = CandleStream(
                self._exchange, symbols, timeframe, final, heard, sleep=sleep, jitter=self._jitter
            )
            self._stream.start()

    def prices(self, sleep: Callable[[float], Awaitable[None]]) -> PriceSource | None:
        """Give the way to prices between two closes; None while closed."""
        if self._exchange is None:
            return None
        stream = self._told.price_stream if self._streams() else ""
        ask = functools.partial(self._ask, "fetch_ticker")
        return PriceSource(
            self._exchange,
            stream,
            ask,
            lambda: self._venue_clock.rate,
            params=self._told.price_params,
            sleep=sleep,
            jitter=self._jitter,
        )

    async def candles(self, symbol: str, timeframe: Timeframe, since: Millis, limit: int) -> object:
        """Ask for the candles that open at or after `since`; VenueError."""
        return await self._ask("fetch_ohlcv", symbol, timeframe.text, since, limit)

    async def _ask(self, name: str, *args: Any) -> object:
        """Ask ccxt's method `name` within the venue's limit; VenueError."""
        exchange = self._exchange
        if exchange is None:
            raise VenueUnavailable(f"{self._name} is closed.")
        if self._limiter is not None:
            await self._limiter.take(1, urgent=False)
        began = self._clock.monotonic()
        try:
            with localcontext():  # ccxt sets rounding and traps of the context it finds: the engine's
                answer: object = await getattr(exchange, name)(*args)
        except failures() as error:
            self._endpoints.failed(name)
            refused = self._translated(error, exchange.last_response_headers)
            if self._limiter is not None and isinstance(refused, RateLimited):
                await self._limiter.pause(refused.retry_after_s)
            raise refused from None
        self._endpoints.answered(name, self._clock.monotonic() - began)
        return answer

    async def sync_if_due(self) -> None:
        """Look at the venue's clock again when the last look is long ago or told too little; VenueError."""
        exchange = self._exchange
        if exchange is not None and self._venue_clock.due(WINDOW_MS):
            try:
                await self._sync(exchange)
            except failures() as error:
                raise self._translated(error, exchange.last_response_headers) from None

    def page(self, symbol: str) -> int:
        """Tell how many candles one answer may hold."""
        told = self._exchange.feature_value(symbol, "fetchOHLCV", "limit", PAGE)
        return min(told, LARGEST_PAGE) if isinstance(told, int) and told > 0 else PAGE

    def now(self) -> Millis:
        """The venue's time in milliseconds UTC; it never goes back."""
        return self._venue_clock.now()

    def failed(self, error: VenueError) -> None:
        """Wait before the next question: as long as the venue asks for, or longer with each failure in a row."""
        self._failed += 1
        self._last_error = str(error)
        wait = error.retry_after_s if isinstance(error, RateLimited) else backoff(self._failed, self._jitter)
        self._blocked_until = self._clock.monotonic() + wait

    def worked(self) -> None:
        """Forget the failures in a row."""
        self._failed = 0

    def blocked_s(self) -> float:
        """Tell for how many seconds the venue is to be left alone."""
        return max(0.0, self._blocked_until - self._clock.monotonic())

    def health(self) -> dict[str, str]:
        """Tell the source, the clock's offset and what went wrong last."""
        offset = self._venue_clock.raw() - self._clock.now()
        told = {"source": self._name, "clock_offset_ms": str(offset)}
        told |= {"circuit": self._circuit().value, **worded(self._endpoints.figures())}
        told["candles"] = "stream" if self._stream is not None and self._stream.alive else "polling"
        rate = self._venue_clock.rate
        told |= {} if rate == 1.0 else {"clock_rate": f"{rate:.2f}"}
        told |= {} if self._limiter is None else {"candle_requests_left": f"{self._limiter.level():.0%}"}
        if self._last_error:
            told |= {"last_error": self._last_error, "failures_in_a_row": str(self._failed)}
        return told

    def _translated(self, error: Exception, headers: Mapping[str, str] | None) -> VenueError:
        return translated(error, self._name, headers, self._keys.clean)

    def _circuit(self) -> Circuit:
        """Tell whether the venue is asked, left alone, or about to be tried again after failures."""
        if self.blocked_s():
            return Circuit.OPEN
        return Circuit.HALF_OPEN if self._failed else Circuit.CLOSED

    async def close(self) -> None:
        """Release the connections; safe to call twice."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.stop()
        if self._limiter is not None:
            self._limiter.close()
        if self._exchange is not None:
            exchange, self._exchange, self.closed = self._exchange, None, True
            await exchange.close()

    def _make(self, *, spot: bool) -> Any:
        cls = stream_class(self._name) if self._streams() else None
        # numbers as text, as on the private side: so both understand one list of markets
        return make_exchange(self._name, {**self._settings, **self._keys.values(), "number": str}, spot=spot, cls=cls)

    def _streams(self) -> bool:
        """Tell whether to listen; never at the venue's own address while its candles come from one that was named."""
        urls = self._settings.get("urls")
        named = urls.get("api") if isinstance(urls, Mapping) else None
        elsewhere = isinstance(named, str) or (isinstance(named, Mapping) and "ws" not in named)
        return self._told.candle_stream and not elsewhere

    async def _sync(self, exchange: Any) -> None:
        """Measure the venue's clock against ours, where it tells its time."""
        if exchange.has.get("fetchTime"):
            if self._limiter is not None:
                await self._limiter.take(1, urgent=False)
            began = self._clock.monotonic()
            told = int(await exchange.fetch_time())
            ended = self._clock.monotonic()
            self._venue_clock.add(Sample((began + ended) / 2, told, (ended - began) / 2))

    def _check(self, timeframe: Timeframe) -> None:
        known = self._exchange.timeframes
        if not self._exchange.has.get("fetchOHLCV") or not known:
            raise ConfigError(f"{self._name} gives no candles through ccxt: choose another venue.name.")
        if timeframe.text not in known:
            raise ConfigError(f"{self._name} has no candles of {timeframe}; it has {', '.join(known)}.")
