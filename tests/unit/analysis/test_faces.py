"""The proof itself: an analyser that peeks, or says two things, is found out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from investbot.analysis.analyser import Array, Bars, columns, columns_of
from investbot.analysis.faces import equal, first_disagreement, known_by, live, looks_ahead_at
from investbot.domain.market import MINUTE, Bar, Millis
from tests.unit.analysis.builders import walk
from tests.unit.analysis.faces import both_faces_agree, is_blind, walk_bars


@dataclass(frozen=True)
class Seen:
    """A high above the one before."""

    price: float
    known_at: Millis


class NewHighs:
    """A finder; `late` bars pass before columns tell, `peek` bars of the future are read by columns."""

    def __init__(self, peek: int = 0) -> None:
        self.peek = peek

    def over(self, bars: Bars) -> tuple[Seen, ...]:
        found = []
        for at in range(1, bars.size):
            ahead = min(at + self.peek, bars.size - 1)
            if bars.high[ahead] > bars.high[at - 1]:
                found.append(Seen(float(bars.high[at]), int(bars.closed_at[at])))
        return tuple(found)

    def stream(self) -> Any:
        return _NewHighs()


class _NewHighs:
    def __init__(self) -> None:
        self.before = math.inf

    def update(self, bar: Bar, closed_at: Millis) -> tuple[Seen, ...]:
        found = (Seen(bar.high, closed_at),) if bar.high > self.before else ()
        self.before = bar.high
        return found


class Numbers:
    """Columns made by `shape`, a stream that gives `value` of each bar."""

    def __init__(self, shape: Callable[[Bars], Any], value: Callable[[Bar], Any]) -> None:
        self.shape = shape
        self.value = value

    def over(self, bars: Bars) -> Any:
        return self.shape(bars)

    def stream(self) -> Any:
        value = self.value

        class Carried:
            def update(self, bar: Bar, closed_at: Millis) -> Any:
                return value(bar)

        return Carried()


def next_close(bars: Bars) -> Array:
    return np.append(bars.close[1:], bars.close[-1:])


def test_honest_analysers_of_each_kind_pass() -> None:
    bars = walk_bars(200)
    honest: list[Any] = [
        NewHighs(),
        Numbers(lambda b: b.close, lambda bar: bar.close),
        Numbers(lambda b: (b.high, b.low), lambda bar: (bar.high, bar.low)),
    ]
    for analyser in honest:
        assert both_faces_agree(analyser, bars)
        assert is_blind(analyser, bars)


def test_peeking_is_seen_at_the_cut() -> None:
    bars = walk_bars(200)
    assert looks_ahead_at(Numbers(next_close, lambda bar: bar.close), bars, (7, 9)) == 7
    assert not is_blind(NewHighs(peek=1), bars, cuts=100)
    lines = Numbers(lambda b: (b.close, next_close(b)), lambda bar: (bar.close, bar.close))
    assert looks_ahead_at(lines, bars, (50,)) == 50


def test_two_faces_are_seen_at_their_first_bar() -> None:
    bars = walk_bars(200)

    def off_from_120(columns_: Bars) -> Array:
        changed = columns_.close.copy()
        changed[120:] += 1e-12
        return changed

    assert first_disagreement(Numbers(off_from_120, lambda bar: bar.close), bars) == 121
    assert first_disagreement(NewHighs(peek=1), bars) is not None


def test_results_are_compared_to_the_last_bit_and_nan_equals_nan() -> None:
    one = np.array([1.0, math.nan])
    assert equal(one, one.copy())
    assert not equal(one, np.array([1.0 + 1e-15, math.nan]))
    assert not equal((one,), (one, one))
    assert equal((one, one), (one.copy(), one.copy()))
    assert equal((Seen(math.nan, 1),), (Seen(math.nan, 1),))
    assert not equal((Seen(1.0, 1),), ())


def test_what_was_known_is_a_prefix() -> None:
    bars = walk_bars(30)
    found = NewHighs().over(bars)
    assert known_by(found, bars, 0) == ()
    at = int(bars.closed_at[9])
    assert known_by(found, bars, 10) == tuple(each for each in found if each.known_at <= at)
    assert live(NewHighs(), bars, found) == found


def test_columns_carry_the_time_of_each_close() -> None:
    candles = walk(3)
    assert columns_of(candles).closed_at.tolist() == [candle.at for candle in candles]
    bars = columns([candle.bar for candle in candles])
    assert bars.closed_at.tolist() == [MINUTE, 2 * MINUTE, 3 * MINUTE]
    assert [bar for bar, _ in bars.each()] == [candle.bar for candle in candles]
    assert bars.first(2).size == 2
    assert bars.first(2).closed_at.tolist() == [MINUTE, 2 * MINUTE]


@pytest.mark.parametrize("size", [0, 1])
def test_few_bars_have_no_future(size: int) -> None:
    bars = walk_bars(5).first(size)
    assert first_disagreement(NewHighs(), bars) is None
