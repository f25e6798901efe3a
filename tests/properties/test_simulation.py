"""Whatever the market and the orders do, the simulated book keeps its promises."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from investbot.domain.market import MINUTE, Candle
from investbot.domain.order import DONE, Fill, Order, OrderState, OrderType, Role, Side
from investbot.domain.rules import CostRules
from investbot.simulation import Book, FillPolicy, Happening
from tests.unit.simulation.builders import INSTRUMENT, INSTRUMENTS, candle
from tests.unit.simulation.builders import order as make

Wish = tuple[Role, str, Decimal, Decimal, bool]
RawBar = tuple[Decimal, Decimal, Decimal, Decimal, float]
Script = list[tuple[RawBar, list[Wish], bool]]

CENT = Decimal("0.01")
PLANS = ("1", "2")


def cents(low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.integers(min_value=low, max_value=high).map(lambda count: count * CENT)


prices = cents(9_000, 11_000)
LEVELS = {Role.ENTRY: cents(9_900, 12_000), Role.STOP: cents(9_000, 10_100), Role.TARGET: cents(9_900, 11_000)}
"""Where orders mostly make sense, so that bars often reach both barriers of a plan."""
quantities = st.integers(min_value=60, max_value=3_000).map(lambda lots: lots * INSTRUMENT.lot)
volumes = st.floats(min_value=0.0, max_value=20.0, allow_nan=False)


@st.composite
def bars(draw: st.DrawFn) -> RawBar:
    path = [draw(cents(9_700, 10_300)), *draw(st.lists(prices, min_size=3, max_size=3))]
    return path[0], max(path), min(path), path[-1], draw(volumes)


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    """Draw what to order: role, plan, quantity, level, and whether it replaces the last order of its kind."""
    role = draw(st.sampled_from([Role.ENTRY, Role.ENTRY, Role.STOP, Role.TARGET, Role.EXIT]))
    return role, draw(st.sampled_from(PLANS)), draw(quantities), draw(LEVELS.get(role, prices)), draw(st.booleans())


steps = st.lists(st.tuples(bars(), st.lists(wishes(), max_size=4), st.booleans()), min_size=1, max_size=12)
costs = st.builds(
    CostRules,
    taker_fee=st.sampled_from([Decimal(0), Decimal("0.001"), Decimal("0.00123456")]),
    maker_fee=st.sampled_from([Decimal(0), Decimal("0.0002")]),
    slippage=st.sampled_from([Decimal(0), Decimal("0.0005"), Decimal("0.02")]),
    latency_ms=st.sampled_from([0, MINUTE - 1, MINUTE, 2 * MINUTE]),
    bar_share=st.sampled_from([Decimal(0), Decimal("0.03"), Decimal("0.1")]),
)


@dataclass
class Walk:
    """A book, and a plain re-reckoning of everything it says."""

    rules: CostRules
    book: Book
    placed: dict[str, Order] = field(default_factory=dict)
    last: dict[tuple[str, Role], str] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    filled: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    held: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    trades: set[str] = field(default_factory=set)
    cash: Decimal = Decimal(0)
    gone_off: set[str] = field(default_factory=set)
    happened: list[Happening] = field(default_factory=list)

    def place(self, at: int, wish: Wish) -> None:
        role, plan, quantity, level, replacing = wish
        replaces = self.last.get((plan, role)) if replacing and role in {Role.STOP, Role.TARGET} else None
        made = make(
            role,
            quantity,
            plan=plan,
            number=len(self.placed) + 1,
            placed_at=at,
            price=level if role in {Role.ENTRY, Role.TARGET} else None,
            stop=level if role is Role.STOP else None,
            ioc=role is Role.ENTRY,
            replaces=replaces,
        )
        self.placed[made.order_id] = made
        self.last[plan, role] = made.order_id
        self.take(self.book.submit(made), None)

    def take(self, happened: list[Happening], bar: Candle | None) -> None:
        self.happened += happened
        for item in happened:
            assert item.order_id not in self.done, "nothing happens to an order that is over"
            if isinstance(item, Fill):
                assert bar is not None
                self.check(item, bar)
            elif item.state in DONE:
                self.done.add(item.order_id)

    def check(self, fill: Fill, bar: Candle) -> None:
        made = self.placed[fill.order_id]
        delay = self.rules.latency_ms // MINUTE * MINUTE if made.replaces is None else 0
        assert made.placed_at + delay <= bar.opened_at, "no fill before the order takes part"
        assert fill.trade_id not in self.trades
        self.trades.add(fill.trade_id)
        assert fill.quantity > 0
        assert fill.quantity % INSTRUMENT.lot == 0
        assert fill.price % INSTRUMENT.tick == 0
        self.check_price(fill, made, bar)
        rate = self.rules.maker_fee if made.role is Role.TARGET else self.rules.taker_fee
        exact = fill.price * fill.quantity * rate
        assert exact <= fill.fee < exact + Decimal("0.00000001")
        self.filled[fill.order_id] += fill.quantity
        assert self.filled[fill.order_id] <= made.quantity
        if self.filled[fill.order_id] == made.quantity:
            self.done.add(fill.order_id)
        sign = 1 if fill.side is Side.BUY else -1
        self.cash -= sign * fill.price * fill.quantity + fill.fee
        self.held[made.plan_id] += sign * fill.quantity
        assert self.held[made.plan_id] >= 0, "never sells more than the plan holds"

    def check_price(self, fill: Fill, made: Order, bar: Candle) -> None:
        slip = self.rules.slippage
        if fill.side is Side.BUY:
            assert bar.open <= fill.price < bar.open * (1 + slip) + CENT
            assert made.price is not None
            assert fill.price <= made.price
        elif made.role is Role.TARGET:
            assert made.price is not None
            assert bar.low <= fill.price <= bar.high
            assert fill.price >= made.price
        elif made.type is OrderType.STOP and made.order_id not in self.gone_off:
            assert made.stop_price is not None
            trigger = min(made.stop_price, bar.open)
            assert bar.low <= trigger
            assert trigger * (1 - slip) - CENT < fill.price <= trigger
            self.gone_off.add(made.order_id)
        else:
            assert bar.open * (1 - slip) - CENT < fill.price <= bar.open

    def step(self, bar: Candle) -> tuple[list[Happening], list[Happening]]:
        opened = self.book.open(bar)
        self.take(opened, bar)
        inside = self.book.within(bar)
        self.take(inside, bar)
        return opened, inside

    def check_rest(self, bar: Candle) -> None:
        """Nothing is left open that the bar's open or its low should have executed."""
        assert {made.order_id for made in self.book.orders} == {
            item.order_id
            for item in self.happened
            if not isinstance(item, Fill) and item.state is OrderState.ACKNOWLEDGED and item.order_id not in self.done
        }
        for plan in PLANS:
            assert self.book.held(plan) == self.held[plan]
        if self.rules.bar_share:
            return
        for made in self.book.orders:
            if made.placed_at + self.rules.latency_ms <= bar.opened_at:
                assert made.type is not OrderType.MARKET
                assert made.stop_price is None or made.stop_price < bar.low


def run(rules: CostRules, script: Script, policy: FillPolicy, *, restarts: bool) -> Walk:
    walk = Walk(rules, Book(rules, INSTRUMENTS, policy))
    for minute, ((first, high, low, close, volume), orders, restart) in enumerate(script):
        bar = candle(minute, first, high, low, close, volume=volume)
        for wish in orders:
            walk.place(bar.opened_at, wish)
        opened, inside = walk.step(bar)
        check_share(walk, opened + inside, bar)
        check_one_barrier(walk, opened)
        if policy is FillPolicy.STOP_FIRST:
            check_one_barrier(walk, inside)
        walk.check_rest(bar)
        if restart and restarts:
            fresh = Book(rules, INSTRUMENTS, policy)
            fresh.restore([(made, walk.filled[made.order_id]) for made in walk.book.orders], walk.held)
            walk.book = fresh
    return walk


def check_share(walk: Walk, happened: list[Happening], bar: Candle) -> None:
    taken: dict[str, Decimal] = defaultdict(Decimal)
    for item in happened:
        if isinstance(item, Fill):
            taken[item.order_id] += item.quantity
    if walk.rules.bar_share:
        for quantity in taken.values():
            assert quantity <= Decimal(repr(bar.bar.volume)) * walk.rules.bar_share


def check_one_barrier(walk: Walk, happened: list[Happening]) -> None:
    """Where the stop of a plan sold, none of its targets did: a bar that reaches both is the stop only."""
    made = [walk.placed[item.order_id] for item in happened if isinstance(item, Fill)]
    stopped = {order.plan_id for order in made if order.role is Role.STOP}
    reached = {order.plan_id for order in made if order.role is Role.TARGET}
    assert not stopped & reached


@given(rules=costs, script=steps, policy=st.sampled_from(FillPolicy))
def test_the_book_keeps_its_promises(rules: CostRules, script: Script, policy: FillPolicy) -> None:
    walk = run(rules, script, policy, restarts=False)
    bought = sum((f.price * f.quantity for f in fills_of(walk, Side.BUY)), Decimal(0))
    sold = sum((f.price * f.quantity for f in fills_of(walk, Side.SELL)), Decimal(0))
    fees = sum((f.fee for f in fills_of(walk)), Decimal(0))
    assert walk.cash == sold - bought - fees
    base = sum((f.quantity for f in fills_of(walk, Side.BUY)), Decimal(0)) - sum(
        (f.quantity for f in fills_of(walk, Side.SELL)), Decimal(0)
    )
    assert base == sum(walk.held.values())


@given(rules=costs, script=steps, policy=st.sampled_from(FillPolicy))
def test_restarts_change_nothing(rules: CostRules, script: Script, policy: FillPolicy) -> None:
    assert run(rules, script, policy, restarts=True).happened == run(rules, script, policy, restarts=False).happened


@given(script=steps, latency=st.sampled_from([0, MINUTE]))
def test_without_costs_the_book_is_fair(script: Script, latency: int) -> None:
    """Free of fees and slippage a fill is never outside its bar."""
    free = CostRules(Decimal(0), Decimal(0), Decimal(0), latency)
    walk = run(free, script, FillPolicy.STOP_FIRST, restarts=False)
    spans = {minute * MINUTE: (low, high) for minute, ((_, high, low, _, _), _, _) in enumerate(script)}
    for fill in fills_of(walk):
        made = walk.placed[fill.order_id]
        opened_at = fill.at if fill.at in spans and _inside(fill.price, spans[fill.at]) else fill.at - MINUTE
        assert _inside(fill.price, spans[opened_at])
        assert fill.fee == 0
        assert made.placed_at <= opened_at


def _inside(price: Decimal, span: tuple[Decimal, Decimal]) -> bool:
    return span[0] <= price <= span[1]


def fills_of(walk: Walk, side: Side | None = None) -> list[Fill]:
    return [item for item in walk.happened if isinstance(item, Fill) and side in {None, item.side}]
