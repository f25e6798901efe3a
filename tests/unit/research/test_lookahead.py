"""Good strategies pass; one that peeks, guesses, remembers or says nonsense is caught, and by the right check."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest

from investbot.analysis.indicators import Array, Bars, Ema, IndicatorSpec, Stream
from investbot.domain.errors import DataError
from investbot.domain.market import Bar, Timeframe
from investbot.domain.signal import Direction, Signal
from investbot.research.lookahead import CheckReport, check_strategy
from investbot.strategies.api import MarketView, Strategy, parameter
from investbot.strategies.conservative_scalp import ConservativeScalp
from investbot.strategies.ma_cross import MovingAverageCross
from tests.unit.analysis.builders import walk

CANDLES = walk(600)
LONG = Signal(Direction.LONG, 0.5, "because")


@dataclass(frozen=True)
class Plugin:
    """What the plugins under test have in common."""

    name: ClassVar[str] = "plugin"
    description: ClassVar[str] = "A plugin under test."

    period: int = parameter(5, "bars", least=2, most=50)

    @property
    def warmup(self) -> int:
        return 10

    def indicators(self) -> Mapping[str, IndicatorSpec]:
        return {"average": Ema(self.period)}

    def confirm_indicators(self) -> Mapping[str, IndicatorSpec]:
        return {}

    def evaluate(self, view: MarketView) -> Signal | None:
        return LONG if view.bar.close > view.now["average"] else None


def failed(strategy: Strategy) -> dict[str, str]:
    report = check_strategy(strategy, CANDLES)
    assert not report.passed
    return {finding.check: finding.sentence for finding in report.findings if not finding.passed}


def passed(report: CheckReport) -> bool:
    return report.passed and all(finding.passed for finding in report.findings)


@pytest.mark.parametrize("confirm", [None, Timeframe.parse("15m")])
@pytest.mark.parametrize("strategy", [MovingAverageCross(), ConservativeScalp(fast=5, slow=12), Plugin()])
def test_the_strategies_of_the_house_pass(strategy: Strategy, confirm: Timeframe | None) -> None:
    report = check_strategy(strategy, CANDLES, confirm_timeframe=confirm, budget_us=10_000.0)
    assert passed(report), report.findings
    assert report.strategy == strategy.name
    assert report.bars == 600
    assert report.longs > 0
    assert [finding.check for finding in report.findings] == [
        "frozen",
        "parameters",
        "indicators",
        "determinism",
        "no look-ahead",
        "pure",
        "opinions",
        "time budget",
    ]


_MEMORY: dict[int, float] = {}


class Peeking(Plugin):
    """Keeps every close in the module and, once it has seen a run, buys before the price rises."""

    def evaluate(self, view: MarketView) -> Signal | None:
        _MEMORY[view.closed_at] = view.bar.close
        later = _MEMORY.get(view.closed_at + 300_000)
        return LONG if later is not None and later > view.bar.close else None


def test_a_strategy_that_remembers_the_future_is_caught() -> None:
    _MEMORY.clear()
    faults = failed(Peeking())
    assert faults["no look-ahead"].endswith("it looks ahead.")
    assert "determinism" in faults


_ENDS: list[int] = []


class Sly(Plugin):
    """Behaves the same in whole runs, but says something else where the future was cut off."""

    def evaluate(self, view: MarketView) -> Signal | None:
        starts = view.bars_seen == self.warmup
        if starts:
            _ENDS.append(0)
        return LONG if len(_ENDS) > 2 and view.bars_seen == 300 else None


def test_a_cut_is_noticed_even_when_whole_runs_agree() -> None:
    _ENDS.clear()
    faults = failed(Sly())
    assert "determinism" not in faults
    assert "its opinion at bar 299 is another: it looks ahead." in faults["no look-ahead"]


class Guessing(Plugin):
    """Tosses a coin."""

    def evaluate(self, view: MarketView) -> Signal | None:
        return LONG if random.random() < 0.5 else None


def test_a_strategy_that_guesses_is_caught() -> None:
    faults = failed(Guessing())
    assert faults["determinism"].startswith("Two equal runs differ at bar ")
    assert "pure" in faults


@dataclass(frozen=True)
class Counting(Plugin):
    """Has a frozen face and a mutable heart."""

    calls: list[int] = field(default_factory=list, init=False, metadata={"help": "none"})

    def evaluate(self, view: MarketView) -> Signal | None:
        self.calls.append(1)
        return LONG if len(self.calls) % 5 == 0 else None


def test_a_strategy_that_counts_its_calls_is_caught() -> None:
    assert failed(Counting())["pure"] == "Asked twice at bar 11, it answers differently."


_SEEN: list[int] = []


class Restarted(Plugin):
    """Has an opinion only if it was asked at an earlier bar of the same run; forgets all when a run ends."""

    def evaluate(self, view: MarketView) -> Signal | None:
        if view.bars_seen == 200:
            _SEEN.append(200)
        signal = LONG if _SEEN and view.bars_seen == 500 else None
        if view.bars_seen in {500, 600}:
            _SEEN.clear()
        return signal if view.bars_seen == 500 else None


class Latched(Restarted):
    """The same, but steady when asked twice at one bar."""

    def evaluate(self, view: MarketView) -> Signal | None:
        if view.bars_seen == 200:
            _SEEN.append(200)
        if view.bars_seen == 600:
            _SEEN.clear()
        return LONG if _SEEN and view.bars_seen == 500 else None


def test_a_strategy_that_a_restart_would_change_is_caught() -> None:
    _SEEN.clear()
    assert failed(Latched())["pure"] == "First asked at bar 305, as after a restart, it differs at bar 499."
    _SEEN.clear()
    assert failed(Restarted())["pure"] == "Asked twice at bar 499, it answers differently."


class Defacing(Plugin):
    """Writes into what it is shown."""

    def evaluate(self, view: MarketView) -> Signal | None:
        view.previous["average"] = 0.0
        return None


def test_a_strategy_that_writes_into_its_view_is_caught() -> None:
    assert failed(Defacing())["pure"] == "Asked twice at bar 9, it answers differently."


class Undeclared(Plugin):
    """Reads an indicator it did not declare, politely."""

    def evaluate(self, view: MarketView) -> Signal | None:
        return LONG if view.now.get("volume", 0.0) > 1.0 else None


class Dividing(Plugin):
    """Falls over in the middle."""

    def evaluate(self, view: MarketView) -> Signal | None:
        return LONG if 1 / (view.bars_seen - 50) > 1.0 else None


def test_a_strategy_that_raises_is_reported_with_the_bar() -> None:
    assert failed(Undeclared()) == {
        "evaluates": "At bar 9 it reads 'volume', which it does not declare as an indicator."
    }
    assert failed(Dividing()) == {"evaluates": "At bar 49 it raises ZeroDivisionError: division by zero."}


def saying(signal: Signal) -> Strategy:
    class Saying(Plugin):
        def evaluate(self, view: MarketView) -> Signal | None:
            return signal if view.bars_seen == 20 else None

    return Saying()


@pytest.mark.parametrize(
    ("signal", "sentence"),
    [
        (Signal(Direction.LONG, 1.5, "x"), "At bar 19 its confidence is 1.5, not within 0 and 1."),
        (Signal(Direction.LONG, float("nan"), "x"), "At bar 19 its confidence is nan, not within 0 and 1."),
        (Signal(Direction.SHORT, 0.5, ""), "At bar 19 it gives no reason."),
        (Signal(Direction.LONG, 0.5, "x", stop=float("nan")), "At bar 19 a stop or target is not a price."),
        (Signal(Direction.LONG, 0.5, "x", stop=-1.0), "At bar 19 a stop or target is not a price."),
        (Signal(Direction.LONG, 0.5, "x", targets=(0.0,)), "At bar 19 a stop or target is not a price."),
    ],
)
def test_nonsense_is_not_an_opinion(signal: Signal, sentence: str) -> None:
    assert failed(saying(signal)) == {"opinions": sentence}


def test_a_stop_over_the_price_protects_nothing() -> None:
    faults = failed(saying(Signal(Direction.LONG, 0.5, "x", stop=1000.0)))
    assert faults["opinions"].startswith("At bar 19 its stop 1000.0 is not below the close ")
    assert passed(check_strategy(saying(Signal(Direction.SHORT, 0.5, "x", stop=1000.0)), CANDLES))


class Loose:
    """Not a frozen dataclass at all."""

    name: ClassVar[str] = "loose"
    description: ClassVar[str] = "A class like any other."
    warmup = 10
    indicators = Plugin.indicators
    confirm_indicators = Plugin.confirm_indicators
    evaluate = Plugin.evaluate
    period = 5


@dataclass
class Melted:
    """A dataclass whose parameters can be changed."""

    name: ClassVar[str] = "melted"
    description: ClassVar[str] = "Not frozen."
    warmup: int = 10
    indicators = Plugin.indicators
    confirm_indicators = Plugin.confirm_indicators
    evaluate = Plugin.evaluate
    period: int = 5


@pytest.mark.parametrize("kind", [Loose, Melted])
def test_what_is_not_frozen_is_not_run(kind: Callable[[], Strategy]) -> None:
    assert failed(kind()) == {"frozen": "It must be a frozen dataclass whose fields are its parameters."}


@dataclass(frozen=True)
class Bare(Plugin):
    """Declares half of what it should."""

    level: float = field(default=1.0, metadata={"help": "level", "min": 0.0})
    silent: str = "x"
    strict: bool = field(default=False, metadata={"help": "whether"})


def test_parameters_without_help_or_bounds_are_named() -> None:
    assert failed(Bare()) == {"parameters": "These parameters lack help, min or max: level, silent."}


@dataclass(frozen=True)
class Own:
    """An indicator of the close: a column made by `shape`, a stream that gives the close plus `off`."""

    shape: Callable[[Bars], Array]
    off: float = 0.0
    lookback: int = 0

    def over(self, bars: Bars) -> Array:
        return self.shape(bars)

    def stream(self) -> Stream[float]:
        off = self.off

        class Own:
            def update(self, bar: Bar, closed_at: int) -> float:
                return bar.close + off

        return Own()


def declaring(spec: IndicatorSpec) -> Strategy:
    class Declaring(Plugin):
        def indicators(self) -> Mapping[str, IndicatorSpec]:
            return {"average": Ema(self.period), "own": spec}

    return Declaring()


def next_close(bars: Bars) -> Array:
    return np.append(bars.close[1:], bars.close[-1:])


def nothing(bars: Bars) -> Array:
    raise ValueError("no data")


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (Own(next_close), "The indicator own changes its past when the future is known."),
        (Own(lambda bars: bars.close, off=1.0), "The indicator own gives other values bar by bar than over columns."),
        (Own(nothing), "The indicator own raises ValueError: no data."),
    ],
)
def test_an_indicator_that_looks_ahead_or_has_two_faces_is_caught(spec: IndicatorSpec, sentence: str) -> None:
    assert failed(declaring(spec))["indicators"] == sentence
    assert passed(check_strategy(declaring(Own(lambda bars: bars.close)), CANDLES))


def test_a_fault_of_the_longer_timeframe_is_caught_as_well() -> None:
    class Longer(Plugin):
        def confirm_indicators(self) -> Mapping[str, IndicatorSpec]:
            return {"own": Own(next_close)}

    report = check_strategy(Longer(), CANDLES, confirm_timeframe=Timeframe.parse("15m"))
    assert [finding.check for finding in report.findings if not finding.passed] == ["indicators"]
    assert passed(check_strategy(Longer(), CANDLES))


def test_time_over_the_budget_is_reported() -> None:
    ticks = itertools.count(0, 150_000)
    report = check_strategy(Plugin(), CANDLES, clock_ns=lambda: next(ticks))
    assert report.mean_us == 150.0
    (late,) = [finding for finding in report.findings if not finding.passed]
    assert late.sentence == "One evaluation takes 150.00 µs on average; the budget is 100 µs."
    ticks = itertools.count(0, 100_000)
    assert check_strategy(Plugin(), CANDLES, clock_ns=lambda: next(ticks)).passed


def test_opinions_are_counted() -> None:
    report = check_strategy(MovingAverageCross(), CANDLES)
    assert report.longs > 0
    assert report.shorts > 0
    assert abs(report.longs - report.shorts) <= 1


def test_too_few_candles_prove_nothing() -> None:
    with pytest.raises(DataError, match="plugin needs more than 11 candles to be checked, and there are 11"):
        check_strategy(Plugin(), CANDLES[:11])
    assert check_strategy(Plugin(), CANDLES[:12]).bars == 12
