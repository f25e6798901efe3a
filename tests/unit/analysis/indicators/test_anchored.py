"""What begins with a session: VWAP, pivot points, volume profile."""

from __future__ import annotations

import math

import numpy as np
import pytest

from investbot.analysis.analyser import Bars, columns
from investbot.analysis.indicators import Pivots, VolumeProfile, Vwap
from investbot.domain.errors import ConfigError
from investbot.domain.market import DAY, HOUR, Bar
from tests.unit.analysis.faces import walk_bars

MONDAY = 4 * DAY
"""The first Monday after the epoch, 00:00 UTC."""


def hourly(prices: list[float], start: int = MONDAY, volume: float = 1.0) -> Bars:
    bars = [Bar(price, price, price, price, volume) for price in prices]
    return columns(bars, [start + HOUR * (index + 1) for index in range(len(bars))])


def test_vwap_is_the_mean_weighted_by_volume_since_midnight() -> None:
    bars = walk_bars(600)
    vwap, upper, lower = Vwap(width=1.0).over(bars)
    price = (bars.high + bars.low + bars.close) / 3
    days = (bars.closed_at - 1) // DAY
    for end in (0, 5, 287, 288, 400, 599):
        held = (days == days[end]) & (np.arange(600) <= end)
        mean = np.average(price[held], weights=bars.volume[held])
        spread = math.sqrt(np.average((price[held] - mean) ** 2, weights=bars.volume[held]))
        assert vwap[end] == pytest.approx(mean, rel=1e-12)
        assert upper[end] - vwap[end] == pytest.approx(spread, rel=1e-9, abs=1e-12)
        assert vwap[end] - lower[end] == pytest.approx(spread, rel=1e-9, abs=1e-12)


def test_the_bar_that_closes_at_midnight_belongs_to_the_day_that_ends() -> None:
    bars = hourly([10.0] * 24 + [20.0] * 2)
    vwap = Vwap().over(bars)[0]
    assert vwap[23] == 10.0
    assert vwap[24] == 20.0


def test_a_day_may_start_at_another_hour_and_a_week_on_monday() -> None:
    bars = hourly([10.0] * 8 + [20.0] * 4)
    assert Vwap(starts_at_hour=8).over(bars)[0][[7, 8]].tolist() == [10.0, 20.0]
    assert Vwap(starts_at_hour=7).over(bars)[0][8] == 15.0
    week = hourly([10.0, 10.0, 20.0], start=MONDAY + 7 * DAY - 2 * HOUR)
    assert Vwap(session="week").over(week)[0].tolist() == [10.0, 10.0, 20.0]
    assert Vwap(session="week").over(hourly([10.0, 20.0], start=MONDAY + DAY - HOUR))[0][1] == 15.0


def test_without_volume_there_is_no_average() -> None:
    bars = hourly([10.0, 11.0, 12.0])
    bars.volume[0] = 0.0
    vwap, upper, lower = Vwap().over(bars)
    assert math.isnan(vwap[0])
    assert math.isnan(upper[0])
    assert math.isnan(lower[0])
    assert vwap[1:].tolist() == [11.0, 11.5]


def test_pivots_come_from_the_day_before() -> None:
    bars = hourly([10.0, 14.0, 8.0, 12.0], start=MONDAY + DAY - 4 * HOUR)
    after = hourly([13.0, 99.0], start=MONDAY + DAY)
    both = Bars(*(np.concatenate(pair) for pair in zip(bars, after, strict=True)))
    lines = dict(zip(Pivots.lines, (line[-1].item() for line in Pivots().over(both)), strict=True))
    pivot = (14 + 8 + 12) / 3
    assert lines == pytest.approx(
        {
            "pivot": pivot,
            "r1": 2 * pivot - 8,
            "s1": 2 * pivot - 14,
            "r2": pivot + 6,
            "s2": pivot - 6,
            "r3": 14 + 2 * (pivot - 8),
            "s3": 8 - 2 * (14 - pivot),
        }
    )
    assert all(np.isnan(line[:4]).all() for line in Pivots().over(both))
    fibonacci = [line[-1].item() for line in Pivots(kind="fibonacci").over(both)]
    assert fibonacci == pytest.approx(
        [pivot, pivot + 2.292, pivot - 2.292, pivot + 3.708, pivot - 3.708, pivot + 6, pivot - 6]
    )


def test_the_point_of_control_is_where_most_was_traded() -> None:
    spec = VolumeProfile(step=0.01)
    poc = spec.over(hourly([100.0, 103.5, 103.7, 98.2]))[0]
    assert poc.tolist() == pytest.approx([100.5, 100.5, 103.5, 103.5])


def test_the_value_area_of_the_day_before_holds_seven_tenths() -> None:
    spec = VolumeProfile(step=0.01)
    day = [100.2] * 3 + [101.5] * 4 + [102.5] * 2 + [109.5] * 1
    both = Bars(
        *(
            np.concatenate(pair)
            for pair in zip(
                hourly(day, start=MONDAY + DAY - 10 * HOUR), hourly([50.0], start=MONDAY + DAY), strict=True
            )
        )
    )
    _, prior_poc, high, low = (line[-1].item() for line in spec.over(both))
    first = 100.2
    assert prior_poc == pytest.approx(first * 1.015)  # four of ten
    assert (low, high) == pytest.approx((first, first * 1.02))  # three below make seven, and that is enough
    assert math.isnan(spec.over(both)[1][0])


def test_equal_neighbours_are_taken_from_above() -> None:
    spec = VolumeProfile(step=0.01)
    day = [100.0] * 2 + [101.5] * 3 + [102.5] * 2 + [90.0]
    after = hourly([50.0], start=MONDAY + DAY)
    before = hourly(day, start=MONDAY + DAY - 8 * HOUR)
    both = Bars(*(np.concatenate(pair) for pair in zip(before, after, strict=True)))
    _, _, high, low = (line[-1].item() for line in spec.over(both))
    assert (low, high) == pytest.approx((100.0, 103.0))


def test_a_wrong_print_costs_no_time() -> None:
    spec = VolumeProfile(step=0.000001)
    bars = hourly([1.0, 1.0, 1e12] + [1.0] * 30)
    assert spec.over(bars)[1][-1] == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize("kind", [Vwap, Pivots, VolumeProfile])
def test_a_session_that_cannot_be_is_refused(kind: type[Vwap | Pivots | VolumeProfile]) -> None:
    with pytest.raises(ConfigError, match="a day or a week, not 'month'"):
        kind(session="month")
    with pytest.raises(ConfigError, match="from 0 to 23 UTC, not 24"):
        kind(starts_at_hour=24)


def test_other_terms_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="above 0 and at most 100, not 0"):
        Vwap(width=0.0)
    with pytest.raises(ConfigError, match="classic or fibonacci, not 'camarilla'"):
        Pivots(kind="camarilla")
    with pytest.raises(ConfigError, match=r"from 0\.000001 to 0\.1 of the price, not 0\.2"):
        VolumeProfile(step=0.2)
