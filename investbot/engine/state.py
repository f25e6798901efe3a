"""What an instance knows, as the sum of its events; only `apply` (beside this module) changes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from investbot.domain.events import SignalRaised
from investbot.domain.intelligence import IntelligenceItem
from investbot.domain.market import Instrument, Millis
from investbot.domain.order import Order, OrderState, Role
from investbot.domain.position import ExitPlan
from investbot.domain.signal import Direction
from investbot.domain.states import TradingState
from investbot.risk.breaches import Floors
from investbot.risk.rules import FEE_ROUNDING

ZERO = Decimal(0)


@dataclass(slots=True)
class OpenOrder:
    """An order that may still fill; `filled` in base."""

    order: Order
    state: OrderState = OrderState.INTENDED
    filled: Decimal = ZERO
    venue_order_id: str | None = None
    cancel_asked: bool = False
    trades: set[str] = field(default_factory=set)

    @property
    def remaining(self) -> Decimal:
        """Quantity in base that has not filled."""
        return self.order.quantity - self.filled


@dataclass(slots=True)
class Holding:
    """One plan from its entry order to flat; quantities in base, money in quote, prices in quote per base.

    `high` and `low` are the extremes seen since the entry; `fees` values every fee in quote, `fees_quote` only
    those taken
    from quote cash.
    """

    plan: ExitPlan
    entry_order_id: str = ""
    quantity: Decimal = ZERO
    bought: Decimal = ZERO
    sold: Decimal = ZERO
    cost: Decimal = ZERO
    proceeds: Decimal = ZERO
    fees: Decimal = ZERO
    fees_quote: Decimal = ZERO
    opened_at: Millis = 0
    last_fill_at: Millis = 0
    stop_price: Decimal | None = None
    high: Decimal = ZERO
    low: Decimal = ZERO
    closing: str = ""
    exit_reason: str = ""
    gapped: bool = False
    targets_placed: bool = False
    stop_refused: bool = False
    stop_kept: bool = False
    """Whether the venue keeps no stops at all, so that the instance does."""
    taking: int = 0
    """The rung (from 1) that is being sold because its price was reached; 0 for none."""
    rungs_taken: int = 0
    sequence: int = 0

    @property
    def entry_price(self) -> Decimal:
        """Average price paid, in quote per base; needs at least one entry fill."""
        return self.cost / self.bought


@dataclass(slots=True)
class Ended:
    """An order that ended before all of it filled: the venue may yet turn out to have more of it.

    `abandoned` is the plan of an entry that ended without a fill, None for all others; `doubted` says that the order
    only counts as done because the venue did not know it.
    """

    open_order: OpenOrder
    abandoned: Holding | None
    doubted: bool


@dataclass(slots=True)
class Tally:
    """Results of finished round trips, in quote and in R."""

    trips: int = 0
    wins: int = 0
    gains: Decimal = ZERO
    losses: Decimal = ZERO
    gains_r: Decimal = ZERO
    losses_r: Decimal = ZERO


@dataclass(slots=True)
class EngineState:
    """All that the engine remembers between facts. Money in quote, moments in milliseconds UTC."""

    instruments: dict[str, Instrument]
    capital: Decimal = ZERO
    cash: Decimal = ZERO
    peak: Decimal = ZERO
    version: int = 1
    """Of the configuration that decides, as the ledger knows it."""
    waiting: tuple[str, ...] = ()
    """What of that version the next start takes in."""
    day: int = -1
    day_start_equity: Decimal = ZERO
    floors: Floors | None = None
    """Where the loss limits lie, kept until capital, peak or day change."""
    trading_state: TradingState = TradingState.ACTIVE
    reduced_by: str = ""
    paused: dict[str, str] = field(default_factory=dict)
    orders: dict[str, OpenOrder] = field(default_factory=dict)
    holdings: dict[str, Holding] = field(default_factory=dict)
    ended: dict[str, Ended] = field(default_factory=dict)
    """The newest orders that ended with something left, oldest first."""
    marks: dict[str, Decimal] = field(default_factory=dict)
    reliving: bool = False
    """Whether marks are of the past, which is being gone through again."""
    anchors: dict[str, Millis] = field(default_factory=dict)
    entry_times: list[Millis] = field(default_factory=list)
    last_entry_at: dict[str, Millis] = field(default_factory=dict)
    last_exit_at: dict[str, Millis] = field(default_factory=dict)
    last_intent_at: dict[tuple[str, Direction], Millis] = field(default_factory=dict)
    plans_made: int = 0
    signals_raised: int = 0
    last_signal: SignalRaised | None = None
    last_at: Millis = 0
    last_candle_at: Millis = 0
    finished_at: Millis = -1
    """When the source last ended; -1 for never."""
    tally: Tally = field(default_factory=Tally)
    dust: dict[str, Decimal] = field(default_factory=dict)
    heard: dict[str, dict[str, IntelligenceItem]] = field(default_factory=dict)
    """Items of the world outside that may still count, by source and id."""
    alerts_taken: dict[str, Millis] = field(default_factory=dict)
    """The newest alerts by their id, oldest first: none is taken twice."""

    @property
    def begun(self) -> bool:
        """Whether capital was ever allocated."""
        return self.day >= 0

    @property
    def is_valued(self) -> bool:
        """Whether marks are of now, and there is one of all that is held."""
        held = (holding.plan.symbol for holding in self.holdings.values() if holding.quantity)
        return not self.reliving and all(symbol in self.marks for symbol in held)

    def equity(self) -> Decimal:
        """Cash and what is held at the last close (at its cost before the first one is seen), in quote."""
        value = self.cash
        for holding in self.holdings.values():
            if holding.quantity:
                value += holding.quantity * (self.marks.get(holding.plan.symbol) or holding.entry_price)
        return value

    def free_cash(self, taker_fee: Decimal) -> Decimal:
        """Cash that no waiting entry may still spend, fees (a fraction of notional) included, in quote."""
        free = self.cash
        for open_order in self.orders.values():
            order = open_order.order
            if order.role is Role.ENTRY and order.price is not None:
                free -= open_order.remaining * order.price * (1 + taker_fee) + FEE_ROUNDING
        return free

    def doubts(self) -> Iterator[str]:
        """Name each order whose outcome nobody knows; no entry is made beside one."""
        for order_id, open_order in self.orders.items():
            if open_order.state is OrderState.UNKNOWN:
                yield f"unknown:{order_id}"

    def holding_of(self, symbol: str) -> Holding | None:
        """The plan that is open (or being entered) in `symbol`; there is at most one."""
        for holding in self.holdings.values():
            if holding.plan.symbol == symbol:
                return holding
        return None

    def reducing_orders(self, plan_id: str) -> Iterator[OpenOrder]:
        """Open orders that leave the position of `plan_id`."""
        return (o for o in self.orders.values() if o.order.plan_id == plan_id and o.order.role is not Role.ENTRY)

    def entry_order(self, holding: Holding) -> OpenOrder | None:
        """The entry of `holding` while it may still fill."""
        return self.orders.get(holding.entry_order_id)
