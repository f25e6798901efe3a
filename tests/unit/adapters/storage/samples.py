"""Made-up but coherent stories of an instance, event by event, for whoever needs a ledger full of life."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.vault_file import KdfCost
from investbot.domain import events as ev
from investbot.domain.market import DAY, MINUTE, Cursor, Millis
from investbot.domain.order import Order, OrderState, OrderType, Role, Side, TimeInForce
from investbot.domain.position import ExitPlan, RoundTrip
from investbot.domain.signal import Direction
from investbot.domain.states import TradingState

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
FAST = KdfCost(memory_kib=32, iterations=1, lanes=4)
START: Millis = 1_704_067_200_000
SYMBOLS = ("BTC/USDT", "PEPE/USDT")

Batch = tuple[list[ev.Event], Cursor | None]


@dataclass
class Story:
    """One instance's life; the same seed tells the same story."""

    seed: int
    at: Millis = START
    plans: int = 0
    signals: int = 0
    capital: Decimal = Decimal(500)
    open_plans: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def batches(self, count: int) -> Iterator[Batch]:
        yield [ev.CapitalAllocated(self.at, self.capital, self.capital)], None
        for _ in range(count):
            yield self.batch()

    def batch(self) -> Batch:
        self.at += self.random.choice((MINUTE, 5 * MINUTE, 7 * 60 * MINUTE))
        symbol = self.random.choice(SYMBOLS)
        tell = self.random.choice((self._entry, self._entry, self._denied, self._watch, self._allocated, self._nothing))
        return tell(symbol), Cursor(symbol, self.at - MINUTE)

    def number(self, low: int, high: int, places: int) -> Decimal:
        return Decimal(self.random.randint(low, high)).scaleb(-places)

    def signal(self, symbol: str) -> ev.SignalRaised:
        self.signals += 1
        price = self.number(1, 10**9, 8)
        candle = (self.at - MINUTE, price, price * 2, price / 2, price, self.random.random() * 1e6)
        return ev.SignalRaised(
            at=self.at,
            signal_id=f"s{self.signals}",
            symbol=symbol,
            timeframe="1m",
            source="ma_cross",
            direction=self.random.choice(list(Direction)),
            confidence=self.random.random(),
            price=price,
            stop=self.random.choice((None, price)),
            targets=(price, price + 1),
            reason="fast over slow — ünïcode",
            candle=candle,
        )

    def order(self, symbol: str, plan_id: str, role: Role, quantity: Decimal) -> Order:
        entry = role is Role.ENTRY
        return Order(
            order_id=f"{plan_id}-{role}-1",
            client_order_id=f"ib{plan_id}{role}",
            plan_id=plan_id,
            placed_at=self.at,
            symbol=symbol,
            side=Side.BUY if entry else Side.SELL,
            type=OrderType.LIMIT if entry else OrderType.STOP,
            role=role,
            quantity=quantity,
            reason="signal" if entry else "stop",
            price=self.number(1, 10**9, 8) if entry else None,
            stop_price=None if entry else self.number(1, 10**9, 8),
            time_in_force=TimeInForce.IOC if entry else TimeInForce.GTC,
        )

    def fill(self, order: Order, quantity: Decimal, number: int) -> ev.OrderFilled:
        fee = self.number(0, 10**6, 10)
        base, quote = order.symbol.split("/")
        currency = self.random.choice((quote, quote, base, "BNB"))
        return ev.OrderFilled(
            at=self.at,
            order_id=order.order_id,
            plan_id=order.plan_id,
            trade_id=f"{order.order_id}.{number}",
            symbol=order.symbol,
            side=order.side,
            price=self.number(1, 10**12, 8),
            quantity=quantity,
            fee=fee,
            fee_currency=currency,
            fee_quote=fee if currency == quote else Decimal(0),
            gapped=self.random.random() < 0.1,
        )

    def _nothing(self, _: str) -> list[ev.Event]:
        return []

    def _denied(self, symbol: str) -> list[ev.Event]:
        signal = self.signal(symbol)
        return [signal, ev.IntentDenied(self.at, signal.signal_id, symbol, "cash", "not enough cash", "7", "5")]

    def _entry(self, symbol: str) -> list[ev.Event]:
        signal = self.signal(symbol)
        self.plans += 1
        plan_id = str(self.plans)
        quantity = self.number(10**4, 10**9, 8)
        plan = ExitPlan(
            plan_id,
            symbol,
            signal.signal_id,
            Decimal("0.01"),
            ((Decimal("0.02"), Decimal(1)),),
            Decimal(0),
            0,
            quantity,
        )
        entry = self.order(symbol, plan_id, Role.ENTRY, quantity)
        told: list[ev.Event] = [
            signal,
            ev.PlanMade(self.at, plan),
            ev.OrderPlaced(self.at, entry),
            ev.OrderChanged(self.at, entry.order_id, OrderState.ACKNOWLEDGED, f"sim-{entry.order_id}", ""),
        ]
        first = quantity / 2
        told += [self.fill(entry, first, 1), ev.PositionOpened(self.at, plan_id, symbol)]
        if self.random.random() < 0.3:
            return [*told, ev.OrderChanged(self.at, entry.order_id, OrderState.EXPIRED, None, "ioc")]
        told.append(self.fill(entry, quantity - first, 2))
        stop = self.order(symbol, plan_id, Role.STOP, quantity)
        told.append(ev.OrderPlaced(self.at, stop))
        self.at += MINUTE
        told.append(self.fill(stop, first, 1))
        if self.random.random() < 0.7:
            told += [self.fill(stop, quantity - first, 2), self._closed(symbol, plan_id, quantity)]
        return told

    def _closed(self, symbol: str, plan_id: str, quantity: Decimal) -> ev.PositionClosed:
        trip = RoundTrip(
            plan_id=plan_id,
            opened_at=self.at - MINUTE,
            closed_at=self.at,
            symbol=symbol,
            quantity=quantity,
            entry_price=self.number(1, 10**9, 8),
            exit_price=self.number(1, 10**9, 8),
            costs=self.number(1, 10**6, 8),
            net_pnl=self.number(-(10**9), 10**9, 8),
            r=self.number(-300, 300, 2),
            mae=self.number(-300, 0, 4),
            mfe=self.number(0, 300, 4),
            exit_reason="stop",
            gapped=self.random.random() < 0.2,
        )
        return ev.PositionClosed(self.at, trip)

    def _watch(self, _: str) -> list[ev.Event]:
        self.at += DAY
        equity = self.number(1, 10**12, 8)
        return [
            ev.DayRolled(self.at, self.at // DAY - 1, equity),
            ev.PeakRaised(self.at, equity + 1),
            ev.PeakReset(self.at, equity),
            ev.TradingStateChanged(self.at, self.random.choice(list(TradingState)), "daily_loss: words"),
            ev.EntriesPaused(self.at, self.random.choice(("operator", "supervisor")), "asked for"),
            ev.EntriesResumed(self.at, self.random.choice(("operator", "supervisor"))),
        ]

    def _allocated(self, _: str) -> list[ev.Event]:
        change = self.number(-(10**4), 10**5, 2)
        self.capital += change
        return [ev.CapitalAllocated(self.at, self.capital, change)]


def filled(path: Path, seed: int, count: int, key: bytes = KEY, instance: str = "alpha") -> None:
    """Make a ledger with a story of so many batches in it, in one append."""
    story = Story(seed)
    events: list[ev.Event] = []
    cursor = None
    for told, reached in story.batches(count):
        events += told
        cursor = reached
    with closing(SqlcipherLedger.create(path, key, instance=instance)) as ledger:
        ledger.append(events, cursor)


def typical_batch(number: int) -> list[ev.Event]:
    """Tell of a signal, its plan and its entry order: what a candle leads to when it leads to something."""
    story = Story(number, at=START + number * MINUTE, plans=number, signals=number)
    signal = story.signal("BTC/USDT")
    plan_id = str(number)
    plan = ExitPlan(plan_id, "BTC/USDT", signal.signal_id, Decimal("0.01"), (), Decimal(0), 0, Decimal("4.99"))
    order = story.order("BTC/USDT", plan_id, Role.ENTRY, Decimal("0.00012"))
    return [signal, ev.PlanMade(story.at, plan), ev.OrderPlaced(story.at, order)]
