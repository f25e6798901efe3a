"""The private side of an exchange through ccxt: orders, fills, balances, and what is known of the way there."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

from investbot.adapters.venues.ccxt.breaker import Breaker, Circuit
from investbot.adapters.venues.ccxt.caller import Caller
from investbot.adapters.venues.ccxt.capabilities import oddities, told_by_operator
from investbot.adapters.venues.ccxt.doubt import Absent, Asked, accepted
from investbot.adapters.venues.ccxt.failures import failures
from investbot.adapters.venues.ccxt.limiter import RateLimiter, bucket_path
from investbot.adapters.venues.ccxt.market_list import MarketList
from investbot.adapters.venues.ccxt.own_orders import OwnOrders
from investbot.adapters.venues.ccxt.own_stream import News, OwnStream
from investbot.adapters.venues.ccxt.rights import key_rights
from investbot.adapters.venues.ccxt.secrecy import Keys
from investbot.adapters.venues.ccxt.session import load_trading_markets, private_stream, trading_exchange
from investbot.adapters.venues.ccxt.translate import Request, balances, fill, in_market, request, venue_order
from investbot.adapters.venues.ccxt.venue_clock import VenueClock
from investbot.domain.errors import OrderRejected, VenueUnavailable
from investbot.domain.market import Instrument, Millis
from investbot.domain.order import DONE, Fill, Order, OrderReport, OrderState, Role
from investbot.ports.clock import Clock
from investbot.ports.trading import Balance, Capabilities, KeyRights, VenueOrder


@dataclass(frozen=True, slots=True)
class TradingHealth:
    """What an operator may want to know of the way to a venue; no secrets.

    `limit_left` is the share of the request limit that is left; `endpoints` has answers,
    errors, p50_ms and p99_ms by kind of question, and of `all`.
    """

    circuit: Circuit
    limit_left: float
    clock_skew_ms: Millis
    clock_rate: float
    last_error: str
    endpoints: dict[str, dict[str, float]]


class CcxtTrading:
    """One account of one exchange.

    `settings` go to the ccxt class as they are, `keys` have ccxt's names and stay in memory, `limits` is the folder of
    the request limits and `folder` that of the venue's market, both shared by all instances of a home;
    `options.capabilities` of the settings and `changes` win over capabilities.toml. `clock` tells the venue's time
    after `connect`. RateLimited, VenueUnavailable and AuthFailed out of `submit` mean that no order was made.
    """

    def __init__(
        self,
        name: str,
        keys: Mapping[str, str],
        clock: Clock,
        *,
        settings: Mapping[str, Any] | None = None,
        sandbox: bool = False,
        limits: Path | None = None,
        folder: Path | None = None,
        changes: Mapping[str, Any] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._name = name
        self._keys = Keys(keys)
        self._settings = settings or {}
        self._sandbox = sandbox
        self._sleep = sleep
        self._jitter = jitter
        self._monotonic = clock.monotonic
        self._told = oddities(name, **{**told_by_operator(self._settings), **(changes or {})})
        path = None if limits is None else bucket_path(limits, name, keys)
        self._limiter = RateLimiter(name, path, self._told.weight_per_minute, clock.monotonic, sleep)
        self._listing = MarketList(folder, clock.now)
        self._breaker = Breaker(name, clock.monotonic, jitter)
        self._instruments: dict[str, Instrument] = {}
        self._held = False
        self._exchange: Any = None
        self._caller: Caller | None = None
        self._orders: OwnOrders | None = None
        self._stream: OwnStream | None = None
        self.clock = VenueClock(clock.monotonic, clock.now())

    def __repr__(self) -> str:
        return f"CcxtTrading({self._name})"

    @property
    def capabilities(self) -> Capabilities:
        """What this venue can do."""
        return self._told.capabilities

    async def connect(self, instruments: Mapping[str, Instrument]) -> None:
        """Load the markets, model the venue's clock and try the key; AuthFailed, ConfigError, DataError, VenueError."""
        await self.close()
        exchange = await trading_exchange(self._name, self._settings, self._keys, sandbox=self._sandbox)
        self._exchange = exchange
        self._instruments = dict(instruments)
        if self._told.nonces:  # instances of a home that share a key share its numbers
            own = exchange.nonce
            exchange.nonce = lambda: self._limiter.nonce(int(own()))
        caller = Caller(exchange, self._told, self._keys, self._limiter, self._breaker, self.clock, self._monotonic)
        self._caller = caller
        try:
            await caller.sync(self._sleep)
            await caller.ask("load_markets", own=self._load_markets)
            await self.balances()
            self._orders = OwnOrders(caller, exchange.has, exchange.markets, self._told)
        except BaseException:
            await self.close()
            raise

    async def submit(self, order: Order) -> OrderReport:
        """Send an order once; OrderRejected, OutcomeUnknown, and see the class for the others.

        The report says no more than ACKNOWLEDGED of an order that may have fills: those come first, by `fills`.
        """
        caller = self._asking()
        instrument = self._instrument(order.symbol)
        market = self._exchange.markets[order.symbol]
        wanted = request(order, instrument, self._told.on_market(market.get("info")))
        self._check_digits(wanted)
        answer = await caller.ask(
            "create_order",
            wanted.symbol,
            wanted.type,
            wanted.side,
            wanted.amount,
            wanted.price,
            wanted.params,
            asked=Asked.SUBMIT,
            urgent=order.role is not Role.ENTRY,
        )
        report = accepted(answer, order, self._name, self.clock.now())
        self._reading().remember(report.venue_order_id or "", order.client_order_id, asked=True)
        return report

    async def cancel(self, order: Order, venue_order_id: str | None) -> OrderReport | None:
        """Withdraw an order; None when the venue has none open, ACKNOWLEDGED when it has yet to do it."""
        caller = self._asking()
        by_client = bool(self._told.cancel_param) and venue_order_id is None
        named = venue_order_id or self._reading().venue_ids.get(order.client_order_id)
        if named is None and not by_client:
            found = await self.lookup(order)
            if found is None or found.report.state in DONE:
                return None
            named = found.venue_order_id
        params: dict[str, Any] = {self._told.cancel_param: order.client_order_id} if by_client else {}
        if self._told.stops_apart and order.stop_price is not None:
            params["stop"] = True
        try:
            answer = await caller.ask(
                "cancel_order", named or "", order.symbol, params, asked=Asked.CANCEL, urgent=True
            )
        except Absent:
            return None
        if isinstance(answer, Mapping) and answer.get("status") in {"canceled", "cancelled"}:
            return OrderReport(self.clock.now(), order.order_id, OrderState.CANCELLED, named or None)
        found = await self.lookup(order)
        return None if found is None else found.report

    async def lookup(self, order: Order) -> VenueOrder | None:
        """Find an order of ours by its client id, open or done; None when the venue does not know it now."""
        return await self._reading().find(order, self.clock.now())

    async def open_orders(self, symbol: str) -> Sequence[VenueOrder]:
        """All open orders of the account in `symbol`; their reports carry the client order id, "" where none is."""
        return await self._reading().open(self._instrument(symbol).symbol, self.clock.now())

    async def fills(self, symbol: str, since_trade_id: str | None, since: Millis) -> Sequence[tuple[str, Fill]]:
        """Fills of the account after a known trade (or from `since`), oldest first, each with its venue order id."""
        return await self._reading().fills(self._instrument(symbol), since_trade_id, since)

    async def balances(self) -> Mapping[str, Balance]:
        """What the account has, by currency; an answer without any, where there were some, is none."""
        held = balances(await self._asking().ask("fetch_balance"))
        if self._held and not held:
            raise VenueUnavailable(f"{self._name} suddenly tells of no currency at all.")
        self._held = bool(held)
        return held

    async def rights(self) -> KeyRights:
        """What the key may do; None where the venue does not tell."""
        return await key_rights(self._exchange, self._asking())

    async def news(self) -> Sequence[VenueOrder | Fill]:
        """Wait for own orders and fills; VenueUnavailable where there is no stream, and once for each break.

        After a break something may have been missed; the next call connects again, after 5 s, later up to 60 s.
        """
        caller = self._asking()
        if not private_stream(self._exchange):
            raise VenueUnavailable(f"{self._name} has no stream of own orders.")
        if self._stream is None:
            symbols: Sequence[str | None] = list(self._instruments) if self._told.stream_by_symbol else [None]
            self._stream = OwnStream(
                self._exchange,
                symbols,
                caller,
                self._read_order,
                self._read_fill,
                sleep=self._sleep,
                jitter=self._jitter,
            )
        return await self._stream.news()

    async def close(self) -> None:
        """Release connections; safe to call twice."""
        stream, self._stream = self._stream, None
        self._limiter.close()
        exchange, self._exchange, self._caller, self._orders = self._exchange, None, None, None
        if stream is not None:
            await stream.stop()
        if exchange is not None:
            await exchange.close()

    def health(self) -> TradingHealth:
        """How the way to the venue is: breaker, limit, clock, last error, response times."""
        return TradingHealth(
            circuit=self._breaker.state,
            limit_left=round(self._limiter.level(), 3),
            clock_skew_ms=self.clock.skew_ms,
            clock_rate=self.clock.rate,
            last_error="" if self._caller is None else self._caller.last_error,
            endpoints={} if self._caller is None else self._caller.endpoints.figures(),
        )

    async def _load_markets(self) -> None:
        await load_trading_markets(self._exchange, self._instruments, self._listing)

    def _asking(self) -> Caller:
        if self._caller is None:
            raise VenueUnavailable(f"{self._name} is not connected.")
        return self._caller

    def _reading(self) -> OwnOrders:
        if self._orders is None:
            raise VenueUnavailable(f"{self._name} is not connected.")
        return self._orders

    def _instrument(self, symbol: str) -> Instrument:
        if symbol not in self._instruments:
            raise OrderRejected(f"{symbol} is not traded here: see market.symbols.")
        return self._instruments[symbol]

    def _check_digits(self, wanted: Request) -> None:
        """See that ccxt will send the digits we decided on; OrderRejected where it would change them."""
        said = "ccxt refuses it"
        try:
            with localcontext():  # ccxt sets rounding and traps of the context it finds: the engine's
                amount = self._exchange.amount_to_precision(wanted.symbol, wanted.amount)
                price = wanted.price and self._exchange.price_to_precision(wanted.symbol, wanted.price)
            said = f"ccxt would send {amount} at {price}"
            same = _same(amount, wanted.amount) and _same(price, wanted.price)
        except failures():
            same = False
        if not same:
            raise OrderRejected(f"{wanted.amount} at {wanted.price} does not fit {self._name}'s steps: {said}.")

    def _read_order(self, row: Any) -> News | None:
        if self._market_of(row) is None:
            return None
        order = venue_order(row, self.clock.now())
        self._reading().remember(order.venue_order_id, order.client_order_id)
        return self._reading().named(order)

    def _read_fill(self, row: Any) -> News | None:
        instrument = self._market_of(row)
        return None if instrument is None else fill(row, instrument, self._reading().client_ids)[1]

    def _market_of(self, row: Any) -> Instrument | None:
        """Tell which of our markets a row of the stream is about."""
        symbol = str(row.get("symbol")) if isinstance(row, Mapping) else ""
        instrument = self._instruments.get(symbol)
        return instrument if instrument and in_market(row, self._exchange.markets[symbol]) else None


def _same(sent: str | None, wanted: str | None) -> bool:
    """Tell whether two decimal texts are one number."""
    return sent == wanted or (sent is not None and wanted is not None and Decimal(sent) == Decimal(wanted))
