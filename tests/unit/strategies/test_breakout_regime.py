from __future__ import annotations

import math

import pytest

from investbot.analysis.regime import Regime, Regimes
from investbot.domain.market import Bar
from investbot.domain.signal import Direction
from investbot.strategies.breakout_regime import BreakoutRegime
from tests.unit.strategies.views import changed, opinion, says, view_of

NOW = {"upper": 101.0, "middle": 98.0, "regime": float(Regime.TREND), "volume": 1.5, "atr": 1.0}
BEFORE = {"upper": 100.4, "middle": 98.0}


def test_a_breakout_in_a_trend_is_bought() -> None:
    signal = opinion(BreakoutRegime(), view_of(NOW, BEFORE))
    assert (signal.direction, signal.confidence, signal.stop) == (Direction.LONG, 0.55, 98.5)
    assert signal.setup == "trend breakout"
    assert "highest high of 20 bars, 100.4; regime trend; volume 1.5 times the mean" in signal.reason


def test_twice_the_volume_makes_it_surer() -> None:
    assert opinion(BreakoutRegime(), view_of(changed(NOW, volume=2.4), BEFORE)).confidence == pytest.approx(0.65)


def test_a_volatile_market_counts_where_it_is_allowed() -> None:
    view = view_of(changed(NOW, regime=float(Regime.VOLATILE)), BEFORE)
    assert says(BreakoutRegime(), view) is None
    assert opinion(BreakoutRegime(volatile=True), view).setup == "volatile breakout"


@pytest.mark.parametrize(
    "changes",
    [
        {"before": {"upper": 100.5}},
        {"before": {"upper": math.nan}},
        {"now": changed(NOW, volume=1.1)},
        {"now": changed(NOW, volume=math.nan)},
        {"now": changed(NOW, regime=float(Regime.RANGE))},
        {"now": changed(NOW, regime=math.nan)},
        {"holding": True},
    ],
)
def test_what_speaks_against_it(changes: dict[str, object]) -> None:
    view = view_of(**{"now": NOW, "before": BEFORE, **changes})  # type: ignore[arg-type]
    assert says(BreakoutRegime(), view) is None


def test_the_first_close_under_the_middle_is_left() -> None:
    under = view_of(changed(NOW, middle=100.6), {"middle": 100.0}, holding=True)
    assert says(BreakoutRegime(), under) is Direction.SHORT
    already = view_of(changed(NOW, middle=101.5), {"middle": 101.0}, previous_bar=Bar(100, 100, 99, 99, 1))
    assert says(BreakoutRegime(), already) is None


def test_a_stop_under_nought_is_none() -> None:
    assert opinion(BreakoutRegime(), view_of(changed(NOW, atr=90.0), BEFORE)).stop is None


def test_it_declares_what_it_reads() -> None:
    assert set(BreakoutRegime().indicators()) == {"upper", "middle", "regime", "volume", "atr"}
    assert BreakoutRegime().confirm_indicators() == {}
    assert BreakoutRegime().warmup == Regimes().lookback + 1
    assert BreakoutRegime(channel=500).warmup == 1500
