"""The backtest host: the same engine and the same simulated market as paper trading, fed from a list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from investbot.domain.events import Event, PositionClosed
from investbot.domain.facts import SourceEnded
from investbot.domain.market import Candle
from investbot.domain.position import RoundTrip
from investbot.engine.engine import Engine
from investbot.engine.simulated import SimulatedMarket
from investbot.engine.spec import EngineSpec
from investbot.research.metrics import Metrics, measure
from investbot.simulation.book import Book, FillPolicy
from investbot.strategies.api import Strategy


@dataclass(frozen=True, slots=True)
class Backtest:
    """One finished run: every event in order, the engine that concluded them, and what it came to."""

    events: tuple[Event, ...]
    engine: Engine
    candles: int
    metrics: Metrics

    @property
    def trips(self) -> list[RoundTrip]:
        """The round trips, oldest first."""
        return [event.trip for event in self.events if isinstance(event, PositionClosed)]


def run(
    spec: EngineSpec,
    strategy: Strategy,
    candles: Iterable[Candle],
    *,
    close_at_end: bool = True,
    policy: FillPolicy = FillPolicy.STOP_FIRST,
) -> Backtest:
    """Feed `candles` (ordered by closing time, then by the profile's symbols) through the engine to the end."""
    engine = Engine(spec, strategy)
    market = SimulatedMarket(engine, Book(spec.costs, spec.instruments, policy))
    events: list[Event] = []
    count = 0
    step, extend = market.step, events.extend
    for candle in candles:
        if not count:
            extend(engine.begin(candle.opened_at))
        count += 1
        concluded = step(candle)
        if concluded:
            extend(concluded)
    if count:
        extend(market.handle(SourceEnded(engine.state.last_candle_at, close_at_end)))
    return Backtest(tuple(events), engine, count, measure(events, spec.capital))
