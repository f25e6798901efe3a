"""However often a run is cut, what follows is what would have followed: replay the events, warm up, go on."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from investbot.domain.codec import decode, encode, kind
from investbot.domain.events import Event
from investbot.domain.facts import SourceEnded
from investbot.domain.market import HOUR, Candle, Cursor
from investbot.domain.rules import CostRules, ExitRules
from investbot.engine.engine import Engine
from investbot.engine.simulated import SimulatedMarket
from investbot.engine.spec import EngineSpec
from investbot.research.backtest import run
from investbot.simulation.book import Book
from investbot.strategies.api import Strategy
from investbot.strategies.conservative_scalp import ConservativeScalp
from investbot.strategies.ma_cross import MovingAverageCross
from tests.unit.engine.builders import OTHER, SYMBOL, bar, spec, with_risk


def market(seed: int, bars: int, symbol: str = SYMBOL, step: float = 0.004) -> list[Candle]:
    """A seeded walk with gaps between bars, prices around 100 quote per base."""
    chance = random.Random(seed)
    price = 100.0
    candles = []
    for number in range(1, bars + 1):
        opened = price * (1 + chance.gauss(0, step / 8))
        close = opened * (1 + chance.gauss(0, step))
        high = max(opened, close) * (1 + abs(chance.gauss(0, step / 2)))
        low = min(opened, close) * (1 - abs(chance.gauss(0, step / 2)))
        texts = (f"{value:.2f}" for value in (opened, high, low, close))
        candles.append(bar(number, *texts, symbol=symbol, volume=chance.uniform(0.1, 50)))
        price = close
    return candles


def lively(**changes: object) -> EngineSpec:
    costs = CostRules(bar_share=Decimal("0.05"))
    exits = ExitRules(
        targets=((Decimal("0.01"), Decimal("0.5")), (Decimal("0.02"), Decimal("0.5"))),
        trailing_fraction=Decimal("0.008"),
        max_age_ms=3 * HOUR,
    )
    risk = with_risk(max_open_positions=2, daily_loss_fraction=Decimal("0.002"))
    return replace(spec(costs=costs, exits=exits, risk=risk, capital="1000"), **changes)  # type: ignore[arg-type]


def cut_run(terms: EngineSpec, strategy: Strategy, candles: list[Candle], cuts: set[int]) -> list[Event]:
    """Run as an instance does that dies after the candles whose indices are in `cuts`; only the ledger is left."""
    ledger: list[tuple[Event, Cursor]] = []
    done = 0
    for end in [*sorted(cuts), len(candles)]:
        engine = Engine(terms, strategy)
        for event, _ in ledger:
            engine.apply(decode(kind(event), encode(event)))
        cursor = ledger[-1][1] if ledger else None
        start = next((i + 1 for i, c in enumerate(candles) if cursor == Cursor(c.symbol, c.opened_at)), 0)
        assert start <= done
        for candle in candles[:start]:
            engine.warm(candle)
        market_ = SimulatedMarket(engine, Book(terms.costs, terms.instruments))
        if not ledger:
            here = Cursor(candles[0].symbol, candles[0].opened_at - 1)
            ledger += [(event, here) for event in engine.begin(candles[0].opened_at)]
        for candle in candles[start:end]:
            ledger += [(event, Cursor(candle.symbol, candle.opened_at)) for event in market_.step(candle)]
        done = end
    final = market_.handle(SourceEnded(engine.state.last_candle_at, close=True))
    return [event for event, _ in ledger] + final


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), cuts=st.sets(st.integers(1, 599), min_size=1, max_size=20))
def test_a_run_cut_anywhere_gives_the_same_events(seed: int, cuts: set[int]) -> None:
    candles = market(seed, 600)
    strategy = MovingAverageCross(fast=3, slow=8)
    whole = run(lively(), strategy, candles)
    assert cut_run(lively(), strategy, candles, cuts) == list(whole.events)


def test_two_symbols_and_a_longer_timeframe_cut_between_any_two_candles() -> None:
    pairs = zip(market(5, 400), market(6, 400, OTHER), strict=True)
    candles = [candle for pair in pairs for candle in pair]
    terms = lively(instruments=spec(symbols=(SYMBOL, OTHER)).instruments)
    terms = replace(terms, confirm_timeframe=spec(confirm="15m").confirm_timeframe)
    strategy = ConservativeScalp(fast=3, slow=8, rsi=5, atr=5)
    whole = run(terms, strategy, candles)
    assert len(whole.trips) > 3
    assert cut_run(terms, strategy, candles, set(range(50, 800, 37))) == list(whole.events)


def test_the_walks_above_trade_in_every_way() -> None:
    exits = {
        reason
        for seed in range(6)
        for reason in run(lively(), MovingAverageCross(fast=3, slow=8), market(seed, 600)).metrics.exits
    }
    assert {"stop", "trailing", "opposite signal", "target 2"} <= exits
