"""What kind of market it is: four measures, their bounds, and a regime that does not flap."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import talib

from investbot.analysis.regime import Regime, Regimes, _Hysteresis, found
from investbot.domain.errors import ConfigError
from tests.unit.analysis.faces import ODD_SERIES, real_bars, walk_bars

NAN = math.nan
FREE = -1


def test_the_measures_are_what_they_say() -> None:
    bars = walk_bars(600)
    _, adx, volatility, efficiency, ratio = Regimes(rank=50, window=10, step=4, variance=60).over(bars)
    close, at = bars.close, 500
    assert np.array_equal(adx, talib.ADX(bars.high, bars.low, close, 14), equal_nan=True)
    ranges = talib.ATR(bars.high, bars.low, close, 14) / close
    assert volatility[at] == pytest.approx((ranges[at - 50 : at] < ranges[at]).mean())
    moves = np.abs(np.diff(close[at - 10 : at + 1])).sum()
    assert efficiency[at] == pytest.approx(abs(close[at] - close[at - 10]) / moves)
    single, several = close[1:] / close[:-1] - 1, close[4:] / close[:-4] - 1
    wanted = several[at - 4 - 59 : at - 3].var() / (4 * single[at - 1 - 59 : at].var())
    assert ratio[at] == pytest.approx(wanted)


TREND, RANGE, VOLATILE, QUIET = 1, 0, 2, 3


@pytest.mark.parametrize(
    ("measures", "held", "wanted"),
    [
        ((0.0, 0.85, 0.0, 0.0), FREE, VOLATILE),
        ((0.0, 0.849, 0.0, 0.0), FREE, RANGE),
        ((0.0, 0.70, 0.0, 0.0), VOLATILE, VOLATILE),
        ((0.0, 0.699, 0.0, 0.0), VOLATILE, RANGE),
        ((0.0, 0.15, 0.0, 0.0), FREE, QUIET),
        ((0.0, 0.151, 0.0, 0.0), FREE, RANGE),
        ((0.0, 0.30, 0.0, 0.0), QUIET, QUIET),
        ((0.0, 0.301, 0.0, 0.0), QUIET, RANGE),
        ((25.0, 0.5, 0.35, 0.0), FREE, TREND),
        ((25.0, 0.5, 0.0, 1.1), FREE, TREND),
        ((0.0, 0.5, 0.35, 1.1), FREE, TREND),
        ((25.0, 0.5, 0.349, 1.09), FREE, RANGE),
        ((24.9, 0.5, 0.35, 1.09), FREE, RANGE),
        ((24.9, 0.5, 0.349, 1.1), FREE, RANGE),
        ((20.0, 0.5, 0.25, 0.0), TREND, TREND),
        ((20.0, 0.5, 0.0, 1.0), TREND, TREND),
        ((19.9, 0.5, 0.25, 0.99), TREND, RANGE),
        ((20.0, 0.5, 0.249, 0.99), TREND, RANGE),
        ((40.0, 0.9, 0.9, 2.0), TREND, VOLATILE),
        ((40.0, 0.1, 0.9, 2.0), TREND, QUIET),
        ((25.0, 0.5, 0.35, NAN), FREE, TREND),
        ((25.0, 0.5, 0.0, NAN), FREE, RANGE),
    ],
)
def test_bounds_and_their_near_misses(measures: tuple[float, float, float, float], held: int, wanted: int) -> None:
    assert found(*measures, held) == wanted


WILD, CALM = (0.0, 0.9, 0.0, 0.0), (0.0, 0.5, 0.0, 0.0)
DEAD = (0.0, 0.1, 0.0, 0.0)


def held(confirm: int, *measures: tuple[float, float, float, float]) -> list[int]:
    holding = _Hysteresis(confirm)
    return [int(holding.update(found(*each, holding.held))) for each in measures]


def test_the_first_bar_decides_at_once_and_the_next_regime_must_be_confirmed() -> None:
    assert held(3, WILD, CALM, CALM, CALM) == [VOLATILE, VOLATILE, VOLATILE, RANGE]
    assert held(1, WILD, CALM) == [VOLATILE, RANGE]


def test_a_regime_that_comes_back_begins_the_count_again() -> None:
    assert held(3, CALM, WILD, WILD, CALM, WILD, WILD, WILD) == [0, 0, 0, 0, 0, 0, VOLATILE]
    assert held(2, CALM, WILD, DEAD, WILD, DEAD, DEAD) == [0, 0, 0, 0, 0, QUIET]


@pytest.mark.parametrize(
    ("name", "timeframe"),
    [("binance_BTCUSDT_5m_2024", "5m"), ("binance_PEPEUSDT_5m_2024", "5m"), ("fx_EURUSD_4h_2012-2022", "4h")],
)
def test_hysteresis_halves_the_flapping_on_real_markets(market_data: Path, name: str, timeframe: str) -> None:
    bars = real_bars(market_data, name, timeframe, most=12_000)
    regimes, *measures = Regimes().over(bars)
    known = ~np.isnan(regimes)
    rows = zip(*(line[known].tolist() for line in measures), strict=True)
    bare = [found(adx, volatility, efficiency, ratio, FREE) for adx, volatility, efficiency, ratio in rows]
    flips, raw = int((np.diff(regimes[known]) != 0).sum()), int((np.diff(bare) != 0).sum())
    assert 20 < flips <= raw * 0.45
    assert set(regimes[known].tolist()) == {float(regime) for regime in Regime}


def test_a_market_that_stands_still_is_quiet_and_one_that_climbs_trends() -> None:
    still = Regimes().over(ODD_SERIES["constant price"])[0]
    assert set(still[~np.isnan(still)].tolist()) == {float(Regime.QUIET)}
    bars = walk_bars(700)
    rise = np.cumprod(np.full(700, 1.002))
    climbing = bars._replace(open=bars.open * rise, high=bars.high * rise, low=bars.low * rise, close=bars.close * rise)
    regimes = Regimes().over(climbing)[0]
    assert (regimes == Regime.TREND).mean() > 2 * (Regimes().over(bars)[0] == Regime.TREND).mean()


@pytest.mark.parametrize(
    "terms", [{"adx": 1}, {"rank": 9}, {"window": 1}, {"step": 1}, {"variance": 9}, {"confirm": 0}]
)
def test_terms_that_cannot_be_are_refused(terms: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="A regime's"):
        Regimes(**terms)
