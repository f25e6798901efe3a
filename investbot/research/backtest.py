"""The backtest host: the same engine and the same simulated market as paper trading, fed from a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from investbot.domain.events import Event, PositionClosed
from investbot.domain.facts import SourceEnded
from investbot.domain.market import Candle
from investbot.domain.position import RoundTrip
from investbot.domain.schedule import Schedule, Told
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
    told: Sequence[Told] = (),
) -> Backtest:
    """Feed `candles` (ordered by closing time, then by the profile's symbols) through the engine to the end.

    `told` are other facts of that time, each taken in at its moment between the candles and never before it.
    """
    engine = Engine(spec, strategy)
    market = SimulatedMarket(engine, Book(spec.costs, spec.instruments, policy))
    events: list[Event] = []
    count, schedule = 0, Schedule(told)
    early: Sequence[Told] = ()
    step, extend = market.step, events.extend
    for candle in candles:
        if told:
            early = schedule.before(candle.at)
        if not count:
            extend(engine.begin(candle.opened_at))
        else:
            for fact in early:
                extend(market.handle(fact))
        count += 1
        concluded = step(candle)
        if concluded:
            extend(concluded)
        if count == 1:  # what was known before the first candle had to wait for it
            for fact in early:
                extend(market.handle(fact))
    if count:
        for fact in schedule.before(engine.state.last_candle_at + 1):
            extend(market.handle(fact))
        extend(market.handle(SourceEnded(engine.state.last_candle_at, close_at_end)))
    return Backtest(tuple(events), engine, count, measure(events, spec.capital))
