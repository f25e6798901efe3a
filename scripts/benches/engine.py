"""The pure engine: candles a second after the door, the door beside it, and one signal from cold."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from investbot.domain.market import Candle
from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.engine.engine import Engine
from investbot.engine.spec import EngineSpec
from investbot.research.backtest import run
from investbot.strategies.api import Strategy
from investbot.strategies.conservative_scalp import ConservativeScalp
from investbot.strategies.ma_cross import MovingAverageCross
from scripts.benches.candles import FIVE, SYMBOL, candle_file
from scripts.benches.figures import Figure, best_seconds

STRATEGIES: tuple[Strategy, ...] = (MovingAverageCross(fast=20, slow=50), ConservativeScalp())


def terms(file_instrument: object) -> EngineSpec:
    """Give the default profile's rules for one symbol."""
    return EngineSpec(
        {SYMBOL: file_instrument},  # type: ignore[dict-item]
        FIVE,
        None,
        CostRules(),
        RiskRules(),
        ExitRules(),
        Decimal(500),
        "bench",
    )


def measure(scratch: Path) -> Iterator[Figure]:
    """Measure the engine with both strategies, the door, and the bare indicator loop they are compared with."""
    file = candle_file(scratch)
    spec = terms(file.check())
    candles = [candle for block in file.candles() for candle in block]
    door = best_seconds(lambda: [len(block) for block in file.candles()], 3)
    gc.collect()
    gc.freeze()
    for strategy in STRATEGIES:
        seconds = best_seconds(lambda strategy=strategy: run(spec, strategy, candles))  # type: ignore[misc]
        trips = len(run(spec, strategy, candles).trips)
        yield Figure(
            "engine", f"{strategy.name}, {trips} round trips", len(candles) / seconds, "candles/s", 2e5, "higher"
        )
        bare = best_seconds(lambda strategy=strategy: _bare(strategy, candles))  # type: ignore[misc]
        yield Figure("engine", f"{strategy.name}, time over its bare indicators", seconds / bare, "x", None, "lower")
    yield Figure("engine", "door: read, check, quantise a csv.gz", len(candles) / door, "candles/s", None, "higher")
    yield Figure("engine", "500 candles from cold to a signal", _cold(spec, candles), "ms", 1000, "lower")
    gc.unfreeze()


def _bare(strategy: Strategy, candles: list[Candle]) -> None:
    updates = [indicator.stream().update for indicator in strategy.indicators().values()]
    for candle in candles:
        for update in updates:
            update(candle.bar, candle.at)


def _cold(spec: EngineSpec, candles: list[Candle]) -> float:
    """Time the way from nothing to a decision on candle 500, in milliseconds."""
    started = time.perf_counter()
    engine = Engine(spec, STRATEGIES[1])
    for candle in candles[:500]:
        engine.handle(candle)
    return (time.perf_counter() - started) * 1000
