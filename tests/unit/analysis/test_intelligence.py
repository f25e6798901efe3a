"""The outlook: many items in one number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from investbot.analysis.intelligence import outlook
from investbot.domain.intelligence import EVERYWHERE, IntelligenceItem
from investbot.domain.market import HOUR
from investbot.domain.reading import Bias

NOON = 1_704_110_400_000
BTC = "BTC/USDT"


def item(
    bias: float, confidence: float = 1.0, *, symbol: str = BTC, name: str = "1", text: str = ""
) -> IntelligenceItem:
    return IntelligenceItem("news", symbol, bias, confidence, NOON, NOON + HOUR, name, text)


def test_nothing_known_is_no_outlook() -> None:
    assert outlook([], BTC, NOON) is None
    assert outlook([item(1.0, symbol="ETH/USDT")], BTC, NOON) is None
    assert outlook([item(1.0, 0.0)], BTC, NOON) is None
    assert outlook([item(1.0)], BTC, NOON + HOUR) is None


@pytest.mark.parametrize(
    ("items", "value"),
    [
        ([item(0.5, 0.4)], 0.2),  # one doubtful item says little
        ([item(0.5), item(0.5, name="2")], 0.5),  # many sure ones their mean
        ([item(1.0), item(-1.0, name="2")], 0.0),
        ([item(1.0, 0.75), item(-1.0, 0.25, name="2")], 0.5),
        ([item(1.0), item(0.0, name="2", symbol=EVERYWHERE)], 0.5),
    ],
)
def test_the_value_is_the_weighted_mean_and_little_where_little_is_known(
    items: list[IntelligenceItem], value: float
) -> None:
    found = outlook(items, BTC, NOON)
    assert found is not None
    assert found.value == pytest.approx(value)
    assert found.items == len(items)


def test_it_fades_with_its_items() -> None:
    seen = [outlook([item(1.0)], BTC, NOON + part * HOUR // 4) for part in range(4)]
    assert [round(each.value, 2) for each in seen if each] == [1.0, 0.75, 0.5, 0.25]


def test_the_evidence_names_the_heaviest_items() -> None:
    items = [item(0.1 * number, name=str(number), text=f"t{number}") for number in range(1, 6)]
    found = outlook(items, BTC, NOON)
    assert found is not None
    assert found.evidence == "Outside +0.30 of 5: news +0.50 t5; news +0.40 t4; news +0.30 t3"


@pytest.mark.parametrize(
    ("bias", "weight", "leans", "strength"),
    [
        (0.5, 1.0, Bias.BULLISH, 0.5),
        (-0.5, 0.5, Bias.BEARISH, 0.25),
        (0.0, 1.0, Bias.NEUTRAL, 0.0),
        (1.0, 9.0, Bias.BULLISH, 1.0),
    ],
)
def test_it_can_be_weighed_with_others(bias: float, weight: float, leans: Bias, strength: float) -> None:
    found = outlook([item(bias)], BTC, NOON)
    assert found is not None
    reading = found.reading(NOON, weight)
    assert (reading.bias, reading.known_at) == (leans, NOON)
    assert reading.strength == pytest.approx(strength)


@given(
    st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 1), st.integers(-HOUR, HOUR), st.integers(1, HOUR)), max_size=20),
    st.integers(NOON - HOUR, NOON + 2 * HOUR),
)
def test_an_outlook_never_leaves_its_bounds(told: list[tuple[float, float, int, int]], at: int) -> None:
    items = [
        IntelligenceItem("news", BTC, bias, sure, NOON + begin, NOON + begin + life, str(number))
        for number, (bias, sure, begin, life) in enumerate(told)
    ]
    found = outlook(items, BTC, at)
    alive = [item for item in items if item.weight(at) > 0.0]
    assert (found is None) == (not alive)
    if found is not None:
        assert -1.0 <= found.value <= 1.0
        assert min(0.0, *(item.bias for item in alive)) - 1e-9 <= found.value
        assert found.value <= max(0.0, *(item.bias for item in alive)) + 1e-9
