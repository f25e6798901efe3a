"""Reading the chart: all analysers over 100,000 candles, and one live opinion from 500."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from investbot.analysis.analyser import Bars, columns_of
from investbot.analysis.catalogue import ANALYSERS
from investbot.bootstrap.plugins import make_strategy, strategy_names
from investbot.domain.market import Candle
from investbot.strategies.api import Strategy
from investbot.strategies.series import Series
from scripts.benches.candles import FIVE, SYMBOL, candle_file
from scripts.benches.figures import Figure, best_seconds, percentile

BARS = 100_000
LIVE = 500
ROUNDS = 200
SLOWEST = 12


def measure(scratch: Path) -> Iterator[Figure]:
    """Measure every analyser over columns, all streams bar by bar, and every strategy live."""
    candles = [candle for block in candle_file(scratch).candles() for candle in block]
    bars = _long(columns_of(candles))
    gc.collect()
    gc.freeze()
    together = best_seconds(lambda: _all_over(Bars(*bars)), 3)
    yield Figure("analysis", f"all {len(ANALYSERS)} analysers, {BARS} candles", together, "s", 1.5, "lower")
    # A series remembers what was found in it, so that each look needs one of its own.
    spent = {
        name: best_seconds(lambda analyser=analyser: analyser.over(Bars(*bars)), 3)  # type: ignore[misc]
        for name, analyser in ANALYSERS.items()
    }
    yield Figure("analysis", "the same, each on a series of its own", sum(spent.values()), "s", None, "lower")
    for name in sorted(spent, key=spent.__getitem__, reverse=True)[:SLOWEST]:
        yield Figure("analysis", f"of these, {name}", spent[name], "s", None, "lower")
    yield Figure("analysis", "all streams, one bar", _bar_by_bar(bars) * 1e6, "µs", None, "lower")
    for name in strategy_names():
        strategy = make_strategy(name, {})
        times = [_opinion(strategy, candles[at : at + LIVE]) for at in range(0, ROUNDS * 100, 100)]
        yield Figure(
            "analysis", f"{name}: {LIVE} candles to an opinion, p99", percentile(times, 0.99), "ms", 20, "lower"
        )
    gc.unfreeze()


def _all_over(bars: Bars) -> None:
    """Run every analyser over one series; what several ask for is worked out once."""
    for analyser in ANALYSERS.values():
        analyser.over(bars)


def _long(bars: Bars) -> Bars:
    """Repeat a market until it has 100,000 bars."""
    times = -(-BARS // bars.size)
    opened, high, low, close, volume = (np.tile(column, times)[:BARS] for column in bars[:5])
    closed_at = int(bars.closed_at[0]) + FIVE.ms * np.arange(BARS, dtype=np.int64)
    return Bars(opened, high, low, close, volume, closed_at)


def _bar_by_bar(bars: Bars) -> float:
    """Give the seconds that one bar costs when every analyser of the house follows it."""
    streams = [analyser.stream() for analyser in ANALYSERS.values()]
    rows = list(bars.first(5000).each())
    started = time.process_time()
    for bar, closed_at in rows:
        for stream in streams:
            stream.update(bar, closed_at)
    return (time.process_time() - started) / len(rows)


def _opinion(strategy: Strategy, candles: list[Candle]) -> float:
    """Time the way from nothing to an opinion on the last candle, in milliseconds of the processor."""
    started = time.process_time()
    series = Series.of(strategy, SYMBOL, FIVE, None)
    for candle in candles:
        view = series.update(candle)
    strategy.evaluate(view)
    return (time.process_time() - started) * 1000
