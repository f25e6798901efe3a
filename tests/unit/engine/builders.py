"""Plain functions for the engine's tests: a strategy that says what it is told to say, and a short market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, ClassVar

from investbot.analysis.indicators import IndicatorSpec
from investbot.domain import events as e
from investbot.domain.market import Bar, Candle, Instrument, Timeframe
from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.domain.signal import Direction, Signal
from investbot.engine.engine import Engine
from investbot.engine.simulated import SimulatedMarket
from investbot.engine.spec import EngineSpec
from investbot.simulation.book import Book
from investbot.strategies.api import MarketView

SYMBOL = "BTC/USDT"
OTHER = "ETH/USDT"
FIVE = Timeframe.parse("5m")
START = 1_704_067_200_000  # 2024-01-01T00:00:00Z
LONG = Signal(Direction.LONG, 0.8, "up it goes")
SHORT = Signal(Direction.SHORT, 0.5, "over")
FREE = CostRules(Decimal(0), Decimal(0), Decimal(0))
LOOSE = RiskRules(cooldown_ms=0, max_entries_per_hour=1000, max_entries_per_day=1000, min_net_reward_risk=Decimal(0))
NO_AGE = ExitRules(max_age_ms=0)


@dataclass(frozen=True)
class Scripted:
    """Says on bar n (the first is 1) what the script says for n."""

    name: ClassVar[str] = "scripted"
    description: ClassVar[str] = "says what it is told"
    script: Mapping[int, Signal] = field(default_factory=dict)
    seen: list[bool] = field(default_factory=list)
    warmup: int = 0

    def indicators(self) -> Mapping[str, IndicatorSpec]:
        return {}

    def confirm_indicators(self) -> Mapping[str, IndicatorSpec]:
        return {}

    def evaluate(self, view: MarketView) -> Signal | None:
        self.seen.append(view.holding)
        return self.script.get(view.bars_seen)


def bar(
    number: int, opened: str, high: str, low: str, close: str, *, symbol: str = SYMBOL, volume: float = 100.0
) -> Candle:
    """The candle with that number (from 1) after START; prices in quote per base."""
    o, h, lo, c = Decimal(opened), Decimal(high), Decimal(low), Decimal(close)
    floats = Bar(float(o), float(h), float(lo), float(c), volume)
    return Candle(symbol, FIVE, START + (number - 1) * FIVE.ms, o, h, lo, c, floats)


def flat(number: int, price: str = "100.00", *, symbol: str = SYMBOL) -> Candle:
    return bar(number, price, price, price, price, symbol=symbol)


def spec(
    *,
    capital: str = "10000",
    costs: CostRules = FREE,
    risk: RiskRules = LOOSE,
    exits: ExitRules = NO_AGE,
    symbols: Sequence[str] = (SYMBOL,),
    confirm: str | None = None,
    tick: str = "0.01",
    lot: str = "0.001",
) -> EngineSpec:
    instruments = {symbol: Instrument(symbol, Decimal(tick), Decimal(lot)) for symbol in symbols}
    longer = None if confirm is None else Timeframe.parse(confirm)
    return EngineSpec(instruments, FIVE, longer, costs, risk, exits, Decimal(capital), "home/alpha")


class Host:
    """A market and everything it concluded so far."""

    def __init__(self, terms: EngineSpec | None = None, script: Mapping[int, Signal] | None = None) -> None:
        self.terms = terms or spec()
        self.strategy = Scripted(script or {})
        self.engine = Engine(self.terms, self.strategy)
        self.book = Book(self.terms.costs, self.terms.instruments)
        self.market = SimulatedMarket(self.engine, self.book)
        self.events: list[e.Event] = []

    def feed(self, *candles: Candle) -> Host:
        for candle in candles:
            if not self.events:
                self.events += self.engine.begin(candle.opened_at)
            self.events += self.market.step(candle)
        return self

    def tell(self, fact: Any) -> list[e.Event]:
        told = self.market.handle(fact)
        self.events += told
        return told

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]

    @property
    def state(self) -> Any:
        return self.engine.state


def entered(terms: EngineSpec | None = None, script: Mapping[int, Signal] | None = None) -> Host:
    """A host that went long on bar 1 and was filled at 100 on the open of bar 2."""
    return Host(terms, {1: LONG, **(script or {})}).feed(flat(1), flat(2))


def with_risk(**changes: Any) -> RiskRules:
    return replace(LOOSE, **changes)
