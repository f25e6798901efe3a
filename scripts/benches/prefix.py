"""No look-ahead: the future cut off at random bars, for every analyser and strategy, on every shared data set."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from investbot.analysis.catalogue import ANALYSERS
from investbot.analysis.faces import first_disagreement, looks_ahead_at
from investbot.analysis.structure.smt import Smt
from investbot.bootstrap.plugins import make_strategy, strategy_names
from investbot.research.lookahead import check_strategy
from scripts.benches.figures import Figure
from scripts.benches.market import bars_of, candles_of, data_sets, window

CUTS = 50
WINDOW = 4_000
"""A longer file is looked at in a window of so many bars, drawn anew for each analyser."""
STRATEGY_WINDOW = 1_000
"""Bars after the warm-up on which opinions are compared."""


def measure(_scratch: Path) -> Iterator[Figure]:
    """Cut the future off 50 times for each analyser, strategy and divergence of two; every wrong one is named."""
    for path in data_sets():
        name = path.name.removesuffix(".csv.gz")
        wrong = list(_analysers(path))
        yield Figure("prefix", f"{name}: {len(ANALYSERS)} analysers wrong", len(wrong), _which(wrong), 0, "lower")
        wrong = list(_strategies(path))
        yield Figure(
            "prefix", f"{name}: {len(strategy_names())} strategies wrong", len(wrong), _which(wrong), 0, "lower"
        )
    for path, other in _twins():
        name = f"{path.name} and {other.name}".replace(".csv.gz", "")
        wrong = list(_divergence(path, other))
        yield Figure("prefix", f"{name}: divergence wrong", len(wrong), _which(wrong), 0, "lower")


def _analysers(path: Path) -> Iterator[str]:
    """Name each analyser that knows the future or has two faces in this market."""
    whole = bars_of(path)
    size = min(WINDOW, whole.size)
    for name, analyser in ANALYSERS.items():
        chance = random.Random(f"{path.name} {name}")  # noqa: S311 - which bars, not a secret
        bars = window(whole, chance.randint(0, whole.size - size), size)
        cut = looks_ahead_at(analyser, bars, chance.sample(range(1, size), CUTS))
        if cut is not None:
            yield f"{name} at {cut}"
        elif first_disagreement(analyser, bars) is not None:
            yield f"{name} has two faces"


def _twins() -> Iterator[tuple[Path, Path]]:
    """Give the files of two coins over the same time."""
    for path in data_sets():
        other = path.with_name(path.name.replace("_BTCUSDT_", "_ETHUSDT_"))
        if other != path and other.is_file():
            yield path, other


def _divergence(path: Path, other: Path) -> Iterator[str]:
    """Name each cut after which two markets had diverged otherwise."""
    first, second = bars_of(path), bars_of(other)
    size = min(WINDOW, first.size)
    chance = random.Random(f"{path.name} {other.name}")  # noqa: S311 - which bars, not a secret
    first = window(first, chance.randint(0, first.size - size), size)
    whole = Smt().over(first, second)
    for cut in chance.sample(range(1, size), CUTS):
        now = int(first.closed_at[cut - 1])
        known = tuple(divergence for divergence in whole if divergence.known_at <= now)
        if known != Smt().over(first.first(cut), second.first(int(np.searchsorted(second.closed_at, now, "right")))):
            yield f"at {cut}"


def _strategies(path: Path) -> Iterator[str]:
    """Name each strategy whose opinions change with the future; the time budget is none of this bench's business."""
    for name in strategy_names():
        strategy = make_strategy(name, {})
        candles = candles_of(path, strategy.warmup + STRATEGY_WINDOW)
        if len(candles) <= strategy.warmup + 1:
            continue
        report = check_strategy(strategy, candles, cuts=CUTS, budget_us=float("inf"))
        yield from (f"{name}: {finding.sentence}" for finding in report.findings if not finding.passed)


def _which(wrong: list[str]) -> str:
    return "; ".join(wrong)
