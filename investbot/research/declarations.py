"""What a strategy declares and says, checked without running it against itself: fields, indicators, opinions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, fields, is_dataclass
from typing import Any, cast

from investbot.analysis.analyser import columns_of
from investbot.analysis.faces import first_disagreement, looks_ahead_at
from investbot.analysis.indicators import Declared
from investbot.analysis.resample import Resampler
from investbot.domain.market import Candle, Timeframe
from investbot.domain.signal import Direction, Signal
from investbot.strategies.api import Strategy

Opinions = list[Signal | None]
"""One entry a bar, None before the warm-up and where there was no opinion."""

PLUGIN_FAULTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What somebody else's code may raise while it is checked; reported, never passed on."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its name, whether it was passed, and one sentence with the numbers."""

    check: str
    passed: bool
    sentence: str


def frozen(strategy: object) -> Finding:
    """It is a frozen dataclass, so that nothing of one run can reach the next through it."""
    if is_dataclass(strategy) and cast("Any", strategy).__dataclass_params__.frozen:
        return Finding("frozen", passed=True, sentence="It is a frozen dataclass.")
    return Finding("frozen", passed=False, sentence="It must be a frozen dataclass whose fields are its parameters.")


def parameters(strategy: object) -> Finding:
    """Every parameter has a help text, and numbers have both bounds."""
    declared = fields(cast("Any", strategy))
    bare = [field.name for field in declared if not _declared(field, getattr(strategy, field.name))]
    if bare:
        sentence = f"These parameters lack help, min or max: {', '.join(bare)}."
        return Finding("parameters", passed=False, sentence=sentence)
    return Finding("parameters", passed=True, sentence=f"All {len(declared)} parameters are declared.")


def _declared(field: Field[Any], value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return bool(field.metadata.get("help")) and (not is_number or {"min", "max"} <= field.metadata.keys())


def indicators(strategy: Strategy, candles: Sequence[Candle], confirm_timeframe: Timeframe | None) -> list[Finding]:
    """Each declared indicator gives the same values bar by bar and over columns, and its columns do not look ahead."""
    sets: list[tuple[Mapping[str, Declared], Sequence[Candle]]] = [(strategy.indicators(), candles)]
    if confirm_timeframe is not None:
        resampler = Resampler(candles[0].timeframe, confirm_timeframe)
        longer = [made for candle in candles for made in resampler.add(candle)]
        sets.append((strategy.confirm_indicators(), longer))
    for specs, known in sets:
        for name, spec in specs.items():
            fault = _indicator_fault(spec, known)
            if fault:
                return [Finding("indicators", passed=False, sentence=f"The indicator {name} {fault}.")]
    count = sum(len(specs) for specs, _ in sets)
    return [Finding("indicators", passed=True, sentence=f"All {count} indicators agree bar by bar and over columns.")]


def _indicator_fault(spec: Declared, candles: Sequence[Candle]) -> str | None:
    bars = columns_of(candles)
    try:
        if looks_ahead_at(spec, bars, (bars.size // 2,)) is not None:
            return "changes its past when the future is known"
        if first_disagreement(spec, bars) is not None:
            return "gives other values bar by bar than over columns"
    except PLUGIN_FAULTS as error:
        return f"raises {type(error).__name__}: {error}"
    return None


def well_formed(opinions: Opinions, candles: Sequence[Candle]) -> Finding:
    """Confidence lies in 0..1, prices are finite and positive, there is a reason, a LONG's stop is under the close."""
    for index, signal in enumerate(opinions):
        if signal is not None and (fault := _flaw(signal, candles[index].bar.close)):
            return Finding("opinions", passed=False, sentence=f"At bar {index} {fault}.")
    return Finding("opinions", passed=True, sentence="Every opinion has a reason, a confidence and sound prices.")


def _flaw(signal: Signal, close: float) -> str | None:
    prices = (*signal.targets, *(() if signal.stop is None else (signal.stop,)))
    if not 0.0 <= signal.confidence <= 1.0:
        return f"its confidence is {signal.confidence}, not within 0 and 1"
    if not signal.reason:
        return "it gives no reason"
    if not all(math.isfinite(price) and price > 0.0 for price in prices):
        return "a stop or target is not a price"
    if signal.direction is Direction.LONG and signal.stop is not None and signal.stop >= close:
        return f"its stop {signal.stop} is not below the close {close}"
    return None
