"""A live market in memory with time that a test hurries: the engine, a fake account, a ledger, and crashes."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from investbot.domain import events as e
from investbot.domain.market import MINUTE, Bar, Candle, Instrument, Millis, Timeframe
from investbot.domain.order import Fill, Order, OrderReport
from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.domain.signal import Direction, Signal
from investbot.engine.engine import Engine
from investbot.engine.spec import EngineSpec
from investbot.instance.journal import Journal
from investbot.instance.live import Conclude, LiveMarket
from investbot.instance.lost_orders import Restored
from investbot.instance.patience import Pace, Waits
from investbot.instance.recovery import _both, replay
from investbot.ports.trading import VenueOrder
from tests.fakes.ledger import MemoryLedger
from tests.fakes.trading import FakeTrading
from tests.unit.engine.builders import Scripted

SYMBOL = "BTC/USDT"
FRAME = Timeframe.parse("1m")
START: Millis = 1_704_067_200_000
BTC = Instrument(SYMBOL, Decimal("0.01"), Decimal("0.00001"), Decimal(5))
LONG = Signal(Direction.LONG, 0.8, "up")
SHORT = Signal(Direction.SHORT, 0.8, "down")
PRICE = Decimal(100)
ROUNDS = 60
"""Turns of the event loop after which nothing more happens by itself."""


class Hurry:
    """Time that passes when nobody has anything to do; `pace` is what the host waits by."""

    def __init__(self, jitter: float = 0.5) -> None:
        self.seconds = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = itertools.count()
        self.pace = Pace(self.sleep, lambda: self.seconds, lambda: jitter)

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.seconds + seconds, next(self._count), woken))
        await woken

    async def breathe(self) -> None:
        """Let everybody do what can be done now."""
        for _ in range(ROUNDS):
            await asyncio.sleep(0)

    async def until(self, check: Callable[[], Any], seconds: float = 600.0) -> None:
        """Let time pass until `check` is true; fail after so many seconds of it."""
        end = self.seconds + seconds
        await self.breathe()
        while not check():
            self._drop()
            assert self._sleepers, "nothing will ever happen"
            assert self._sleepers[0][0] <= end, "it never came true"
            self._wake()
            await self.breathe()

    async def passes(self, seconds: float) -> None:
        """Let so many seconds pass."""
        end = self.seconds + seconds
        await self.breathe()
        self._drop()
        while self._sleepers and self._sleepers[0][0] <= end:
            self._wake()
            await self.breathe()
            self._drop()
        self.seconds = end

    def _drop(self) -> None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)

    def _wake(self) -> None:
        when, _, woken = heapq.heappop(self._sleepers)
        self.seconds = max(self.seconds, when)
        woken.set_result(None)


class FarTrading(FakeTrading):
    """The fake account at a distance: a kill can come before a request arrives and before its answer does.

    Its stream repeats itself and tells things in any order.
    """

    def __init__(self, hurry: Hurry, chance: random.Random, **more: Any) -> None:
        super().__init__({"USDT": Decimal(10_000)}, {SYMBOL: PRICE}, at=START, **more)
        self._hurry = hurry
        self._chance = chance
        self._said: list[VenueOrder | Fill] = []

    async def _far(self, work: Callable[[], Awaitable[Any]]) -> Any:
        await self._hurry.sleep(self._chance.uniform(0, 0.3))
        try:
            return await work()
        finally:
            await self._hurry.sleep(self._chance.uniform(0, 0.3))

    async def submit(self, order: Order) -> OrderReport:
        told: OrderReport = await self._far(lambda: FakeTrading.submit(self, order))
        return told

    async def cancel(self, order: Order, venue_order_id: str | None) -> OrderReport | None:
        told: OrderReport | None = await self._far(lambda: FakeTrading.cancel(self, order, venue_order_id))
        return told

    async def lookup(self, order: Order) -> VenueOrder | None:
        told: VenueOrder | None = await self._far(lambda: FakeTrading.lookup(self, order))
        return told

    async def open_orders(self, symbol: str) -> Sequence[VenueOrder]:
        told: Sequence[VenueOrder] = await self._far(lambda: FakeTrading.open_orders(self, symbol))
        return told

    async def fills(self, symbol: str, since_trade_id: str | None, since: Millis) -> Sequence[tuple[str, Fill]]:
        told: Sequence[tuple[str, Fill]] = await self._far(
            lambda: FakeTrading.fills(self, symbol, since_trade_id, since)
        )
        return told

    async def news(self) -> Sequence[VenueOrder | Fill]:
        items = list(await super().news())
        self._said += items
        items += self._chance.sample(self._said, min(2, len(self._said)))
        self._chance.shuffle(items)
        return items


def flat(number: int, price: Decimal | str = PRICE, at: Millis = START) -> Candle:
    """The candle that opens `number` minutes after `at`."""
    price = Decimal(price).quantize(BTC.tick)
    bar = Bar(*(float(price),) * 4, 10.0)
    return Candle(SYMBOL, FRAME, at + number * MINUTE, price, price, price, price, bar)


def account(**more: Any) -> FakeTrading:
    """An account with 10 000 USDT that ten times the capital of the instance is."""
    return FakeTrading({"USDT": Decimal(10_000)}, {SYMBOL: PRICE}, at=START, **more)


async def nothing() -> None:
    """Wait for nothing."""


@dataclass
class LiveHost:
    """One instance on a live venue; `crash` and `start` again as often as a test likes."""

    venue: FakeTrading = field(default_factory=account)
    script: dict[int, Signal] = field(default_factory=lambda: {1: LONG})
    exits: ExitRules = field(default_factory=lambda: ExitRules(max_age_ms=0))
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    hurry: Hurry = field(default_factory=Hurry)
    waits: Waits = field(default_factory=Waits)
    risk: RiskRules = field(
        default_factory=lambda: RiskRules(
            max_entries_per_hour=1000,
            max_entries_per_day=1000,
            cooldown_ms=0,
            min_net_reward_risk=Decimal(0),
            daily_loss_fraction=Decimal("0.9"),
            max_drawdown_fraction=Decimal("0.9"),
        )
    )
    namespace: str = "home/alpha"
    restored: Restored | None = None
    alive: bool = False
    candles_come: Callable[[], Awaitable[None]] = nothing
    candles: list[Candle] = field(default_factory=list)
    """All that were worked on, for the warm-up of the next process."""

    async def start(self, *, wait: bool = True) -> LiveHost:
        """Begin as a process does: replay, warm up, recover, compare; then the loop."""
        spec = EngineSpec(
            {SYMBOL: BTC},
            FRAME,
            None,
            CostRules(),
            self.risk,
            self.exits,
            Decimal(1000),
            self.namespace,
            targets_rest=False,
        )
        self.engine = Engine(spec, Scripted(self.script))
        last = await replay(self.engine, self.ledger)
        parts = self.engine, self.venue, lambda: self.venue.at, self.hurry.pace, self.waits, self.restored
        self.market = LiveMarket(*parts)
        self.journal = Journal(self.ledger, lambda row: None, 1)
        self.alive = True
        self._begun = asyncio.ensure_future(self._begin(last))
        if wait:
            await self.hurry.until(self._begun.done)
            self._begun.result()
        return self

    @property
    def ready(self) -> bool:
        """Whether the start is over and candles may come."""
        return self._begun.done()

    async def _begin(self, last: int) -> None:
        orders = self.market.recover({SYMBOL: BTC}, self.ledger, last)
        await _both(self.engine, self.market, self.journal, orders, self._past(), None)
        self.market.hear(self._hear)

    async def _past(self) -> tuple[int, Sequence[Candle]]:
        """Tell the candles of before, once the market has them."""
        await self.candles_come()
        for candle in self.candles:
            self.engine.warm(candle)
        return len(self.candles), ()

    def _hear(self, conclude: Conclude) -> None:
        asyncio.get_running_loop().call_soon(self._take, conclude)

    def _take(self, conclude: Conclude) -> None:
        if self.alive:
            self.keep(conclude())

    def keep(self, events: Sequence[e.Event]) -> None:
        self.journal.add(events)
        self.market.committed([event for _, event in self.journal.commit()])

    def keep_applied(self, event: e.Event) -> None:
        """Let the engine have decided something that it would not."""
        self.engine.apply(event)
        self.keep([event])

    def feed(self, *candles: Candle) -> None:
        """Let candles close."""
        for candle in candles:
            if not self.engine.state.begun:
                self.keep(self.engine.begin(candle.opened_at))
            self.candles.append(candle)
            self.journal.reach(candle)
            self.keep(self.market.step(candle))

    def tell(self, fact: Any) -> None:
        self.keep(self.market.handle(fact))

    async def crash(self) -> None:
        """End as kill -9 does, except that the account stays what it is."""
        self.alive = False
        self.market.hear(None)
        self._begun.cancel()
        await self.market.executor.close()
        await asyncio.wait((self._begun,))
        await self.hurry.breathe()

    def of(self, kind: type[Any]) -> list[Any]:
        return [recorded.event for recorded in self.ledger.events() if isinstance(recorded.event, kind)]

    def changes(self, order_id: str) -> list[str]:
        return [event.state.value for event in self.of(e.OrderChanged) if event.order_id == order_id]

    @property
    def state(self) -> Any:
        return self.engine.state

    @property
    def held(self) -> Decimal:
        return sum((holding.quantity for holding in self.state.holdings.values()), Decimal(0))

    def resting(self) -> list[Any]:
        """Our open orders as the exchange has them."""
        ours = {event.order.client_order_id for event in self.of(e.OrderPlaced)}
        return [
            each
            for each in self.venue.books.orders.values()
            if each.order.client_order_id in ours and each.state.value in {"ACKNOWLEDGED", "PARTLY_FILLED"}
        ]


def protected(host: LiveHost) -> bool:
    """Tell whether all that is held has its stop on the venue, or kept by the instance, or is being sold."""
    held = BTC.quantity_down(host.held)
    if not held:
        return True
    holding = next(iter(host.state.holdings.values()))
    stops = sum((each.remaining for each in host.resting() if each.order.stop_price is not None), Decimal(0))
    return stops == held or holding.stop_refused


def agrees(host: LiveHost, *others: LiveHost) -> None:
    """See that ledger and exchange tell the same: orders, fills, fees, none doubled."""
    placed = {event.order.client_order_id: event.order for event in host.of(e.OrderPlaced)}
    sent = [name for name in host.venue.books.sent if name]
    assert len(sent) == len(set(sent)), "an order was doubled"
    known = {event.order.client_order_id for each in (host, *others) for event in each.of(e.OrderPlaced)}
    assert {name for name in sent if name.startswith("ib")} <= known
    booked = {}
    for event in host.of(e.OrderFilled):
        assert event.trade_id not in booked, "a fill was booked twice"
        booked[event.trade_id] = event
    there = {fill.trade_id: fill for _, fill in host.venue.books.trades if fill.order_id in placed}
    assert set(booked) == set(there)
    for trade_id, fill in there.items():
        event = booked[trade_id]
        assert (event.price, event.quantity, event.fee, event.fee_currency, event.at) == (
            fill.price,
            fill.quantity,
            fill.fee,
            fill.fee_currency,
            fill.at,
        )
        assert placed[fill.order_id].order_id == event.order_id
    resting = {each.order.client_order_id for each in host.resting()}
    assert resting == {o.order.client_order_id for o in host.state.orders.values()}
