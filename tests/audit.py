"""An auditor that knows only events and rules: recomputes everything the gate and the books promise, its own way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from investbot.domain import events as e
from investbot.domain.market import DAY, HOUR
from investbot.domain.order import Role, Side
from investbot.domain.states import TradingState
from investbot.engine.spec import EngineSpec

ZERO = Decimal(0)


class Auditor:
    """Walks the events of one instance; every broken promise is an AssertionError that names it."""

    def __init__(self, spec: EngineSpec) -> None:
        self.spec = spec
        self.cash = ZERO
        self.held: dict[str, Decimal] = defaultdict(lambda: ZERO)
        self.symbols: dict[str, str] = {}
        self.entries: list[int] = []
        self.last_touch: dict[str, int] = {}
        self.state = TradingState.ACTIVE
        self.paused: set[str] = set()
        self.pending: dict[str, e.OrderPlaced] = {}
        self.flows: dict[str, Decimal] = defaultdict(lambda: ZERO)
        self.trades: set[tuple[str, str]] = set()
        self.trips = 0
        self.gapped = 0
        self.dust: dict[str, Decimal] = {}

    def walk(self, events: Iterable[e.Event]) -> Auditor:
        for event in events:
            match event:
                case e.CapitalAllocated():
                    self.cash += event.change
                case e.TradingStateChanged():
                    self.state = event.state
                case e.EntriesPaused():
                    self.paused.add(event.cause)
                case e.EntriesResumed():
                    self.paused.discard(event.cause)
                case e.OrderPlaced() if event.order.role is Role.ENTRY:
                    self.entry(event)
                case e.OrderPlaced():
                    assert event.order.side is Side.SELL
                    assert event.order.quantity <= self.held[event.order.plan_id]
                case e.OrderChanged():
                    self.pending.pop(event.order_id, None)
                case e.OrderFilled():
                    self.fill(event)
                case e.DustLeft():
                    self.dust[event.symbol] = event.quantity
                case e.PositionClosed():
                    self.closed(event)
                case _:
                    pass
        return self

    def entry(self, event: e.OrderPlaced) -> None:
        risk, order, at = self.spec.risk, event.order, event.at
        assert self.state is TradingState.ACTIVE, "an entry while trading was not ACTIVE"
        assert not self.paused, "an entry while entries were paused"
        assert order.price is not None
        notional = order.price * order.quantity
        assert notional <= risk.position_fraction * self.spec.capital, "position_fraction"
        assert notional * (1 + self.spec.costs.taker_fee) <= self.cash, "cash"
        taken = sum(1 for quantity in self.held.values() if quantity > 0) + len(self.pending)
        assert taken < risk.max_open_positions, "max_open_positions"
        assert sum(1 for t in self.entries if at - t < HOUR) < risk.max_entries_per_hour, "max_entries_per_hour"
        assert sum(1 for t in self.entries if t // DAY == at // DAY) < risk.max_entries_per_day, "max_entries_per_day"
        last = self.last_touch.get(order.symbol)
        assert last is None or at - last >= risk.cooldown_ms, "cooldown"
        self.entries.append(at)
        self.last_touch[order.symbol] = at
        self.pending[order.order_id] = event
        self.symbols[order.plan_id] = order.symbol

    def fill(self, event: e.OrderFilled) -> None:
        assert (event.symbol, event.trade_id) not in self.trades, "a trade was booked twice"
        self.trades.add((event.symbol, event.trade_id))
        self.pending.pop(event.order_id, None)
        notional = event.price * event.quantity
        flow = (notional if event.side is Side.SELL else -notional) - event.fee_quote
        self.cash += flow
        self.flows[event.plan_id] += flow
        self.held[event.plan_id] += event.quantity if event.side is Side.BUY else -event.quantity
        if event.fee_currency == event.symbol.partition("/")[0]:
            self.held[event.plan_id] -= event.fee
        assert self.held[event.plan_id] >= 0, "more was sold than held"
        assert self.cash >= 0, "cash went below zero"

    def closed(self, event: e.PositionClosed) -> None:
        trip = event.trip
        left = self.held[trip.plan_id]
        assert left == self.dust.pop(trip.symbol, ZERO), "closed while something was held"
        assert left < self.spec.instruments[trip.symbol].lot, "more than dust was left"
        self.held[trip.plan_id] = ZERO
        assert trip.net_pnl == self.flows[trip.plan_id], "a round trip is not the sum of its fills"
        self.last_touch[trip.symbol] = event.at
        self.trips += 1
        self.gapped += trip.gapped
        budget = self.spec.risk.risk_fraction * self.spec.capital
        if trip.exit_reason in {"stop", "trailing"} and not trip.gapped:
            assert trip.net_pnl >= -budget, f"lost {trip.net_pnl} at the stop, more than {budget}"
