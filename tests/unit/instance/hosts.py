"""A runner on a market and a ledger in memory, with the real engine: what the tests of this room are built on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from investbot.control.rows import event_row
from investbot.domain.market import MINUTE, Bar, Candle, Cursor, Instrument, Millis, Quality, Timeframe
from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.engine.engine import Engine
from investbot.engine.simulated import SimulatedMarket
from investbot.engine.spec import EngineSpec
from investbot.instance.heartbeat import Identity
from investbot.instance.parts import OnError, Parts, Serve
from investbot.instance.runner import Runner
from investbot.ports.venue import MarketFact
from investbot.simulation.book import Book
from investbot.strategies.ma_cross import MovingAverageCross
from tests.fakes.ledger import MemoryLedger
from tests.fakes.venue import FakeVenue

BEGIN: Millis = 1_704_067_200_000
FRAME = Timeframe.parse("1m")
BTC = "BTC/USDT"
TICK = Decimal("0.01")
PLAIN = Instrument(BTC, TICK, Decimal("0.00000001"))


def candle(number: int, close: float, opened: float | None = None, symbol: str = BTC) -> Candle:
    """The candle that opens `number` minutes after the beginning."""
    first = close if opened is None else opened
    start, high, low, end = (
        Decimal(str(round(value, 2))).quantize(TICK) for value in (first, max(first, close), min(first, close), close)
    )
    bar = Bar(float(start), float(high), float(low), float(end), 10.0)
    return Candle(symbol, FRAME, BEGIN + number * MINUTE, start, high, low, end, bar, Quality.GOOD)


def walk(count: int, seed: int = 1, price: float = 100.0, symbol: str = BTC) -> list[Candle]:
    """A seeded walk that trends and turns."""
    chance, drift, made = random.Random(seed), 0.0, []
    for number in range(count):
        if number % 40 == 0:
            drift = chance.uniform(-0.0015, 0.0015)
        opened, price = price, price * (1 + drift + chance.gauss(0, 0.0012))
        made.append(candle(number, price, opened, symbol))
    return made


def make_engine(instruments: Mapping[str, Instrument], capital: Decimal = Decimal(1000)) -> Engine:
    risk = RiskRules(
        max_entries_per_hour=1000,
        max_entries_per_day=1000,
        cooldown_ms=0,
        min_net_reward_risk=Decimal(0),
        daily_loss_fraction=Decimal("0.9"),
        max_drawdown_fraction=Decimal("0.9"),
    )
    spec = EngineSpec(instruments, FRAME, None, CostRules(), risk, ExitRules(), capital, "test/alpha")
    return Engine(spec, MovingAverageCross(3, 8))


def make_market(engine: Engine) -> SimulatedMarket:
    return SimulatedMarket(engine, Book(engine.spec.costs, engine.spec.instruments))


class StillClock:
    """Wall time that stands still, monotonic time that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> Millis:
        return BEGIN

    def monotonic(self) -> float:
        return self.seconds


class KeptLink:
    """Keeps what it is told, and the order in which the rest of the host is opened and closed."""

    def __init__(self, steps: list[str]) -> None:
        self._steps = steps
        self.rows: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.broken: Exception | None = None
        self.unheard: float | None = None

    def unheard_s(self, now: float) -> float | None:
        return self.unheard

    def status(self, row: dict[str, Any]) -> None:
        self.rows.append(row)

    def event(self, event: dict[str, Any]) -> None:
        self.events.append(event)

    async def run(self) -> None:
        self._steps.append("link dials")
        if self.broken:
            raise self.broken
        try:
            await asyncio.Event().wait()
        finally:
            self._steps.append("link ends")

    async def flush(self, timeout_s: float = 1.0) -> None:
        self._steps.append("link flushed")


class HandJobs:
    """Jobs that run when a test says so."""

    def __init__(self, on_error: OnError, steps: list[str]) -> None:
        self.on_error = on_error
        self._steps = steps
        self.jobs: dict[str, Callable[[], Awaitable[None]]] = {}

    def every(self, interval_s: float, job: Callable[[], Awaitable[None]], name: str) -> None:
        self.jobs[name] = job

    def start(self) -> None:
        self._steps.append("jobs start")

    def close(self) -> None:
        self._steps.append("jobs end")


class SteppedVenue(FakeVenue):
    def __init__(self, candles: Sequence[Candle], steps: list[str], **options: Any) -> None:
        super().__init__(candles, **options)
        self._steps = steps
        self.refusal: Exception | None = None
        self.slow = False
        self.script: list[MarketFact | Exception] | None = None
        """What the stream says instead of its candles; an exception is raised, and at the end nothing comes."""

    async def facts(self, anchors: Mapping[str, Millis], cursor: Cursor | None) -> AsyncIterator[MarketFact]:
        if self.script is None:
            async for fact in super().facts(anchors, cursor):
                yield fact
            return
        for said in self.script:
            if isinstance(said, Exception):
                raise said
            yield said
        await asyncio.Event().wait()

    async def open(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        self._steps.append("venue opens")
        if self.refusal:
            raise self.refusal
        if self.slow:
            await asyncio.Event().wait()
        return await super().open(symbols)

    async def close(self) -> None:
        self._steps.append("venue closes")
        await super().close()


class SteppedLedger(MemoryLedger):
    def __init__(self, steps: list[str]) -> None:
        super().__init__()
        self._steps = steps
        self.appends = 0

    def append(self, events: Any, cursor: Any) -> int:
        self._steps.append("ledger writes")
        self.appends += bool(events)
        return super().append(events, cursor)

    def close(self) -> None:
        self._steps.append("ledger closes")

    def rows(self) -> list[dict[str, Any]]:
        return [event_row(recorded.seq, recorded.event) for recorded in self.events()]


@dataclass
class Host:
    """One instance in memory; `start` again for the next process on the same ledger."""

    candles: Sequence[Candle]
    symbols: tuple[str, ...] = (BTC,)
    bound: int = 256
    capital: Decimal = Decimal(1000)
    steps: list[str] = field(default_factory=list)
    clock: StillClock = field(default_factory=StillClock)

    def __post_init__(self) -> None:
        self.ledger = SteppedLedger(self.steps)
        self.renew()

    def renew(self) -> None:
        """Make the parts of the next process."""
        self.venue = SteppedVenue(self.candles, self.steps, instruments=[PLAIN])
        self.link = KeptLink(self.steps)
        self.jobs = HandJobs(lambda error: None, self.steps)

    def parts(self) -> Parts:
        def make_jobs(on_error: OnError) -> HandJobs:
            self.jobs.on_error = on_error
            return self.jobs

        def make_link(serve: Serve) -> KeptLink:
            return self.link

        return Parts(
            identity=Identity("alpha", "paper", "replay", self.symbols, "1m", "ma_cross", "test"),
            clock=self.clock,
            venue=self.venue,
            ledger=self.ledger,
            make_engine=lambda instruments: make_engine(instruments, self.capital),
            make_market=make_market,
            make_link=make_link,
            make_jobs=make_jobs,
            inbox_bound=self.bound,
        )

    def runner(self) -> Runner:
        return Runner(self.parts())

    async def until(self, check: Callable[[], Any]) -> Any:
        """Let the host work until `check` is true."""
        async with asyncio.timeout(10):
            while not (found := check()):  # noqa: ASYNC110 - lists tell nobody
                await asyncio.sleep(0.001)
        return found
