"""A series refills one view, bar by bar, from indicators it owns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from investbot.analysis.candles import CandlePatterns
from investbot.analysis.indicators import (
    Array,
    Atr,
    Bars,
    Donchian,
    Ema,
    IndicatorSpec,
    Macd,
    Obv,
    Rsi,
    Sma,
    Stream,
    Vwap,
    columns,
    line,
)
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar, Timeframe
from investbot.strategies.conservative_scalp import ConservativeScalp
from investbot.strategies.ma_cross import MovingAverageCross
from investbot.strategies.series import KEPT_FINDINGS, Series
from tests.unit.analysis.builders import FIVE_MINUTES, SYMBOL, candles, walk


class Counter:
    """A stream that no library made."""

    def __init__(self) -> None:
        self.count = 0

    def update(self, bar: Bar, closed_at: int) -> float:
        self.count += 1
        return float(self.count)


@dataclass(frozen=True, slots=True)
class Count:
    lookback: int = 0

    def stream(self) -> Stream[float]:
        return Counter()

    def over(self, bars: Bars) -> Array:
        return np.arange(1.0, len(bars.close) + 1.0)


def test_values_equal_the_columns_whatever_mix_of_indicators() -> None:
    specs: Mapping[str, IndicatorSpec] = {
        "fast": Ema(5),
        "own": Count(),
        "slow": Sma(20),
        "rsi": Rsi(14),
        "atr": Atr(14),
    }
    base = walk(60)
    series = Series(specs, SYMBOL)
    bars = columns([each.bar for each in base])
    wanted = {name: spec.over(bars) for name, spec in specs.items()}
    for index, each in enumerate(base):
        view = series.update(each)
        assert view.bars_seen == index + 1
        for name in specs:
            assert np.array_equal([view.now[name]], wanted[name][index : index + 1], equal_nan=True)
            if index:
                assert np.array_equal([view.previous[name]], wanted[name][index - 1 : index], equal_nan=True)


def test_the_view_is_one_object_that_tells_this_bar_and_the_one_before() -> None:
    series = Series({}, SYMBOL)
    one, two, three = walk(3)
    view = series.update(one)
    assert view is series.view
    assert (view.symbol, view.bar, view.closed_at) == (SYMBOL, one.bar, one.at)
    assert series.update(two) is view
    series.update(three)
    assert (view.bar, view.previous_bar, view.bars_seen) == (three.bar, two.bar, 3)
    assert view.confirm is None
    assert view.holding is False


def test_before_the_first_value_everything_declared_is_nan() -> None:
    series = Series({"slow": Ema(3)}, SYMBOL)
    assert math.isnan(series.view.now["slow"])
    assert math.isnan(series.view.previous["slow"])
    view = series.update(walk(1)[0])
    assert math.isnan(view.now["slow"])


def test_the_longer_timeframe_moves_only_with_its_own_closes() -> None:
    strategy = ConservativeScalp(fast=2, slow=3)
    series = Series.of(strategy, SYMBOL, FIVE_MINUTES, Timeframe.parse("15m"))
    longer = series.view.confirm
    assert longer is not None
    seen = []
    for each in candles(range(1, 13)):
        series.update(each)
        seen.append((longer.bars_seen, longer.bar.close))
    assert seen == [
        (0, 0.0),
        (0, 0.0),
        (1, 3.0),
        (1, 3.0),
        (1, 3.0),
        (2, 6.0),
        (2, 6.0),
        (2, 6.0),
        (3, 9.0),
        (3, 9.0),
        (3, 9.0),
        (4, 12.0),
    ]
    assert longer.now == {"fast": pytest.approx(10.5), "slow": pytest.approx(9.0)}


def test_without_a_longer_timeframe_there_is_no_second_view() -> None:
    assert Series.of(MovingAverageCross(), SYMBOL, FIVE_MINUTES, None).view.confirm is None


def test_a_longer_timeframe_that_is_no_multiple_is_refused() -> None:
    with pytest.raises(ConfigError):
        Series.of(MovingAverageCross(), SYMBOL, FIVE_MINUTES, Timeframe.parse("12m"))


def test_a_series_begun_at_the_same_candle_gives_the_same_values() -> None:
    strategy = ConservativeScalp()
    one = Series.of(strategy, SYMBOL, FIVE_MINUTES, Timeframe.parse("1h"))
    two = Series.of(strategy, SYMBOL, FIVE_MINUTES, Timeframe.parse("1h"))
    base = walk(800)
    for each in base:
        one.update(each)
    for each in base:
        two.update(each)
    assert one.view.now == two.view.now
    assert one.view.confirm is not None
    assert two.view.confirm is not None
    assert one.view.confirm.now == two.view.confirm.now


def test_lines_of_one_indicator_share_a_stream() -> None:
    specs: Mapping[str, IndicatorSpec] = {
        "macd": line(Macd(), "macd"),
        "signal": line(Macd(), "signal"),
        "other": line(Macd(5, 9, 3), "signal"),
        "upper": line(Donchian(), "upper"),
        "vwap": line(Vwap(), "vwap"),
        "obv": Obv(),
    }
    base = walk(400)
    series = Series(specs, SYMBOL)
    assert len(series._many) == 4
    bars = columns([each.bar for each in base], [each.at for each in base])
    wanted = {name: spec.over(bars) for name, spec in specs.items()}
    for index, each in enumerate(base):
        view = series.update(each)
        for name in specs:
            assert np.array_equal([view.now[name]], wanted[name][index : index + 1], equal_nan=True)


def test_a_view_shows_the_latest_findings_of_a_finder() -> None:
    base = walk(400)
    series = Series({"candles": CandlePatterns(), "fast": Ema(5)}, SYMBOL)
    bars = columns([each.bar for each in base], [each.at for each in base])
    every = CandlePatterns().over(bars)
    assert len(every) > KEPT_FINDINGS
    for each in base:
        view = series.update(each)
        assert "candles" not in view.now
        assert view.found["candles"] == tuple(one for one in every if one.known_at <= each.at)[-KEPT_FINDINGS:]
