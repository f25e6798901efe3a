"""A paper instance's whole life, whatever market, operators and crashes do to it: every promise, after every step."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import ClassVar

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from investbot.analysis.indicators import Ema, IndicatorSpec
from investbot.domain import events as e
from investbot.domain import facts as f
from investbot.domain.codec import decode, encode, kind
from investbot.domain.market import HOUR, Bar, Candle, Instrument, Quality, Timeframe
from investbot.domain.order import DONE, Fill, Order, OrderReport, OrderState, OrderType, Role, Side
from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.domain.signal import Direction, Signal
from investbot.engine.engine import Engine
from investbot.engine.simulated import SimulatedMarket
from investbot.engine.spec import EngineSpec
from investbot.engine.state import EngineState
from investbot.risk.rules import stop_for
from investbot.simulation import Book, Happening
from investbot.strategies.api import MarketView
from tests.audit import Auditor

FRAME = Timeframe.parse("1h")
START = 1_704_067_200_000  # 2024-01-01T00:00:00Z
SYMBOLS = ("BTC/USDT", "ETH/USDT")
ZERO = Decimal(0)
ONE = Decimal(1)


@dataclass(frozen=True)
class Told:
    """A strategy whose opinion stands in the last digit of a bar's volume."""

    name: ClassVar[str] = "told"
    description: ClassVar[str] = "says what the volume says"
    warmup: int = 0

    def indicators(self) -> Mapping[str, IndicatorSpec]:
        return {"mean": Ema(3)}

    def confirm_indicators(self) -> Mapping[str, IndicatorSpec]:
        return {}

    def evaluate(self, view: MarketView) -> Signal | None:
        close = view.bar.close
        match int(view.bar.volume) % 10:
            case 1:
                return Signal(Direction.LONG, 0.5, "up")
            case 2:
                return Signal(Direction.SHORT, 0.5, "down")
            case 3:
                return Signal(Direction.LONG, 0.5, "up to here", close * 0.985, (close * 1.03, close * 1.015))
            case _:
                return None


class HarshBook(Book):
    """A venue that may take the entry's fee in base, and refuses stops when it is told to."""

    fee_in_base = False
    refusing = 0

    def submit(self, order: Order) -> list[Happening]:
        if self.refusing and order.role is Role.STOP:
            self.refusing -= 1
            return [OrderReport(order.placed_at, order.order_id, OrderState.REJECTED, reason="not today")]
        return super().submit(order)

    def open(self, candle: Candle) -> list[Happening]:
        return [self._charged(item) for item in super().open(candle)]

    def _charged(self, item: Happening) -> Happening:
        if not (self.fee_in_base and isinstance(item, Fill) and item.side is Side.BUY and item.fee):
            return item
        fee = item.quantity * self._costs.taker_fee
        plan_id = self._plan_of(item)
        self._held[plan_id] -= fee
        return replace(item, fee=fee, fee_currency=item.symbol.partition("/")[0])

    def _plan_of(self, fill: Fill) -> str:
        return fill.order_id.partition("-")[0]


class StrictAuditor(Auditor):
    """Follows allocations too, and counts an entry as waiting until it is done."""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self.budgets: dict[str, Decimal] = {}
        self.won = ZERO

    def walk(self, events: Iterable[e.Event]) -> StrictAuditor:
        for event in events:
            if isinstance(event, e.OrderChanged) and event.state not in DONE:
                continue
            if isinstance(event, e.OrderPlaced):
                self.budgets.setdefault(event.order.plan_id, self.spec.risk.risk_fraction * self.spec.capital)
            super().walk([event])
            if isinstance(event, e.CapitalAllocated):
                self.spec = replace(self.spec, capital=event.amount)
        return self

    def closed(self, event: e.PositionClosed) -> None:
        trip = event.trip
        left = self.dust.pop(trip.symbol, ZERO)
        instrument = self.spec.instruments[trip.symbol]
        assert self.held[trip.plan_id] == left < instrument.lot
        assert trip.net_pnl == self.flows[trip.plan_id], "a round trip is not the sum of its fills"
        self.held[trip.plan_id] = ZERO
        self.last_touch[trip.symbol] = event.at
        self.won += trip.net_pnl
        if trip.exit_reason in {"stop", "trailing"} and not trip.gapped:
            lost = -trip.net_pnl - left * trip.entry_price
            assert lost <= self.budgets[trip.plan_id], f"lost {lost} at the stop"


@dataclass
class Life:
    """One run of an instance: what is in memory, which a crash takes, and the ledger, which stays."""

    spec: EngineSpec
    fee_in_base: bool

    def __post_init__(self) -> None:
        self.ledger: list[tuple[str, str]] = []
        self.candles: list[Candle] = []
        self.engine = Engine(self.spec, Told())
        self.host()

    def host(self) -> None:
        self.book = HarshBook(self.spec.costs, self.spec.instruments)
        self.book.fee_in_base = self.fee_in_base
        self.market = SimulatedMarket(self.engine, self.book)

    def keep(self, events: list[e.Event]) -> list[e.Event]:
        self.ledger += [(kind(event), json.dumps(encode(event))) for event in events]
        return events

    def step(self, candle: Candle) -> list[e.Event]:
        begun = [] if self.candles else self.engine.begin(candle.opened_at)
        self.candles.append(candle)
        return self.keep([*begun, *self.market.step(candle)])

    def handle(self, fact: f.Fact) -> list[e.Event]:
        return self.keep(self.market.handle(fact))

    def recovered(self) -> Engine:
        engine = Engine(self.spec, Told())
        for name, body in self.ledger:
            engine.apply(decode(name, json.loads(body)))
        for candle in self.candles:
            engine.warm(candle)
        return engine

    def crash(self) -> None:
        refusing = self.book.refusing
        self.engine = self.recovered()
        self.host()
        self.book.refusing = refusing


COSTS = st.builds(
    CostRules,
    taker_fee=st.sampled_from([ZERO, Decimal("0.001"), Decimal("0.00123456")]),
    maker_fee=st.sampled_from([ZERO, Decimal("0.0005")]),
    slippage=st.sampled_from([ZERO, Decimal("0.0005"), Decimal("0.003")]),
    latency_ms=st.sampled_from([0, 0, 500, FRAME.ms]),
    bar_share=st.sampled_from([ZERO, Decimal("0.01"), Decimal("0.1")]),
)
RISKS = st.builds(
    RiskRules,
    position_fraction=st.sampled_from([Decimal("0.02"), Decimal("0.5"), ONE]),
    risk_fraction=st.sampled_from([Decimal("0.001"), Decimal("0.05")]),
    max_open_positions=st.integers(1, 2),
    max_entries_per_hour=st.integers(1, 3),
    max_entries_per_day=st.integers(2, 20),
    daily_loss_fraction=st.sampled_from([Decimal("0.002"), Decimal("0.9")]),
    max_drawdown_fraction=st.sampled_from([Decimal("0.003"), Decimal("0.9")]),
    cooldown_ms=st.sampled_from([0, 2 * HOUR]),
    min_net_reward_risk=st.just(ZERO),
    entry_band=st.sampled_from([Decimal("0.002"), Decimal("0.02")]),
)
EXITS = st.builds(
    ExitRules,
    stop_fraction=st.sampled_from([Decimal("0.01"), Decimal("0.04")]),
    stop_min=st.just(Decimal("0.002")),
    stop_max=st.just(Decimal("0.04")),
    stop_structure=st.booleans(),
    targets=st.sampled_from(
        [
            ((Decimal("0.02"), ONE),),
            ((Decimal("0.01"), Decimal("0.5")), (Decimal("0.03"), Decimal("0.5"))),
            ((Decimal("0.01"), Decimal("0.01")), (Decimal("0.02"), Decimal("0.49")), (Decimal("0.05"), Decimal("0.5"))),
        ]
    ),
    trailing_fraction=st.sampled_from([ZERO, Decimal("0.005"), Decimal("0.02")]),
    max_age_ms=st.sampled_from([0, 3 * HOUR]),
)
STEPS = st.sampled_from([("0.01", "0.001"), ("0.01", "0.001"), ("0.25", "0.01"), ("0.01", "1"), ("0.25", "0.00000001")])
SMALL = st.integers(-12, 12)
MOVES = st.one_of(SMALL, st.integers(-60, 60), st.sampled_from([-999, -300, -80, 80, 400, 900]))
"""In thousandths of the price: quiet, lively, and what nobody expects."""
WICKS = st.integers(0, 25)
OPINIONS = st.sampled_from([0, 1, 1, 2, 3])
VOLUMES = st.sampled_from([0, 100, 1_000, 50_000])
LATE = st.sampled_from([False] * 9 + [True])
CAPITALS = st.sampled_from([10_000, 10_000, 3_333, 100, 1])
SYMBOL = st.sampled_from(SYMBOLS)


@st.composite
def bars(draw: st.DrawFn) -> tuple[int, int, int, int, int, bool]:
    """Draw the gap, the close, the high and low beyond both (thousandths of a price), the volume, and lateness."""
    shape = draw(st.sampled_from(["flat", "quiet", "lively", "wild"]))
    volume = draw(VOLUMES) + draw(OPINIONS)
    if shape == "flat":
        return 0, 0, 0, 0, volume, draw(LATE)
    gap = 0 if shape == "quiet" else draw(MOVES if shape == "wild" else SMALL)
    return gap, draw(MOVES if shape == "wild" else SMALL), draw(WICKS), draw(WICKS), volume, draw(LATE)


RawBar = tuple[int, int, int, int, int, bool]


class PaperLife(RuleBasedStateMachine):
    """Two runs of the same instance: one is never cut, the other crashes; both are told the same."""

    @initialize(costs=COSTS, risk=RISKS, exits=EXITS, steps=STEPS, base=st.booleans(), capital=CAPITALS)
    def begin(
        self, costs: CostRules, risk: RiskRules, exits: ExitRules, steps: tuple[str, str], base: bool, capital: int
    ) -> None:
        tick, lot = map(Decimal, steps)
        instruments = {symbol: Instrument(symbol, tick, lot, Decimal(1)) for symbol in SYMBOLS}
        spec = EngineSpec(instruments, FRAME, None, costs, risk, exits, Decimal(capital), "home/alpha")
        self.whole, self.cut = Life(spec, base), Life(spec, base)
        self.spec, self.tick = spec, tick
        self.auditor = StrictAuditor(spec)
        self.number = self.passed = self.steps = 0
        self.prices = {SYMBOLS[0]: Decimal(100), SYMBOLS[1]: Decimal(200)}
        self.closes: dict[str, Decimal] = {}
        self.feed((0, 0, 0, 0, 5001, False), (0, 0, 0, 0, 5001, False), 1)

    # ---- what happens ------------------------------------------------------------------------------------------

    @rule(told=st.lists(st.tuples(bars(), bars()), min_size=1, max_size=8))
    def hours(self, told: list[tuple[RawBar, RawBar]]) -> None:
        """Close some bars of both symbols."""
        self.hours_pass(told)

    @rule(first=st.one_of(bars(), st.none()), second=st.one_of(bars(), st.none()), gap=st.integers(1, 4))
    def hole(self, first: RawBar | None, second: RawBar | None, gap: int) -> None:
        """Close a bar of each symbol that has one, after some that are missing."""
        self.feed(first, second, gap)

    @rule(told=st.lists(st.tuples(bars(), bars()), min_size=1, max_size=4))
    def all_is_well_again(self, told: list[tuple[RawBar, RawBar]]) -> None:
        """Whatever stood in the way of entries is gone."""
        self.tell(f.SupervisorFound(self.moment()))
        for symbol in SYMBOLS:
            self.tell(f.DataFresh(self.moment(), symbol))
        self.tell(f.OperatorRequest(self.moment(), f.Action.RESUME))
        self.hours_pass(told)

    def hours_pass(self, told: list[tuple[RawBar, RawBar]]) -> None:
        for first, second in told:
            self.feed(first, second, 1)

    def feed(self, first: RawBar | None, second: RawBar | None, hours: int) -> None:
        self.number += hours
        self.passed = 0
        for symbol, raw in zip(SYMBOLS, (first, second), strict=True):
            if raw is not None:
                candle, refused = self.candle(symbol, raw), self.whole.book.refusing
                self.told(self.whole.step(candle), self.cut.step(candle))
                self.closes[symbol] = candle.close
                if not refused:
                    self.is_protected_again(symbol)

    @rule(symbol=SYMBOL, back=st.integers(0, 3), raw=bars())
    def straggler(self, symbol: str, back: int, raw: RawBar) -> None:
        """A bar that was told before, or should have been, changes nothing."""
        last = max((c.opened_at for c in self.cut.candles if c.symbol == symbol), default=None)
        if last is not None:
            price = self.prices[symbol]
            candle = replace(self.candle(symbol, raw), opened_at=last - back * FRAME.ms)
            self.prices[symbol] = price
            assert not self.whole.market.step(candle)
            assert not self.cut.market.step(candle)

    @rule(
        action=st.sampled_from([f.Action.PAUSE, f.Action.RESUME, f.Action.FLATTEN, f.Action.CLOSE, f.Action.CLOSE]),
        symbol=SYMBOL,
    )
    def operator(self, action: f.Action, symbol: str) -> None:
        at = self.moment()
        self.tell(f.OperatorRequest(at, action, symbol if action is f.Action.CLOSE else None))
        state = self.cut.engine.state
        if action is f.Action.FLATTEN:
            assert not state.holdings
            assert not state.orders
        if action is f.Action.CLOSE:
            assert state.holding_of(symbol) is None

    @rule(amount=st.one_of(st.sampled_from([0, 1, 100, 9_000, 9_990, 10_000, 25_000]), st.just(-1)))
    def allocate(self, amount: int) -> None:
        """Any sum, and (-1) all that is free."""
        state = self.cut.engine.state
        wanted = Decimal(amount) if amount >= 0 else state.capital - state.free_cash(self.spec.costs.taker_fee)
        self.tell(f.OperatorRequest(self.moment(), f.Action.ALLOCATE, amount=wanted))

    @rule(symbol=SYMBOL, stale=st.booleans())
    def data(self, symbol: str, stale: bool) -> None:
        at = self.moment()
        self.tell(f.DataStale(at, symbol, "late") if stale else f.DataFresh(at, symbol))

    @rule(lost=st.booleans())
    def supervisor(self, lost: bool) -> None:
        self.tell(f.SupervisorLost(self.moment()) if lost else f.SupervisorFound(self.moment()))

    @rule()
    def timer(self) -> None:
        self.tell(f.Timer(self.moment()))

    @rule(symbol=SYMBOL, direction=st.sampled_from(Direction))
    def alert(self, symbol: str, direction: Direction) -> None:
        self.tell(f.Alert(self.moment(), symbol, "door", Signal(direction, 0.5, "heard")))

    @rule()
    def stop_is_refused(self) -> None:
        """The next stop is refused."""
        self.whole.book.refusing = self.cut.book.refusing = 1

    @rule()
    def crash(self) -> None:
        self.cut.crash()

    @precondition(lambda self: self.number > 12)
    @rule(close=st.booleans())
    def end(self, close: bool) -> None:
        state = self.cut.engine.state
        at = self.moment()
        first = at > state.finished_at
        self.tell(f.SourceEnded(at, close))
        assert not (first and close and (state.holdings or state.orders))

    # ---- how it is told ----------------------------------------------------------------------------------------

    def moment(self) -> int:
        """Some minutes after the last bar closed, before the next one does."""
        self.passed = min(self.passed + 1, 50)
        return START + self.number * FRAME.ms + self.passed * 60_000

    def tell(self, fact: f.Fact) -> None:
        waiting = {o.order.order_id for o in self.whole.engine.state.orders.values()}
        told = self.whole.handle(fact)
        self.told(told, self.cut.handle(fact))
        match fact:
            case f.SourceEnded(close=True) | f.OperatorRequest(action=f.Action.FLATTEN | f.Action.CLOSE):
                pass
            case _:
                filled = {event.order_id for event in told if isinstance(event, e.OrderFilled)}
                assert not filled & waiting, "an order that waits for a bar was filled without one"

    def told(self, whole: list[e.Event], cut: list[e.Event]) -> None:
        assert cut == whole, "a crash changed what follows"
        self.auditor.walk(cut)

    def candle(self, symbol: str, raw: RawBar) -> Candle:
        gap, move, up, down, volume, late = raw
        before = self.prices[symbol]
        opened = self.on_tick(before, gap)
        close = self.on_tick(opened, move)
        high, low = self.on_tick(max(opened, close), up), self.on_tick(min(opened, close), -down)
        self.prices[symbol] = close
        floats = Bar(float(opened), float(high), float(low), float(close), float(volume))
        quality = Quality.LATE if late else Quality.GOOD
        at = START + (self.number - 1) * FRAME.ms
        return Candle(symbol, FRAME, at, opened, high, low, close, floats, quality)

    def on_tick(self, price: Decimal, thousandths: int) -> Decimal:
        ticks = int(price * (1000 + thousandths) / 1000 / self.tick)
        return (max(ticks, 1) * self.tick).quantize(self.tick)

    # ---- what is promised --------------------------------------------------------------------------------------

    @invariant()
    def all_that_is_held_is_protected_or_leaves(self) -> None:
        state = self.cut.engine.state
        for holding in state.holdings.values():
            instrument = self.spec.instruments[holding.plan.symbol]
            sellable = instrument.quantity_down(holding.quantity)
            mine = [o for o in state.orders.values() if o.order.plan_id == holding.plan.plan_id]
            stops = [o for o in mine if o.order.role is Role.STOP]
            market = [o for o in mine if o.order.type is OrderType.MARKET]
            entries = [o for o in mine if o.order.role is Role.ENTRY]
            if not sellable:
                assert [o.order.role for o in mine] == [Role.ENTRY]
            elif holding.closing:
                assert [o.remaining for o in market] == [sellable]
                assert len(mine) == 1
            elif holding.stop_refused:
                assert len(stops) <= 1
            else:
                assert [o.remaining for o in stops] == [sellable]
                level = stops[0].order.stop_price
                assert level is not None
                assert level >= stop_for(holding.entry_price, holding.plan.stop_distance, instrument)
                assert not entries
                assert not market

    @invariant()
    def no_order_is_open_without_its_plan(self) -> None:
        state = self.cut.engine.state
        assert {o.order.plan_id for o in state.orders.values()} <= set(state.holdings)
        symbols = [holding.plan.symbol for holding in state.holdings.values()]
        assert len(symbols) == len(set(symbols))

    @invariant()
    def money_adds_up(self) -> None:
        state = self.cut.engine.state
        assert state.cash == self.auditor.cash >= 0
        held = {plan: quantity for plan, quantity in self.auditor.held.items() if quantity}
        assert held == {plan: h.quantity for plan, h in state.holdings.items() if h.quantity}
        open_flows = sum((self.auditor.flows[plan] for plan in state.holdings), ZERO)
        assert state.cash == self.auditor.spec.capital + self.auditor.won + open_flows
        worth = sum((h.quantity * self.closes[h.plan.symbol] for h in state.holdings.values()), ZERO)
        assert state.equity() == state.cash + worth
        assert state.free_cash(self.spec.costs.taker_fee) >= 0

    @invariant()
    def the_book_knows_what_the_engine_knows(self) -> None:
        for life in (self.whole, self.cut):
            state = life.engine.state
            assert list(life.book.orders) == [o.order for o in state.orders.values()]
            for plan_id, holding in state.holdings.items():
                assert life.book.held(plan_id) == holding.quantity

    @invariant()
    def a_restart_would_know_the_same(self) -> None:
        self.steps += 1
        if self.steps % 4:  # the ledger is read from its beginning each time
            return
        again, now = self.cut.recovered(), self.whole.engine
        assert again.summary() == now.summary()
        assert dict(known(again.state)) == dict(known(now.state))

    def is_protected_again(self, symbol: str) -> None:
        holding = self.cut.engine.state.holding_of(symbol)
        assert holding is None or holding.closing or not holding.stop_refused, "a refused stop was not asked for again"


def known(state: EngineState) -> Iterator[tuple[str, object]]:
    """All that is remembered, without what is only worked out from it."""
    for name in EngineState.__slots__:
        if name != "floors":
            yield name, getattr(state, name)


PaperLife.TestCase.settings = settings(
    max_examples=160,
    stateful_step_count=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)
test_paper_life = PaperLife.TestCase
