"""The end of a pullback in an upward trend is bought; everything else is left alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from investbot.analysis.indicators import Atr, Ema, Rsi
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar, Timeframe
from investbot.domain.signal import Direction, Signal
from investbot.strategies.api import MarketView
from investbot.strategies.conservative_scalp import ConservativeScalp
from investbot.strategies.series import Series
from tests.unit.analysis.builders import SYMBOL, read

NAN = math.nan
BEFORE = {"fast": 100.0, "slow": 98.0, "rsi": 50.0, "atr": 0.4}
NOW = {"fast": 100.1, "slow": 98.1, "rsi": 52.0, "atr": 0.4}


def touched(**changes: Any) -> MarketView:
    """A bar that dipped to the fast average after a close under it, and closed above it."""
    view = MarketView(SYMBOL)
    view.previous_bar = Bar(100.2, 100.3, 99.6, 99.9, 1.0)
    view.bar = Bar(99.9, 100.6, 99.8, 100.5, 1.0)
    view.previous = BEFORE | changes.pop("before", {})
    view.now = NOW | changes.pop("now", {})
    for name, value in changes.items():
        setattr(view, name, value)
    return view


def confirming(fast: float, slow: float) -> MarketView:
    view = MarketView(SYMBOL)
    view.now = {"fast": fast, "slow": slow}
    return view


def evaluate(view: MarketView, **parameters: Any) -> Signal | None:
    return ConservativeScalp(**parameters).evaluate(view)


def test_a_touch_of_the_fast_average_is_bought_with_a_stop_under_it() -> None:
    signal = evaluate(touched())
    assert signal is not None
    assert signal.direction is Direction.LONG
    assert signal.confidence == 0.5
    assert signal.stop == pytest.approx(99.6 - 0.5 * 0.4)
    assert signal.targets == ()
    assert signal.setup == "dip"
    assert signal.reason == (
        "trend up: EMA(20) 100.1 above EMA(50) 98.1; pullback to 99.8 closed back above the fast EMA at 100.5; "
        "ATR(14) is 0.0040 of the price."
    )


def test_a_turn_of_rsi_is_bought_and_both_together_are_surer() -> None:
    dip = touched(before={"rsi": 44.9}, now={"rsi": 45.0}, previous_bar=Bar(100.2, 101.0, 100.1, 100.9, 1.0))
    signal = evaluate(dip)
    assert signal is not None
    assert "RSI(14) turned up from 44.9 to 45.0" in signal.reason
    assert "pullback" not in signal.reason
    assert signal.setup == "rsi"
    assert signal.confidence == 0.5
    both = evaluate(touched(before={"rsi": 40.0}))
    assert both is not None
    assert both.confidence == pytest.approx(0.65)
    assert both.setup == "dip+rsi"
    surest = evaluate(touched(before={"rsi": 40.0}, confirm=confirming(101.0, 100.0)))
    assert surest is not None
    assert surest.confidence == pytest.approx(0.8)
    assert "longer timeframe agrees: 101 above 100" in surest.reason


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"now": {"fast": 98.1, "slow": 98.1}, "before": {"fast": 98.0, "slow": 98.1}}, "no trend"),
        ({"now": {"slow": 100.6, "fast": 100.7}}, "closed under the slow average"),
        ({"previous_bar": Bar(100.2, 100.3, 99.6, 100.0, 1.0)}, "the bar before closed at the fast average already"),
        ({"bar": Bar(100.4, 100.6, 100.2, 100.5, 1.0)}, "did not come down to the fast average"),
        ({"bar": Bar(99.9, 100.6, 99.8, 100.1, 1.0)}, "did not close above the fast average"),
        ({"now": {"rsi": 70.0}}, "overbought"),
        ({"now": {"atr": 0.07}}, "too quiet"),
        ({"now": {"atr": 2.1}}, "too wild"),
        ({"confirm": confirming(99.0, 100.0)}, "the longer trend is down"),
        ({"confirm": confirming(100.0, 100.0)}, "the longer trend is flat"),
        ({"confirm": confirming(NAN, NAN)}, "the longer timeframe is not warm"),
        ({"now": {"fast": NAN}}, "not warm"),
        ({"now": {"slow": NAN}}, "not warm"),
        ({"now": {"rsi": NAN}}, "not warm"),
        ({"now": {"atr": NAN}}, "not warm"),
        ({"before": dict.fromkeys(BEFORE, NAN)}, "not warm"),
    ],
)
def test_one_missing_condition_is_enough_to_stay_out(changes: dict[str, Any], why: str) -> None:
    assert evaluate(touched(**changes)) is None, why


def test_nothing_is_bought_twice_but_a_broken_trend_is_still_left() -> None:
    view = touched()
    assert evaluate(view) is not None
    view.holding = True
    assert evaluate(view) is None


@pytest.mark.parametrize("atr", [0.08040, 2.01])
def test_the_bounds_of_movement_are_inclusive(atr: float) -> None:
    assert evaluate(touched(now={"atr": atr}), atr_min=0.0008, atr_max=0.02) is not None


def test_a_dip_that_does_not_reach_the_level_again_is_left_alone() -> None:
    calm = Bar(100.2, 101.0, 100.1, 100.9, 1.0)
    assert evaluate(touched(before={"rsi": 40.0}, now={"rsi": 44.9}, previous_bar=calm)) is None
    assert evaluate(touched(before={"rsi": 45.0}, now={"rsi": 46.0}, previous_bar=calm)) is None


def test_a_broken_trend_is_left_on_the_bar_it_breaks() -> None:
    signal = evaluate(touched(before={"fast": 98.0, "slow": 98.0}, now={"fast": 97.9, "slow": 98.0}))
    assert signal == Signal(Direction.SHORT, 0.5, "Trend broken: EMA(20) 97.9 fell below EMA(50) 98.")
    assert evaluate(touched(before={"fast": 97.9, "slow": 98.0}, now={"fast": 97.0, "slow": 98.0})) is None
    assert evaluate(touched(before={"fast": NAN, "slow": NAN}, now={"fast": 97.0, "slow": 98.0})) is None


def test_a_stop_below_nothing_is_not_an_opinion() -> None:
    signal = evaluate(touched(now={"atr": 2.0}), stop_atr=10.0)
    assert signal is not None
    assert signal.stop == pytest.approx(79.6)
    view = touched(now={"atr": 0.8}, bar=Bar(99.9, 100.6, 0.5, 100.5, 1.0))
    signal = evaluate(view, stop_atr=1.0)
    assert signal is not None
    assert signal.stop is None


def test_it_declares_what_it_reads() -> None:
    strategy = ConservativeScalp(fast=5, slow=9, rsi=7, atr=30)
    assert strategy.indicators() == {"fast": Ema(5), "slow": Ema(9), "rsi": Rsi(7), "atr": Atr(30)}
    assert strategy.confirm_indicators() == {"fast": Ema(5), "slow": Ema(9)}
    assert strategy.warmup == 90


def test_pairs_of_parameters_must_be_the_right_way_round() -> None:
    with pytest.raises(ConfigError, match="conservative_scalp needs fast < slow"):
        ConservativeScalp(fast=50)
    with pytest.raises(ConfigError, match="conservative_scalp needs atr_min < atr_max"):
        ConservativeScalp(atr_min=0.02)
    with pytest.raises(ConfigError, match="rsi_dip must lie within"):
        ConservativeScalp(rsi_dip=0.0)


@pytest.mark.parametrize("name", ["binance_BTCUSDT_5m_2024", "binance_PEPEUSDT_5m_2024"])
def test_it_finds_pullbacks_in_a_real_year(market_data: Path, name: str) -> None:
    series = read(market_data, name, "5m")
    for confirm in (None, "1h"):
        assert len(opinions(series, "5m", confirm)) > 30


def test_it_finds_pullbacks_in_hourly_luna(market_data: Path) -> None:
    found = opinions(read(market_data, "binance_LUNAUSDT_1h_2020-2022_collapse", "1h"), "1h", "4h")
    assert len(found) > 30


def opinions(series: list[Any], timeframe: str, confirm: str | None) -> list[Signal]:
    strategy = ConservativeScalp()
    longer = None if confirm is None else Timeframe.parse(confirm)
    carried = Series.of(strategy, SYMBOL, Timeframe.parse(timeframe), longer)
    found = []
    for each in series:
        view = carried.update(each)
        signal = strategy.evaluate(view) if view.bars_seen >= strategy.warmup else None
        if signal is not None and signal.direction is Direction.LONG:
            assert signal.stop is None or 0 < signal.stop < each.bar.close
            found.append(signal)
    return found
