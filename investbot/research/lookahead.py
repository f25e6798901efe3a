"""Can a strategy be believed? Proof by running it: the same twice, blind to the future, pure, declared, and quick."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from investbot.domain.errors import DataError
from investbot.domain.market import Bar, Candle, Timeframe
from investbot.domain.signal import Direction, Signal
from investbot.research.declarations import (
    PLUGIN_FAULTS,
    Finding,
    Opinions,
    frozen,
    indicators,
    parameters,
    well_formed,
)
from investbot.strategies.api import MarketView, Strategy, Values
from investbot.strategies.series import Series


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was found out about a strategy on `bars` candles; `mean_us` are microseconds an evaluation took."""

    strategy: str
    bars: int
    longs: int
    shorts: int
    mean_us: float
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether every check was passed."""
        return all(finding.passed for finding in self.findings)


class _Broken(Exception):
    """The plugin raised; the text says at which bar and what."""


class _Declared(dict[str, float]):
    """Indicator values that refuse to be asked for what was not declared, in whatever way."""

    def get(self, key: str, default: Any = None) -> Any:
        """Look up like square brackets do."""
        return self[key]


def check_strategy(
    strategy: Strategy,
    candles: Sequence[Candle],
    *,
    confirm_timeframe: Timeframe | None = None,
    cuts: int = 8,
    budget_us: float = 100.0,
    clock_ns: Callable[[], int] = time.perf_counter_ns,
) -> CheckReport:
    """Run every check on the candles of one symbol (ascending); DataError when they do not outlast the warm-up.

    The series is always fed one closed bar at a time, so a strategy can know the future only through state it keeps
    between runs or an indicator that looks ahead in its columns; both show when runs that must agree do not.
    `budget_us` bounds the mean time of one evaluation in microseconds, read from `clock_ns`.
    """
    if len(candles) <= strategy.warmup + 1:
        wanted = strategy.warmup + 1
        message = f"{strategy.name} needs more than {wanted} candles to be checked, and there are {len(candles)}."
        raise DataError(message)
    findings = [frozen(strategy)]
    if not findings[0].passed:
        return CheckReport(strategy.name, len(candles), 0, 0, 0.0, tuple(findings))
    findings.append(parameters(strategy))
    findings += indicators(strategy, candles, confirm_timeframe)
    runs = _Runs(strategy, candles, confirm_timeframe)
    try:
        first = runs.run()
        findings += [
            _deterministic(first, runs.run()),
            _truncated(first, runs, cuts),
            _pure(first, runs),
            well_formed(first, candles),
        ]
        mean_us = runs.mean_us(clock_ns)
    except _Broken as broken:
        findings.append(Finding("evaluates", passed=False, sentence=str(broken)))
        return CheckReport(strategy.name, len(candles), 0, 0, 0.0, tuple(findings))
    findings.append(
        Finding(
            "time budget",
            mean_us <= budget_us,
            f"One evaluation takes {mean_us:.2f} µs on average; the budget is {budget_us:g} µs.",
        )
    )
    directions = [signal.direction for signal in first if signal is not None]
    longs = directions.count(Direction.LONG)
    return CheckReport(strategy.name, len(candles), longs, len(directions) - longs, mean_us, tuple(findings))


class _Runs:
    """Runs of fresh copies of one strategy over the same candles."""

    def __init__(self, strategy: Strategy, candles: Sequence[Candle], confirm_timeframe: Timeframe | None) -> None:
        self._strategy = strategy
        self._candles = candles
        self._confirm = confirm_timeframe

    def run(self, *, until: int | None = None, since: int = 0) -> Opinions:
        """Form opinions on bars before index `until`, evaluating only from index `since` on, as after a restart."""
        strategy = self._fresh()
        opinions: Opinions = []
        for index, view in self._views(strategy, until):
            evaluated = index >= since and view.bars_seen >= strategy.warmup
            opinions.append(_evaluate(strategy, view, index) if evaluated else None)
        return opinions

    def impure_at(self) -> int | None:
        """Ask everything twice; give the first bar where the second answer differs or the view was changed."""
        strategy = self._fresh()
        for index, view in self._views(strategy, None):
            if view.bars_seen < strategy.warmup:
                continue
            shown = _snapshot(view)
            first = _evaluate(strategy, view, index)
            if _evaluate(strategy, view, index) != first or _snapshot(view) != shown:
                return index
        return None

    def mean_us(self, clock_ns: Callable[[], int]) -> float:
        """Give the mean time of one evaluation in microseconds, the clock's own cost left in."""
        strategy = self._fresh()
        spent = count = 0
        for _, view in self._views(strategy, None):
            if view.bars_seen < strategy.warmup:
                continue
            began = clock_ns()
            strategy.evaluate(view)
            spent += clock_ns() - began
            count += 1
        return spent / count / 1000

    @property
    def bars(self) -> int:
        """How many candles there are."""
        return len(self._candles)

    @property
    def warmup(self) -> int:
        """How many bars come before the first opinion."""
        return self._strategy.warmup

    def _fresh(self) -> Strategy:
        return cast("Strategy", replace(cast("Any", self._strategy)))

    def _views(self, strategy: Strategy, until: int | None) -> Iterator[tuple[int, MarketView]]:
        candles = self._candles
        series = Series.of(strategy, candles[0].symbol, candles[0].timeframe, self._confirm)
        for view in (series.view, series.view.confirm):
            if view is not None:
                view.now, view.previous = _Declared(view.now), _Declared(view.previous)
        for index in range(len(candles) if until is None else until):
            yield index, series.update(candles[index])


def _evaluate(strategy: Strategy, view: MarketView, index: int) -> Signal | None:
    try:
        return strategy.evaluate(view)
    except KeyError as error:
        raise _Broken(f"At bar {index} it reads {error}, which it does not declare as an indicator.") from error
    except PLUGIN_FAULTS as error:
        raise _Broken(f"At bar {index} it raises {type(error).__name__}: {error}.") from error


def _snapshot(view: MarketView) -> tuple[Bar, Bar, str, str]:
    """Copy what a strategy might change; as text, so that NaN equals NaN."""
    longer = view.confirm
    shown: list[Values] = [view.now, view.previous]
    if longer is not None:
        shown += [longer.now, longer.previous]
    return view.bar, view.previous_bar, repr(shown), repr((view.bars_seen, view.closed_at, view.holding))


def _differ(one: Opinions, other: Opinions) -> int | None:
    """Give the first bar where two runs of the same length disagree."""
    return next((index for index, (a, b) in enumerate(zip(one, other, strict=True)) if a != b), None)


def _deterministic(first: Opinions, second: Opinions) -> Finding:
    index = _differ(first, second)
    if index is None:
        return Finding("determinism", passed=True, sentence=f"Two runs over {len(first)} bars gave the same opinions.")
    return Finding("determinism", passed=False, sentence=f"Two equal runs differ at bar {index}.")


def _truncated(first: Opinions, runs: _Runs, cuts: int) -> Finding:
    """Cut the future off at `cuts` points: what was known may not change."""
    for number in range(1, cuts + 1):
        until = runs.warmup + (runs.bars - runs.warmup) * number // (cuts + 1)
        index = _differ(first[:until], runs.run(until=until))
        if index is not None:
            return Finding(
                "no look-ahead",
                passed=False,
                sentence=f"Without the bars from {until} on, its opinion at bar {index} is another: it looks ahead.",
            )
    return Finding("no look-ahead", passed=True, sentence=f"The future was cut off at {cuts} bars; no opinion changed.")


def _pure(first: Opinions, runs: _Runs) -> Finding:
    """The same view gives the same opinion, whether or not it was asked before; so a restart changes nothing."""
    index = runs.impure_at()
    if index is not None:
        return Finding("pure", passed=False, sentence=f"Asked twice at bar {index}, it answers differently.")
    since = (runs.bars + runs.warmup) // 2
    index = _differ([*([None] * since), *first[since:]], runs.run(since=since))
    if index is not None:
        return Finding(
            "pure", passed=False, sentence=f"First asked at bar {since}, as after a restart, it differs at bar {index}."
        )
    return Finding("pure", passed=True, sentence="Asked twice or from the middle on, it answers the same.")
