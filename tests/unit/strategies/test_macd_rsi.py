from __future__ import annotations

import math

import pytest

from investbot.domain.errors import ConfigError
from investbot.domain.signal import Direction
from investbot.strategies.macd_rsi import MacdRsi
from tests.unit.strategies.views import changed, opinion, says, view_of

NOW = {"macd": 0.3, "signal": 0.2, "rsi": 55.0, "atr": 2.0}
BEFORE = {"macd": 0.1, "signal": 0.2}
LONGER = {"macd": 1.0, "signal": 0.5, "rsi": 60.0}


def test_a_rising_cross_with_room_is_bought() -> None:
    signal = opinion(MacdRsi(), view_of(NOW, BEFORE))
    assert (signal.direction, signal.confidence) == (Direction.LONG, 0.5)
    assert signal.stop == pytest.approx(100.5 - 3.0)
    assert "MACD(12,26,9) 0.3 rose above its signal 0.2" in signal.reason


def test_the_longer_timeframe_makes_it_surer_and_so_does_a_cross_below_zero() -> None:
    signal = opinion(MacdRsi(), view_of(NOW, BEFORE, longer=LONGER))
    assert signal.confidence == pytest.approx(0.65)
    assert "longer timeframe agrees: MACD 1, RSI 60.0" in signal.reason
    below = view_of(changed(NOW, macd=-0.1, signal=-0.2), {"macd": -0.3, "signal": -0.2})
    assert opinion(MacdRsi(), below).confidence == pytest.approx(0.6)


@pytest.mark.parametrize(
    "changes",
    [
        {"now": changed(NOW, macd=0.2)},
        {"before": {"macd": 0.25, "signal": 0.2}},
        {"now": changed(NOW, rsi=39.9)},
        {"now": changed(NOW, rsi=70.1)},
        {"now": changed(NOW, rsi=math.nan)},
        {"longer": changed(LONGER, macd=0.5)},
        {"longer": changed(LONGER, rsi=49.9)},
        {"holding": True},
    ],
)
def test_what_speaks_against_it(changes: dict[str, object]) -> None:
    view = view_of(**{"now": NOW, "before": BEFORE, **changes})  # type: ignore[arg-type]
    assert says(MacdRsi(), view) is None


def test_a_falling_cross_is_left_also_while_holding() -> None:
    view = view_of(changed(NOW, macd=0.1), {"macd": 0.3, "signal": 0.2}, holding=True)
    assert says(MacdRsi(), view) is Direction.SHORT
    still = view_of(changed(NOW, macd=0.1), {"macd": 0.1, "signal": 0.2})
    assert says(MacdRsi(), still) is None


def test_a_stop_under_nought_is_none() -> None:
    assert opinion(MacdRsi(), view_of(changed(NOW, atr=90.0), BEFORE)).stop is None


@pytest.mark.parametrize(
    ("parameters", "sentence"), [({"fast": 26}, "fast < slow"), ({"rsi_low": 70.0}, "rsi_low < rsi_high")]
)
def test_parameters_the_wrong_way_round_are_refused(parameters: dict[str, float], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        MacdRsi(**parameters)  # type: ignore[arg-type]


def test_it_declares_what_it_reads() -> None:
    assert set(MacdRsi().indicators()) == {"macd", "signal", "rsi", "atr"}
    assert set(MacdRsi().confirm_indicators()) == {"macd", "signal", "rsi"}
    assert MacdRsi().warmup == 105
