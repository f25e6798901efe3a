"""An account on a venue in memory: everything the trading port promises, and every fault it tells of."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_UP, Decimal

from investbot.domain.errors import (
    AuthFailed,
    OrderRejected,
    OutcomeUnknown,
    RateLimited,
    VenueError,
    VenueUnavailable,
)
from investbot.domain.market import Instrument, Millis
from investbot.domain.order import DONE, Fill, Order, OrderReport, OrderState, OrderType, Side, TimeInForce
from investbot.ports.trading import Balance, Capabilities, KeyRights, VenueOrder

NOUGHT = Decimal(0)
FULL = Capabilities(
    client_ids=True,
    client_id_length=36,
    stop_market=True,
    stop_limit=True,
    oco=True,
    ioc=True,
    stop_limit_band=Decimal("0.01"),
    read_lag_ms=5_000,
    window_ms=5_000,
)


@dataclass
class Resting:
    """An order as the fake exchange has it."""

    venue_order_id: str
    order: Order
    at: Millis
    state: OrderState = OrderState.ACKNOWLEDGED
    filled: Decimal = NOUGHT
    reserved: Decimal = NOUGHT
    """What is set aside for it and not yet spent: base for a sell, quote for a buy."""

    @property
    def remaining(self) -> Decimal:
        return self.order.quantity - self.filled

    def told(self, order_id: str | None = None) -> VenueOrder:
        name = self.order.client_order_id if order_id is None else order_id
        reason = self.state.lower() if self.state in DONE and self.state is not OrderState.FILLED else ""
        report = OrderReport(self.at, name, self.state, self.venue_order_id, reason)
        order = self.order
        return VenueOrder(self.venue_order_id, order.client_order_id, order.symbol, report, order.quantity, self.filled)


@dataclass
class Books:
    """The truth of the fake exchange, for a test to compare with."""

    orders: dict[str, Resting] = field(default_factory=dict)
    trades: list[tuple[str, Fill]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    """Client order id of every order that reached the exchange, also of a refused one."""


class FakeTrading:
    """One account. `prices` decide what fills; `at` is the venue's time, and both stand still until a test moves them.

    Buys pay their fee in base and sells in quote, as on Binance. `liquidity` bounds what one order fills at once. With
    `lag` > 0 the next so many reads do not see orders and fills made since it was set.
    """

    def __init__(
        self,
        balances: Mapping[str, Decimal],
        prices: Mapping[str, Decimal],
        *,
        at: Millis = 1_700_000_000_000,
        fee: Decimal = Decimal("0.001"),
        capabilities: Capabilities = FULL,
        stream: bool = True,
    ) -> None:
        self.capabilities = capabilities
        self.at = at
        self.prices = dict(prices)
        self.free = dict(balances)
        self.locked: dict[str, Decimal] = {}
        self.liquidity: Decimal | None = None
        self.lag = 0
        self.rights_told = KeyRights(trade=True, withdraw=False, ip_restricted=True)
        self.books = Books()
        self.asked: list[str] = []
        self.closed = True
        self._fee = fee
        self._stream = stream
        self._instruments: dict[str, Instrument] = {}
        self._faults: list[tuple[str, str]] = []
        self._visible = 0, 0
        self._news: asyncio.Queue[list[VenueOrder | Fill] | VenueError] = asyncio.Queue()

    # ---- what a test does to the exchange --------------------------------------------------------------------------

    def fail(self, method: str, kind: str, times: int = 1) -> None:
        """Let the next calls of a method go wrong.

        Kinds: "down" and "limited" (nothing done), "auth", "rejected", "lost" (not done, nobody knows), "applied"
        (done, and the answer lost).
        """
        self._faults += [(method, kind)] * times

    def move(self, symbol: str, price: Decimal, millis: Millis = 1_000) -> None:
        """Let time pass and the price change; resting orders fill where it reaches them."""
        self.at += millis
        self.prices[symbol] = price
        for resting in [each for each in self.books.orders.values() if each.state not in DONE]:
            if resting.order.symbol == symbol and self._reached(resting.order):
                self._execute(resting, resting.remaining)

    def execute(self, venue_order_id: str, quantity: Decimal) -> None:
        """Fill a part of a resting order at the price of now."""
        self._execute(self.books.orders[venue_order_id], quantity)

    def foreign(self, order: Order) -> str:
        """Place an order as a human would on the venue's own page; gives its venue order id."""
        return self._place(replace(order, client_order_id="")).venue_order_id

    def delay_reads(self, reads: int) -> None:
        """Let the next reads see the account as it is now."""
        self.lag, self._visible = reads, (len(self.books.orders), len(self.books.trades))

    def break_stream(self) -> None:
        """Break the stream; the next `news` says so."""
        self._news.put_nowait(VenueUnavailable("The fake stream broke off."))

    # ---- the port --------------------------------------------------------------------------------------------------

    async def connect(self, instruments: Mapping[str, Instrument]) -> None:
        self._begin("connect", submits=False)
        self._instruments = dict(instruments)
        self.closed = False

    async def submit(self, order: Order) -> OrderReport:
        self._open()
        fault = self._begin("submit", submits=True)
        if fault == "lost":
            raise OutcomeUnknown("Nobody knows whether the fake venue took the order.")
        placed = self._place(order)
        if fault == "applied":
            raise OutcomeUnknown("Nobody knows whether the fake venue took the order.")
        empty = placed.state in {OrderState.EXPIRED, OrderState.CANCELLED} and not placed.filled
        state = placed.state if empty else OrderState.ACKNOWLEDGED
        return OrderReport(self.at, order.order_id, state, placed.venue_order_id)

    async def cancel(self, order: Order, venue_order_id: str | None) -> OrderReport | None:
        self._open()
        fault = self._begin("cancel", submits=False)
        if fault == "lost":
            raise VenueUnavailable("The fake venue did not answer.")
        found = self.books.orders.get(venue_order_id or "") or self._ours(order, len(self.books.orders))
        if found is None or found.state in DONE:
            return None
        self._end(found, OrderState.CANCELLED)
        if fault == "applied":
            raise VenueUnavailable("The fake venue did not answer.")
        return OrderReport(self.at, order.order_id, OrderState.CANCELLED, found.venue_order_id)

    async def lookup(self, order: Order) -> VenueOrder | None:
        self._open()
        self._begin("lookup", submits=False)
        found = self._ours(order, self._read()[0])
        return None if found is None else found.told(order.order_id)

    async def open_orders(self, symbol: str) -> Sequence[VenueOrder]:
        self._open()
        self._begin("open_orders", submits=False)
        seen = list(self.books.orders.values())[: self._read()[0]]
        return [each.told() for each in seen if each.order.symbol == symbol and each.state not in DONE]

    async def fills(self, symbol: str, since_trade_id: str | None, since: Millis) -> Sequence[tuple[str, Fill]]:
        self._open()
        self._begin("fills", submits=False)
        seen = [pair for pair in self.books.trades[: self._read()[1]] if pair[1].symbol == symbol]
        places = [place for place, (_, fill) in enumerate(seen) if fill.trade_id == since_trade_id]
        told = seen[places[0] + 1 :] if places else [pair for pair in seen if pair[1].at >= since]
        return [(venue_order_id, fill) for venue_order_id, fill in told]

    async def balances(self) -> Mapping[str, Balance]:
        self._open()
        self._begin("balances", submits=False)
        names = sorted({*self.free, *self.locked})
        return {name: Balance(self.free.get(name, NOUGHT), self.locked.get(name, NOUGHT)) for name in names}

    async def rights(self) -> KeyRights:
        self._open()
        self._begin("rights", submits=False)
        return self.rights_told

    async def news(self) -> Sequence[VenueOrder | Fill]:
        self._open()
        if not self._stream:
            raise VenueUnavailable("The fake venue has no stream of own orders.")
        item = await self._news.get()
        if isinstance(item, VenueError):
            raise item
        return item

    async def close(self) -> None:
        self.closed = True

    # ---- how it works ----------------------------------------------------------------------------------------------

    def _open(self) -> None:
        if self.closed:
            raise VenueUnavailable("The fake venue is not connected.")

    def _begin(self, method: str, *, submits: bool) -> str:
        """Note a call and play the fault that is due, if it is one that does nothing."""
        self.asked.append(method)
        due = next((fault for fault in self._faults if fault[0] == method), None)
        if due is None:
            return ""
        self._faults.remove(due)
        errors: dict[str, VenueError] = {
            "down": VenueUnavailable("The fake venue does not answer."),
            "limited": RateLimited("The fake venue asks for patience.", 7.0),
            "auth": AuthFailed("The fake venue does not accept the key."),
            "rejected": OrderRejected("The fake venue refuses the order."),
        }
        if due[1] in errors:
            raise errors[due[1]]
        if not submits and method != "cancel":
            raise errors["down"]
        return due[1]

    def _read(self) -> tuple[int, int]:
        """Tell how many orders and fills a read sees."""
        if self.lag <= 0:
            return len(self.books.orders), len(self.books.trades)
        self.lag -= 1
        return self._visible

    def _ours(self, order: Order, seen: int) -> Resting | None:
        mine = [
            each
            for each in list(self.books.orders.values())[:seen]
            if each.order.client_order_id == order.client_order_id and each.order.symbol == order.symbol
        ]
        return mine[-1] if mine else None

    def _place(self, order: Order) -> Resting:
        self.books.sent.append(order.client_order_id)
        instrument = self._instruments.get(order.symbol)
        if instrument is None or order.quantity <= 0 or order.quantity != instrument.quantity_down(order.quantity):
            raise OrderRejected(f"{order.order_id}: no such market, or no multiple of its lot.")
        for each in self.books.orders.values():
            if order.client_order_id and each.order.client_order_id == order.client_order_id and each.state not in DONE:
                raise OutcomeUnknown("The fake venue has an open order of that client id already.")
        price = self.prices[order.symbol]
        if order.type is OrderType.STOP and self._reached(order):
            raise OrderRejected("Stop price would trigger immediately.")
        resting = Resting(str(len(self.books.orders) + 1), order, self.at)
        buys = order.side is Side.BUY
        cost = order.quantity * (order.price or order.stop_price or price) if buys else order.quantity
        self._lock(instrument.quote if buys else instrument.base, cost)
        resting.reserved = cost
        self.books.orders[resting.venue_order_id] = resting
        self._tell(resting)
        if order.type is not OrderType.STOP and self._reached(order):
            most = resting.remaining if self.liquidity is None else min(resting.remaining, self.liquidity)
            self._execute(resting, most)
        if resting.state not in DONE and (order.type is OrderType.MARKET or order.time_in_force is TimeInForce.IOC):
            self._end(resting, OrderState.EXPIRED)
        return resting

    def _reached(self, order: Order) -> bool:
        price = self.prices[order.symbol]
        if order.type is OrderType.MARKET:
            return True
        if order.type is OrderType.LIMIT:
            limit = order.price or NOUGHT
            return price <= limit if order.side is Side.BUY else price >= limit
        trigger = order.stop_price or NOUGHT
        return price >= trigger if order.side is Side.BUY else price <= trigger

    def _execute(self, resting: Resting, quantity: Decimal) -> None:
        order, price = resting.order, self.prices[resting.order.symbol]
        instrument = self._instruments[order.symbol]
        buys = order.side is Side.BUY
        got, fee_currency = (quantity, instrument.base) if buys else (quantity * price, instrument.quote)
        fee = (got * self._fee).quantize(Decimal("0.00000001"), ROUND_UP)
        share = resting.reserved * quantity / resting.remaining
        resting.reserved -= share
        resting.filled += quantity
        spent, spent_currency = (quantity * price, instrument.quote) if buys else (quantity, instrument.base)
        self._release(spent_currency, share)
        self.free[spent_currency] -= spent
        self.free[fee_currency] = self.free.get(fee_currency, NOUGHT) + got - fee
        number = str(len(self.books.trades) + 1)
        fill = Fill(
            self.at, order.client_order_id, number, order.symbol, order.side, price, quantity, fee, fee_currency
        )
        self.books.trades.append((resting.venue_order_id, fill))
        resting.at = self.at
        resting.state = OrderState.FILLED if not resting.remaining else OrderState.PARTLY_FILLED
        self._tell(resting, fill)

    def _end(self, resting: Resting, state: OrderState) -> None:
        resting.state, resting.at = state, self.at
        instrument = self._instruments[resting.order.symbol]
        self._release(instrument.quote if resting.order.side is Side.BUY else instrument.base, resting.reserved)
        resting.reserved = NOUGHT
        self._tell(resting)

    def _lock(self, currency: str, amount: Decimal) -> None:
        if self.free.get(currency, NOUGHT) < amount:
            raise OrderRejected("Account has insufficient balance for requested action.")
        self.free[currency] -= amount
        self.locked[currency] = self.locked.get(currency, NOUGHT) + amount

    def _release(self, currency: str, amount: Decimal) -> None:
        self.locked[currency] -= amount
        self.free[currency] = self.free.get(currency, NOUGHT) + amount

    def _tell(self, resting: Resting, fill: Fill | None = None) -> None:
        self._news.put_nowait([resting.told(), *([] if fill is None else [fill])])
