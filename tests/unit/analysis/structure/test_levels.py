from __future__ import annotations

import math

import numpy as np
import pytest

from investbot.analysis.analyser import Bars, columns
from investbot.analysis.structure.levels import PreviousExtremes, RoundPrices, round_prices, round_step
from investbot.analysis.structure.premium import DealingRange
from investbot.domain.market import DAY, HOUR, Bar
from tests.unit.analysis.structure.shapes import drawn


@pytest.mark.parametrize(
    ("price", "step", "below", "above"),
    [
        (63_250.0, 1000.0, 63_000.0, 63_500.0),
        (63_500.0, 1000.0, 63_500.0, 64_000.0),
        (99_999.0, 1000.0, 99_500.0, 100_000.0),
        (100_000.0, 10_000.0, 100_000.0, 105_000.0),
        (1.0, 0.1, 1.0, 1.05),
        (0.7, 0.01, 0.7, 0.705),
        (0.0000123, 0.000001, 0.000012, 0.0000125),
        (0.0000011, 0.0000001, 0.0000011, 0.00000115),
        (math.nextafter(0.7, 0.0), 0.01, 0.695, 0.7),
        (math.nextafter(0.00005, 0.0), 0.000001, 0.0000495, 0.00005),
    ],
)
def test_round_prices_scale_with_the_price(price: float, step: float, below: float, above: float) -> None:
    assert round_step(price) == pytest.approx(step)
    assert round_prices(price) == (below, above)


@pytest.mark.parametrize("price", [0.0, -1.0, math.inf, math.nan])
def test_what_is_no_price_has_none(price: float) -> None:
    assert math.isnan(round_step(price))
    assert all(math.isnan(level) for level in round_prices(price))


def test_every_price_lies_between_its_round_prices() -> None:
    rng = np.random.default_rng(3)
    for price in 10 ** rng.uniform(-7, 6, 5000):
        below, above = round_prices(float(price))
        assert below <= price < above
        assert above - below == pytest.approx(round_step(float(price)) / 2, rel=1e-6)


def test_lines_follow_the_close() -> None:
    below, above = RoundPrices().over(drawn([(1, 1, 1, price) for price in (10.2, 10.4, 10.6)]))
    assert below.tolist() == [10.0, 10.0, 10.5]
    assert above.tolist() == [10.5, 10.5, 11.0]


def test_what_has_to_come_before_a_value() -> None:
    assert (RoundPrices().lookback, PreviousExtremes().lookback, DealingRange(3).lookback) == (0, 1, 6)


def hourly(highs: list[float], first_close: int) -> Bars:
    bars = [Bar(high, high, high - 1.0, high, 1.0) for high in highs]
    return columns(bars, [first_close + index * HOUR for index in range(len(highs))])


def test_the_extremes_of_the_day_before_come_with_the_first_bar_of_the_next() -> None:
    bars = hourly([5.0, 7.0, 6.0, 3.0, 4.0], first_close=DAY - 2 * HOUR)
    day_high, day_low, week_high, _ = PreviousExtremes().over(bars)
    assert np.isnan(day_high[:3]).all()
    assert day_high[3:].tolist() == [7.0, 7.0]
    assert day_low[3:].tolist() == [4.0, 4.0]
    assert np.isnan(week_high).all()


def test_a_bar_that_closes_at_midnight_belongs_to_the_day_that_ends() -> None:
    day_high, *_ = PreviousExtremes().over(hourly([5.0, 9.0, 1.0], first_close=DAY - HOUR))
    assert day_high[2] == 9.0


def test_weeks_begin_on_monday() -> None:
    monday = 4 * DAY
    _, _, week_high, week_low = PreviousExtremes().over(hourly([5.0, 8.0, 2.0], first_close=monday - HOUR))
    assert np.isnan(week_high[:2]).all()
    assert (week_high[2], week_low[2]) == (8.0, 4.0)


def test_the_dealing_range_tells_premium_from_discount() -> None:
    rows = [(3, 4, 3, 4), (4, 6, 4, 5), (5, 5, 3, 3), (3, 4, 2, 3), (3, 4.5, 3, 4.5), (4.5, 6.5, 3.5, 6.5)]
    low, high, position = DealingRange(1).over(drawn(rows))
    assert np.isnan(position[:4]).all()
    assert (low[4], high[4], position[4]) == (2.0, 6.0, 0.625)
    assert position[5] == pytest.approx(1.125)


def test_a_range_turned_over_is_none() -> None:
    rows = [(9, 9, 8, 9), (9, 9, 6, 7), (7, 8, 7, 8), (4, 5, 4, 4), (3, 5.5, 3, 4), (4, 4, 2, 3), (3, 3, 2.5, 3)]
    low, high, _ = DealingRange(1).over(drawn(rows))
    assert np.isnan(low[5])
    assert np.isnan(high[5])
    assert (low[6], high[6]) == (2.0, 5.5)
