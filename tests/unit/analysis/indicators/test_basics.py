"""One definition, two readings: bar by bar and over columns, equal to the last bit."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from investbot.analysis.indicators import Atr, Bars, Ema, IndicatorSpec, Rsi, Sma, columns
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar
from tests.unit.analysis.builders import read, walk

SPECS: list[IndicatorSpec] = [Ema(2), Ema(20), Ema(50), Sma(2), Sma(21), Rsi(2), Rsi(14), Atr(1), Atr(14)]


def live(spec: IndicatorSpec, bars: list[Bar]) -> list[float]:
    stream = spec.stream()
    return [stream.update(bar, 0) for bar in bars]


def same(spec: IndicatorSpec, bars: list[Bar]) -> bool:
    return np.array_equal(np.array(live(spec, bars)), spec.over(columns(bars)), equal_nan=True)


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_bar_by_bar_equals_columns_to_the_last_bit(spec: IndicatorSpec) -> None:
    bars = [candle.bar for candle in walk(400)]
    assert same(spec, bars)
    tiny = [candle.bar for candle in walk(400, price=0.00001, step=0.02)]
    assert same(spec, tiny)


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_a_market_that_never_moves_reads_the_same_both_ways(spec: IndicatorSpec) -> None:
    assert same(spec, [Bar(5.0, 5.0, 5.0, 5.0, 0.0)] * 60)


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_the_first_value_comes_after_the_lookback(spec: IndicatorSpec) -> None:
    values = live(spec, [candle.bar for candle in walk(80)])
    assert all(math.isnan(value) for value in values[: spec.lookback])
    assert not any(math.isnan(value) for value in values[spec.lookback :])


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_no_bars_give_an_empty_column(spec: IndicatorSpec) -> None:
    assert len(spec.over(columns([]))) == 0


@pytest.mark.parametrize("name", ["binance_BTCUSDT_5m_2024", "binance_PEPEUSDT_5m_2024"])
@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_real_candles_read_the_same_both_ways(market_data: Path, name: str, spec: IndicatorSpec) -> None:
    assert same(spec, [candle.bar for candle in read(market_data, name, "5m", most=5000)])


def test_ema_follows_its_formula() -> None:
    closes = [10.0, 11.0, 12.0, 20.0]
    values = live(Ema(3), [Bar(c, c, c, c, 0.0) for c in closes])
    assert values[2] == pytest.approx(11.0)
    assert values[3] == pytest.approx(11.0 + 2 / (3 + 1) * (20.0 - 11.0))


def test_sma_is_the_mean_of_the_last_closes() -> None:
    closes = [10.0, 11.0, 12.0, 20.0]
    values = live(Sma(3), [Bar(c, c, c, c, 0.0) for c in closes])
    assert values[2:] == pytest.approx([11.0, (11.0 + 12.0 + 20.0) / 3])


def test_rsi_follows_wilder() -> None:
    closes = [10.0, 12.0, 11.0, 11.0]
    values = live(Rsi(2), [Bar(c, c, c, c, 0.0) for c in closes])
    assert values[2] == pytest.approx(100 * 1.0 / (1.0 + 0.5))
    assert values[3] == pytest.approx(100 * 0.5 / (0.5 + 0.25))


def test_atr_takes_gaps_into_account() -> None:
    bars = [Bar(10.0, 11.0, 9.0, 10.0, 0.0), Bar(15.0, 16.0, 14.0, 15.0, 0.0), Bar(15.0, 15.5, 14.5, 15.0, 0.0)]
    values = live(Atr(2), bars)
    assert values[2] == pytest.approx((6.0 + 1.0) / 2)


def test_columns_keep_the_order_of_a_bar() -> None:
    bars = columns([Bar(1.0, 4.0, 0.5, 2.0, 9.0), Bar(2.0, 5.0, 1.5, 3.0, 8.0)])
    assert isinstance(bars, Bars)
    assert [list(column) for column in bars[:5]] == [[1.0, 2.0], [4.0, 5.0], [0.5, 1.5], [2.0, 3.0], [9.0, 8.0]]


@pytest.mark.parametrize("kind", [Ema, Sma, Rsi, Atr])
@pytest.mark.parametrize("period", [-1, 0, 100_001])
def test_a_period_that_cannot_be_counted_is_refused(kind: type[Ema | Sma | Rsi | Atr], period: int) -> None:
    with pytest.raises(ConfigError, match=rf"needs a period of [12] to 100000 bars, not {period}\."):
        kind(period)


def test_an_average_of_one_bar_is_refused_but_not_its_range() -> None:
    for kind in (Ema, Sma, Rsi):
        with pytest.raises(ConfigError):
            kind(1)
    assert Atr(1).lookback == 1
