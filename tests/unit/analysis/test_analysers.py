"""What every analyser of the catalogue must keep: one definition, blind, calm on odd markets, free of scale."""

from __future__ import annotations

import gc
import math
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from investbot.analysis.analyser import Analyser, Bars, columns
from investbot.analysis.catalogue import ANALYSERS
from investbot.analysis.faces import live
from investbot.domain.market import Bar
from investbot.domain.reading import Reading
from tests.unit.analysis.faces import FIVE_SLICES, ODD_SERIES, both_faces_agree, is_blind, real_bars, scaled, walk_bars

every = pytest.mark.parametrize("analyser", ANALYSERS.values(), ids=list(ANALYSERS))


@st.composite
def markets(draw: st.DrawFn) -> Bars:
    """Anything a market may be: flat stretches, gaps, bars without range, no volume, prices of any size."""
    price = draw(st.sampled_from([1e-6, 0.37, 61_000.0]))
    steps = draw(st.lists(st.tuples(*[st.integers(-3, 3)] * 4, st.integers(0, 4)), min_size=1, max_size=90))
    bars, level = [], 100
    for opened, up, down, close, volume in steps:
        start = max(1, level + opened)
        level = max(1, start + close)
        top, bottom = max(start, level) + abs(up), max(1, min(start, level) - abs(down))
        prices = [part * price / 100 for part in (start, top, bottom, level)]
        bars.append(Bar._make([*prices, float(volume)]))
    return columns(bars)


@every
def test_bar_by_bar_equals_columns_to_the_last_bit(analyser: Analyser[Any, Any]) -> None:
    assert both_faces_agree(analyser, walk_bars(800))
    assert both_faces_agree(analyser, walk_bars(500, seed=3, price=0.00001))


@every
@settings(max_examples=15)
@given(bars=markets())
def test_both_faces_agree_on_any_market(analyser: Analyser[Any, Any], bars: Bars) -> None:
    assert both_faces_agree(analyser, bars)


@every
@pytest.mark.parametrize(("name", "timeframe"), FIVE_SLICES)
def test_real_candles_read_the_same_both_ways_and_blindly(
    market_data: Path, name: str, timeframe: str, analyser: Analyser[Any, Any]
) -> None:
    bars = real_bars(market_data, name, timeframe, most=1200)
    assert both_faces_agree(analyser, bars)
    assert is_blind(analyser, bars, cuts=2)


@every
def test_the_future_changes_nothing(analyser: Analyser[Any, Any]) -> None:
    assert is_blind(analyser, walk_bars(800), cuts=20)


@every
@pytest.mark.parametrize("market", ODD_SERIES.values(), ids=list(ODD_SERIES))
def test_odd_markets_give_no_error_and_no_warning(analyser: Analyser[Any, Any], market: Bars) -> None:
    assert both_faces_agree(analyser, market)
    result = analyser.over(market)
    for column in result if isinstance(result, tuple) else (result,):
        if isinstance(column, np.ndarray):
            assert len(column) == market.size
            assert not np.isinf(column).any()


@every
@pytest.mark.parametrize("market", ["no bar", "one bar", "constant price", "constant price without volume"])
def test_where_nothing_happens_nothing_is_found(analyser: Analyser[Any, Any], market: str) -> None:
    found = analyser.over(ODD_SERIES[market])
    if isinstance(found, tuple) and not (found and isinstance(found[0], np.ndarray)):
        # One bar alone may be a pattern of one candle.
        assert [finding for finding in found if not isinstance(finding, Reading) or market != "one bar"] == []


def _leaves(result: object) -> Iterator[object]:
    """Everything a result is made of, in order."""
    parts = [getattr(result, field.name) for field in fields(result)] if is_dataclass(result) else result
    if isinstance(parts, tuple | list | np.ndarray):
        for part in parts:
            yield from _leaves(part)
    else:
        yield parts


def _is_same(here: Any, there: Any, factor: float) -> bool:
    """Whether a number is free of prices or grew with them; anything else has to be the same."""
    if not isinstance(here, float):
        return bool(here == there)
    free = math.isclose(here, there, rel_tol=1e-9, abs_tol=1e-9)
    price = math.isclose(here * factor, there, rel_tol=1e-9, abs_tol=1e-12 * factor)
    return free or price or (math.isnan(here) and math.isnan(there))


@every
@pytest.mark.parametrize("price", [1e-6, 1.0, 1e5])
def test_the_price_level_changes_nothing_but_prices(analyser: Analyser[Any, Any], price: float) -> None:
    bars, factor = walk_bars(900), price / 100.0
    here, there = list(_leaves(analyser.over(bars))), list(_leaves(analyser.over(scaled(bars, factor))))
    assert [pair for pair in zip(here, there, strict=True) if not _is_same(*pair, factor)] == []
    assert here


@every
def test_a_stream_keeps_a_bounded_memory(analyser: Analyser[Any, Any]) -> None:
    stream, sizes = analyser.stream(), []
    for index, (bar, closed_at) in enumerate(walk_bars(1400).each(), start=1):
        stream.update(bar, closed_at)
        if index % 50 == 0:
            sizes.append(_weight(stream))
    early, late = max(sizes[:14]), max(sizes[14:])
    assert late <= early * 1.1 + 2000
    assert late < 40_000


def _weight(root: object) -> int:
    """Bytes of everything an object leads to, classes, modules and functions apart."""
    seen: set[int] = set()
    waiting, total = [root], 0
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, type | type(sys)) or callable(thing):
            continue
        seen.add(id(thing))
        total += sys.getsizeof(thing)
        waiting += gc.get_referents(thing)
    return total


def test_live_gathers_in_the_shape_it_is_shown() -> None:
    bars = walk_bars(60)
    for analyser in ANALYSERS.values():
        assert type(live(analyser, bars, analyser.over(bars))) is type(analyser.over(bars))
