"""Does an analyser keep the rules? Both faces run against each other, and the future cut off."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import numpy as np

from investbot.analysis.analyser import Analyser, Bars


def live(analyser: Analyser[Any, Any], bars: Bars, like: object) -> object:
    """Run the stream over all bars and gather what it says in the shape of `like`, a result of `over`."""
    update = analyser.stream().update
    said = [update(bar, closed_at) for bar, closed_at in bars.each()]
    if isinstance(like, np.ndarray):
        return np.array(said, dtype=np.float64)
    if _are_lines(like):
        table = np.array(said, dtype=np.float64).reshape(len(said), len(cast("tuple[Any, ...]", like)))
        return tuple(np.ascontiguousarray(table[:, index]) for index in range(table.shape[1]))
    return tuple(finding for findings in said for finding in findings)


def equal(one: object, other: object) -> bool:
    """Tell whether two results are the same to the last bit; NaN equals NaN."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(cast("Any", one), cast("Any", other), equal_nan=True)
    if _are_lines(one) or _are_lines(other):
        ones, others = cast("tuple[Any, ...]", one), cast("tuple[Any, ...]", other)
        return len(ones) == len(others) and all(map(equal, ones, others))
    return repr(one) == repr(other)  # as text, so that NaN equals NaN inside findings too


def known_by(result: object, bars: Bars, count: int) -> object:
    """Give the part of a result over `bars` that was known at the close of bar number `count` (from 1)."""
    if isinstance(result, np.ndarray):
        return result[:count]
    if _are_lines(result):
        return tuple(line[:count] for line in cast("tuple[Any, ...]", result))
    last = int(bars.closed_at[count - 1]) if count else 0
    findings = cast("tuple[Any, ...]", result)
    return tuple(finding for finding in findings if count and finding.known_at <= last)


def first_disagreement(analyser: Analyser[Any, Any], bars: Bars) -> int | None:
    """Give the count of bars after which both faces differ, None when they agree on all of them."""
    whole = analyser.over(bars)
    carried = live(analyser, bars, whole)
    if equal(whole, carried):
        return None
    low, high = 0, bars.size
    while high - low > 1:
        middle = (low + high) // 2
        if equal(known_by(whole, bars, middle), known_by(carried, bars, middle)):
            low = middle
        else:
            high = middle
    return high


def looks_ahead_at(analyser: Analyser[Any, Any], bars: Bars, cuts: Iterable[int]) -> int | None:
    """Cut the future off after each count in `cuts`; give the first cut that changes what was known, None for none."""
    whole = analyser.over(bars)
    for count in cuts:
        if not equal(known_by(whole, bars, count), analyser.over(bars.first(count))):
            return count
    return None


def _are_lines(result: object) -> bool:
    return isinstance(result, tuple) and bool(result) and all(isinstance(line, np.ndarray) for line in result)
