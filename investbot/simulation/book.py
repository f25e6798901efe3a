"""The order book of a simulated venue: pure, deterministic, and pessimistic where a bar leaves a doubt.

A bar is used twice: `open` executes what its first price decides, `within` what its high and low reach. Conventions:

- A market order and a limit order that is immediate-or-cancel execute at the open, worse by slippage, at the taker's
  fee; the latter expires when that is beyond its limit.
- A stop that the bar opens beyond executes at the open, one that the bar reaches at the stop; both worse by slippage.
- A resting limit order executes at its price (at the open where that is better) at the maker's fee.
- Orders that are no entries only reduce: one never sells more than its plan holds. What is left of a plan's exits is
  cancelled ("oco") as soon as the plan is flat, its targets with the first fill of its stop.
- An order takes part from the first bar that opens at or after `placed_at` + latency, the latency rounded down to
  whole bars; a replacement has no latency, so that a position is never without its stop.
- With `bar_share` an order gets at most that part of a bar's volume, in whole lots; the rest waits for the next bar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, StrEnum, auto

from investbot.domain.market import Candle, Instrument, Millis
from investbot.domain.order import Fill, Order, OrderReport, OrderState, OrderType, Role, Side, TimeInForce
from investbot.domain.rules import ZERO, CostRules
from investbot.simulation import pricing

Happening = Fill | OrderReport
_NEVER = Decimal("Infinity")


class FillPolicy(StrEnum):
    """What came first in a bar that reaches both the stop and a target."""

    STOP_FIRST = "stop_first"
    TARGET_FIRST = "target_first"


class _Kind(Enum):
    """What an open order waits for: the next open, a stop to be reached, a limit to be reached."""

    OPEN = auto()
    STOP = auto()
    LIMIT = auto()


@dataclass(slots=True)
class _Resting:
    """An open order: `filled` in all and `taken` out of the bar that opened at `bar_at`, both in base."""

    order: Order
    kind: _Kind
    level: Decimal
    """The limit or the stop price in quote per base; 0 for a market order."""
    filled: Decimal = ZERO
    taken: Decimal = ZERO
    bar_at: Millis = -1


class Book:
    """Open orders and what each plan holds; every method returns what happened, in order.

    A `trade_id` is made of the order's id and 1 + the lots filled before, so it is the same after a restart.
    """

    def __init__(
        self, costs: CostRules, instruments: Mapping[str, Instrument], policy: FillPolicy = FillPolicy.STOP_FIRST
    ) -> None:
        self._costs = costs
        self._instruments = instruments
        self._within = (_Kind.STOP, _Kind.LIMIT) if policy is FillPolicy.STOP_FIRST else (_Kind.LIMIT, _Kind.STOP)
        self._open: dict[str, _Resting] = {}
        self._held: dict[str, Decimal] = {}
        self._reach: dict[str, tuple[Decimal, Decimal]] = {}
        """From which price a rise, down to which a fall executes anything of a symbol; kept until orders change."""

    @property
    def orders(self) -> tuple[Order, ...]:
        """The open orders, oldest first."""
        return tuple(resting.order for resting in self._open.values())

    def charge(self, costs: CostRules) -> None:
        """Fill at these costs from here on, what rests already too."""
        self._costs = costs
        self._reach.clear()

    def held(self, plan_id: str) -> Decimal:
        """Tell how much base a plan holds: its entry fills less what was sold."""
        return self._held.get(plan_id, ZERO)

    def restore(self, orders: Iterable[tuple[Order, Decimal]], held: Mapping[str, Decimal]) -> None:
        """Start from the open orders with their filled quantities, and what each plan holds (base)."""
        self._open = {order.order_id: _resting(order, filled) for order, filled in orders}
        self._held = {plan_id: quantity for plan_id, quantity in held.items() if quantity > 0}
        self._reach.clear()

    def submit(self, order: Order) -> list[Happening]:
        """Take an order in, or refuse it; an order that replaces another takes its place at once."""
        self._reach.clear()
        reason = self._refusal(order)
        if reason is not None:
            return [OrderReport(order.placed_at, order.order_id, OrderState.REJECTED, reason=reason)]
        happened: list[Happening] = []
        if order.replaces is not None and self._open.pop(order.replaces, None) is not None:
            happened.append(_report(order.replaces, order.placed_at, OrderState.CANCELLED, "replaced"))
        self._open[order.order_id] = _resting(order, ZERO)
        happened.append(_report(order.order_id, order.placed_at, OrderState.ACKNOWLEDGED))
        return happened

    def cancel(self, order_id: str, at: Millis) -> list[Happening]:
        """Withdraw an order; nothing happens when it is no longer open."""
        self._reach.clear()
        if self._open.pop(order_id, None) is None:
            return []
        return [_report(order_id, at, OrderState.CANCELLED, "cancelled")]

    def touched(self, candle: Candle) -> bool:
        """Tell in one glance whether `candle` can execute anything; most candles cannot."""
        reach = self._reach.get(candle.symbol)
        if reach is None:
            reach = self._reach[candle.symbol] = self._reach_of(candle.symbol)
        return candle.high >= reach[0] or candle.low <= reach[1]

    def _reach_of(self, symbol: str) -> tuple[Decimal, Decimal]:
        rise, fall = _NEVER, -_NEVER
        for resting in self._open.values():
            if resting.order.symbol != symbol:
                continue
            if resting.kind is _Kind.OPEN:
                return -_NEVER, _NEVER
            if (resting.kind is _Kind.STOP) is (resting.order.side is Side.BUY):
                rise = min(rise, resting.level)
            else:
                fall = max(fall, resting.level)
        return rise, fall

    def open(self, candle: Candle) -> list[Happening]:
        """Execute what the open of `candle` decides: market orders, then gapped stops, then crossed limits."""
        self._reach.clear()
        happened: list[Happening] = []
        if not self._open:
            return happened
        at, price = candle.opened_at, candle.open
        for resting in self._eligible(candle, _Kind.OPEN):
            self._take(resting, candle, happened)
        for resting in self._eligible(candle, _Kind.STOP):
            if pricing.stop_gapped(resting.order.side, resting.level, candle):
                self._slip(resting, candle, price, at, happened)
        for resting in self._eligible(candle, _Kind.LIMIT):
            if pricing.limit_crossed(resting.order.side, resting.level, candle):
                self._fill(resting, price, self._available(resting, candle), at, self._costs.maker_fee, happened)
        return happened

    def within(self, candle: Candle) -> list[Happening]:
        """Execute what the bar's low and high reach: stops before limits, or as the fill policy says."""
        self._reach.clear()
        happened: list[Happening] = []
        if not self._open:
            return happened
        for kind in self._within:
            for resting in self._eligible(candle, kind):
                side, level = resting.order.side, resting.level
                if kind is _Kind.STOP and pricing.stop_touched(side, level, candle):
                    self._slip(resting, candle, level, candle.at, happened)
                elif kind is _Kind.LIMIT and pricing.limit_touched(side, level, candle):
                    most = self._available(resting, candle)
                    self._fill(resting, level, most, candle.at, self._costs.maker_fee, happened)
        return happened

    def now(self, symbol: str, price: Decimal, at: Millis) -> list[Happening]:
        """Execute the market orders of `symbol` at once and whole, at `price` worse by slippage."""
        self._reach.clear()
        happened: list[Happening] = []
        for resting in list(self._open.values()):
            order = resting.order
            if order.type is OrderType.MARKET and order.symbol == symbol and self._waits(resting):
                paid = pricing.slipped(self._instruments[symbol], order.side, price, self._costs.slippage)
                self._fill(resting, paid, self._wanted(resting), at, self._costs.taker_fee, happened)
        return happened

    # ---- which orders take part, and how much they get ---------------------------------------------------------

    def _refusal(self, order: Order) -> str | None:
        instrument = self._instruments.get(order.symbol)
        if instrument is None:
            return f"unknown symbol {order.symbol}"
        if order.order_id in self._open:
            return "an order of this id is open already"
        flaw = pricing.flaw(order, instrument)
        if flaw is None and order.role is not Role.ENTRY and not self.held(order.plan_id):
            flaw = "reduce-only: the plan holds nothing"
        return flaw

    def _eligible(self, candle: Candle, kind: _Kind) -> Iterator[_Resting]:
        """Walk the open orders of a kind that were placed early enough; one may go while others execute."""
        step = candle.timeframe.ms
        delay = self._costs.latency_ms // step * step
        for resting in list(self._open.values()):
            order = resting.order
            if resting.kind is not kind or order.symbol != candle.symbol or not self._waits(resting):
                continue
            if order.placed_at + (delay if order.replaces is None else 0) <= candle.opened_at:
                yield resting

    def _waits(self, resting: _Resting) -> bool:
        return resting.order.order_id in self._open

    def _wanted(self, resting: _Resting) -> Decimal:
        order = resting.order
        wanted = order.quantity - resting.filled
        return wanted if order.role is Role.ENTRY else min(wanted, self.held(order.plan_id))

    def _available(self, resting: _Resting, candle: Candle) -> Decimal:
        """Bound what an order still wants (base) by its share of the bar's volume."""
        wanted = self._wanted(resting)
        if not self._costs.bar_share:
            return wanted
        if resting.bar_at != candle.opened_at:
            resting.bar_at, resting.taken = candle.opened_at, ZERO
        share = Decimal(repr(candle.bar.volume)) * self._costs.bar_share
        return min(wanted, self._instruments[candle.symbol].quantity_down(share) - resting.taken)

    # ---- how they execute --------------------------------------------------------------------------------------

    def _take(self, resting: _Resting, candle: Candle, happened: list[Happening]) -> None:
        """Execute at the open what cannot wait; an order that is immediate-or-cancel is over afterwards."""
        order, at = resting.order, candle.opened_at
        price = pricing.slipped(self._instruments[order.symbol], order.side, candle.open, self._costs.slippage)
        beyond = order.type is OrderType.LIMIT and pricing.worse(order.side, price, resting.level)
        if not beyond:
            self._slip(resting, candle, candle.open, at, happened)
        if order.time_in_force is TimeInForce.IOC and self._waits(resting):
            del self._open[order.order_id]
            reason = f"price {price} is beyond the limit {order.price}" if beyond else "the bar had too little volume"
            happened.append(_report(order.order_id, at, OrderState.EXPIRED, reason))

    def _slip(self, resting: _Resting, candle: Candle, price: Decimal, at: Millis, happened: list[Happening]) -> None:
        """Execute as a taker, at `price` worse by slippage."""
        costs, order = self._costs, resting.order
        paid = pricing.slipped(self._instruments[order.symbol], order.side, price, costs.slippage)
        self._fill(resting, paid, self._available(resting, candle), at, costs.taker_fee, happened)

    def _fill(
        self,
        resting: _Resting,
        price: Decimal,
        quantity: Decimal,
        at: Millis,
        rate: Decimal,
        happened: list[Happening],
    ) -> None:
        if quantity <= 0:
            return
        order, instrument = resting.order, self._instruments[resting.order.symbol]
        trade_id = f"{order.order_id}.{1 + int(resting.filled / instrument.lot)}"
        charged = pricing.fee(price, quantity, rate)
        happened.append(
            Fill(at, order.order_id, trade_id, order.symbol, order.side, price, quantity, charged, instrument.quote)
        )
        resting.filled += quantity
        resting.taken += quantity
        change = quantity if order.role is Role.ENTRY else -quantity
        self._held[order.plan_id] = self.held(order.plan_id) + change
        if resting.kind is _Kind.STOP:
            resting.kind = _Kind.OPEN  # a stop that has gone off is a market order from then on
        if resting.filled == order.quantity:
            del self._open[order.order_id]
        if order.role is not Role.ENTRY:
            self._cancel_others(order, at, happened)

    def _cancel_others(self, order: Order, at: Millis, happened: list[Happening]) -> None:
        """Withdraw the exits of a plan that no longer have anything to do."""
        flat = not self._held[order.plan_id]
        if flat:
            del self._held[order.plan_id]
        for resting in list(self._open.values()):
            other = resting.order
            if other.plan_id != order.plan_id or other.role is Role.ENTRY:
                continue
            if flat or (order.role is Role.STOP and other.role is Role.TARGET):
                del self._open[other.order_id]
                happened.append(_report(other.order_id, at, OrderState.CANCELLED, "oco"))


def _resting(order: Order, filled: Decimal) -> _Resting:
    if order.type is OrderType.MARKET or order.time_in_force is TimeInForce.IOC:
        kind = _Kind.OPEN
    elif order.type is OrderType.STOP:
        kind = _Kind.OPEN if filled else _Kind.STOP
    else:
        kind = _Kind.LIMIT
    level = order.stop_price if order.type is OrderType.STOP else order.price
    return _Resting(order, kind, level or ZERO, filled)


def _report(order_id: str, at: Millis, state: OrderState, reason: str = "") -> OrderReport:
    return OrderReport(at, order_id, state, f"sim-{order_id}", reason)
