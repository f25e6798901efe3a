from __future__ import annotations

import math

import pytest

from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar
from investbot.domain.signal import Direction
from investbot.strategies.memecoin_scalp import MemecoinScalp
from tests.unit.strategies.views import changed, opinion, says, view_of

BAR = Bar(100.0, 102.0, 99.9, 101.8, 200.0)
NOW = {"fast": 101.0, "slow": 100.0, "atr": 1.0, "mfi": 60.0, "location": 0.9, "volume": 3.0}


def test_a_burst_of_volume_is_bought() -> None:
    signal = opinion(MemecoinScalp(), view_of(NOW, bar=BAR))
    assert signal.direction is Direction.LONG
    assert signal.confidence == pytest.approx(0.6)
    assert signal.stop == pytest.approx(99.9 - 0.25)
    assert "Bought on 3.0 times the mean volume, 20360 traded; close 101.8 1.8 ATR above EMA(30); MFI 60." in (
        signal.reason
    )


def test_more_volume_and_less_reach_make_it_surer() -> None:
    assert opinion(MemecoinScalp(), view_of(changed(NOW, volume=5.0), bar=BAR)).confidence == pytest.approx(0.7)
    assert opinion(MemecoinScalp(), view_of(changed(NOW, slow=99.0), bar=BAR)).confidence == pytest.approx(0.5)


@pytest.mark.parametrize(
    "changes",
    [
        {"now": changed(NOW, volume=2.4)},
        {"now": changed(NOW, volume=math.nan)},
        {"bar": BAR._replace(close=100.0)},
        {"now": changed(NOW, location=0.69)},
        {"now": changed(NOW, fast=101.8)},
        {"now": changed(NOW, slow=101.0)},
        {"now": changed(NOW, mfi=85.0)},
        {"bar": BAR._replace(volume=98.0)},
        {"now": changed(NOW, slow=97.7)},
        {"now": changed(NOW, atr=0.0)},
        {"now": changed(NOW, atr=0.2)},
        {"now": changed(NOW, atr=5.2)},
        {"holding": True},
    ],
)
def test_what_speaks_against_it(changes: dict[str, object]) -> None:
    view = view_of(**{"now": NOW, "bar": BAR, **changes})  # type: ignore[arg-type]
    assert says(MemecoinScalp(), view) is None


def test_selling_on_as_much_volume_is_left() -> None:
    falling = BAR._replace(open=103.0, high=103.0)
    assert says(MemecoinScalp(), view_of(NOW, bar=falling, holding=True)) is Direction.SHORT
    assert says(MemecoinScalp(), view_of(changed(NOW, volume=1.0), bar=falling)) is None


def test_a_falling_cross_is_left() -> None:
    view = view_of(changed(NOW, fast=99.0), {"fast": 100.5, "slow": 100.0}, bar=BAR)
    assert says(MemecoinScalp(), view) is Direction.SHORT
    assert says(MemecoinScalp(), view_of(changed(NOW, fast=99.0), bar=BAR)) is None


def test_a_stop_under_nought_is_none() -> None:
    wide = MemecoinScalp(atr_max=1.0, stop_atr=10.0)
    assert opinion(wide, view_of(changed(NOW, atr=20.0), bar=BAR)).stop is None


@pytest.mark.parametrize(
    ("parameters", "sentence"), [({"fast": 30}, "fast < slow"), ({"atr_min": 0.05}, "atr_min < atr_max")]
)
def test_parameters_the_wrong_way_round_are_refused(parameters: dict[str, float], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        MemecoinScalp(**parameters)  # type: ignore[arg-type]


def test_it_declares_what_it_reads() -> None:
    assert set(MemecoinScalp().indicators()) == set(NOW)
    assert MemecoinScalp().confirm_indicators() == {}
    assert MemecoinScalp().warmup == 90
