"""Crosses of two averages, and nothing else."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from investbot.analysis.indicators import Ema, Sma
from investbot.domain.errors import ConfigError
from investbot.domain.signal import Direction, Signal
from investbot.strategies.api import MarketView
from investbot.strategies.ma_cross import MovingAverageCross
from investbot.strategies.series import Series
from tests.unit.analysis.builders import SYMBOL, candles, read

NAN = math.nan


def view(before: tuple[float, float], now: tuple[float, float]) -> MarketView:
    shown = MarketView(SYMBOL)
    shown.previous = {"fast": before[0], "slow": before[1]}
    shown.now = {"fast": now[0], "slow": now[1]}
    return shown


def opinion(before: tuple[float, float], now: tuple[float, float]) -> Direction | None:
    signal = MovingAverageCross().evaluate(view(before, now))
    return None if signal is None else signal.direction


@pytest.mark.parametrize(
    ("before", "now", "wanted"),
    [
        ((1.0, 2.0), (3.0, 2.0), Direction.LONG),
        ((2.0, 2.0), (3.0, 2.0), Direction.LONG),
        ((3.0, 2.0), (1.0, 2.0), Direction.SHORT),
        ((2.0, 2.0), (1.0, 2.0), Direction.SHORT),
        ((3.0, 2.0), (4.0, 2.0), None),
        ((1.0, 2.0), (0.5, 2.0), None),
        ((1.0, 2.0), (2.0, 2.0), None),
        ((3.0, 2.0), (2.0, 2.0), None),
        ((NAN, NAN), (3.0, 2.0), None),
        ((NAN, NAN), (1.0, 2.0), None),
        ((1.0, NAN), (3.0, NAN), None),
        ((NAN, NAN), (NAN, NAN), None),
    ],
)
def test_only_a_cross_on_this_bar_is_an_opinion(
    before: tuple[float, float], now: tuple[float, float], wanted: Direction | None
) -> None:
    assert opinion(before, now) is wanted


def test_the_reason_has_the_numbers() -> None:
    signal = MovingAverageCross().evaluate(view((1.0, 2.0), (3.0, 2.0)))
    assert signal == Signal(
        Direction.LONG, 0.5, "EMA(9) crossed above EMA(21): 3 against 2, before 1 against 2.", None, ()
    )
    signal = MovingAverageCross(kind="sma").evaluate(view((3.0, 2.0), (0.00001234, 2.0)))
    assert signal is not None
    assert signal.reason == "SMA(9) crossed below SMA(21): 0.00001234 against 2, before 3 against 2."


def test_the_kind_chooses_the_averages() -> None:
    assert MovingAverageCross(fast=3, slow=5).indicators() == {"fast": Ema(3), "slow": Ema(5)}
    assert MovingAverageCross(fast=3, slow=5, kind="sma").indicators() == {"fast": Sma(3), "slow": Sma(5)}
    assert MovingAverageCross().confirm_indicators() == {}
    assert MovingAverageCross(fast=3, slow=5).warmup == 10


def test_fast_must_be_shorter_than_slow() -> None:
    with pytest.raises(ConfigError, match="ma_cross needs fast < slow, not fast = 21 and slow = 21"):
        MovingAverageCross(fast=21)
    with pytest.raises(ConfigError, match="fast must lie within 2 and 1000"):
        MovingAverageCross(fast=1)


def test_a_turn_of_the_market_is_seen_where_it_happens() -> None:
    closes = [float(100 - n) for n in range(30)] + [float(70 + 2 * n) for n in range(30)]
    strategy = MovingAverageCross(fast=2, slow=5, kind="sma")
    series = Series(strategy.indicators(), SYMBOL)
    opinions = [strategy.evaluate(series.update(each)) for each in candles(closes)]
    crossed = [index for index, signal in enumerate(opinions) if signal is not None]
    assert crossed == [32]
    assert opinions[32] is not None
    assert opinions[32].direction is Direction.LONG


def test_it_has_opinions_on_real_candles(market_data: Path) -> None:
    for name, timeframe in [("binance_BTCUSDT_5m_2024", "5m"), ("binance_LUNAUSDT_1h_2020-2022_collapse", "1h")]:
        strategy = MovingAverageCross()
        series = Series(strategy.indicators(), SYMBOL)
        opinions = [strategy.evaluate(series.update(each)) for each in read(market_data, name, timeframe, most=15_000)]
        directions = [signal.direction for signal in opinions if signal is not None]
        assert len(directions) > 100
        assert abs(directions.count(Direction.LONG) - directions.count(Direction.SHORT)) <= 1
