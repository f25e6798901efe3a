from __future__ import annotations

import math

import pytest

from investbot.analysis.analyser import Bars, columns
from investbot.analysis.findings import Side
from investbot.analysis.structure.liquidity import MOST, Liquidity, Pool, State, _Tide
from investbot.domain.errors import ConfigError
from investbot.domain.market import DAY, HOUR, MINUTE, Bar, Millis
from tests.unit.analysis.structure.shapes import drawn, warm

Row = tuple[float, float, float, float]


def peak(top: float) -> list[Row]:
    """Three bars up to `top` and down again."""
    return [(10, 10.6, 9.6, 10.1), (10.1, top, 9.8, 10.2), (10.2, 10.6, 9.7, 10)]


def trough(bottom: float) -> list[Row]:
    return [(10, 10.3, 9.4, 9.9), (9.9, 10.2, bottom, 9.8), (9.8, 10.3, 9.4, 10)]


def equal(rows: list[Row], side: Side = Side.HIGH, tolerance: float = 0.1, memory: int = 10) -> list[Pool]:
    found = Liquidity(1, tolerance, memory).over(drawn([*warm(10), *rows]))
    return [pool for pool in found if pool.source == "equal" and pool.side is side]


def test_two_highs_at_one_price_are_a_pool_at_the_outer_one() -> None:
    (pool,) = equal([*peak(12.0), *peak(11.95)])
    assert (pool.level, pool.touches, pool.state) == (12.0, 2, State.RESTING)
    assert math.isnan(pool.extreme)
    assert pool.at < pool.known_at


def test_two_lows_mirror_them() -> None:
    (pool,) = equal([*trough(8.0), *trough(8.05)], Side.LOW)
    assert (pool.level, pool.touches) == (8.0, 2)


def test_highs_further_apart_than_the_tolerance_are_not_equal() -> None:
    assert equal([*peak(12.0), *peak(11.8)]) == []


def test_a_second_high_a_little_over_the_first_is_equal_too() -> None:
    (pool,) = equal([*peak(12.0), *peak(12.05)])
    assert pool.level == 12.05


def test_a_high_passed_by_more_is_forgotten() -> None:
    assert equal([*peak(12.0), *peak(13.0), *peak(12.0)]) == []


def test_more_touches_are_counted() -> None:
    assert [pool.touches for pool in equal([*peak(12.0), *peak(11.95), *peak(11.98)])] == [2, 3]


def test_only_the_last_swings_are_remembered() -> None:
    rows = [*peak(12.0), *peak(11.5), *peak(11.98)]
    assert len(equal(rows, memory=2)) == 1
    assert equal(rows, memory=1) == []


@pytest.mark.parametrize(
    ("bar", "state"),
    [
        ((10, 12.0, 10, 11), State.RESTING),
        ((10, 12.5, 10, 11.9), State.SWEPT),
        ((10, 12.5, 10, 12.0), State.SWEPT),
        ((10, 12.5, 10, 12.3), State.TAKEN),
    ],
)
def test_a_bar_sweeps_or_takes_a_pool(bar: Row, state: State) -> None:
    found = equal([*peak(12.0), *peak(11.95), bar])
    assert found[-1].state is state
    if state is not State.RESTING:
        assert (found[-1].extreme, found[-1].level) == (12.5, 12.0)


@pytest.mark.parametrize(("bar", "state"), [((10, 10, 7.5, 8.1), State.SWEPT), ((10, 10, 7.5, 7.9), State.TAKEN)])
def test_a_pool_under_the_market_too(bar: Row, state: State) -> None:
    assert equal([*trough(8.0), *trough(8.05), bar], Side.LOW)[-1].state is state


def test_a_pool_ends_once() -> None:
    found = equal([*peak(12.0), *peak(11.95), (10, 12.5, 10, 11), (11, 12.6, 10, 11)])
    assert [pool.state for pool in found] == [State.RESTING, State.SWEPT]


def hourly(prices: list[float], begin: Millis = 0) -> Bars:
    bars = [Bar(price, price + 0.5, price - 0.5, price, 1.0) for price in prices]
    return columns(bars, [begin + (index + 1) * HOUR for index in range(len(prices))])


def test_the_extremes_of_a_session_rest_once_it_is_over() -> None:
    found = [pool for pool in Liquidity().over(hourly([10.0] * 5 + [12.0] + [10.0] * 6)) if pool.source == "Asia"]
    assert [(pool.side, pool.level, pool.state) for pool in found] == [
        (Side.HIGH, 12.5, State.RESTING),
        (Side.LOW, 9.5, State.RESTING),
    ]
    assert {pool.known_at for pool in found} == {9 * HOUR}


def test_the_extremes_of_a_day_rest_from_the_next_day_on() -> None:
    found = Liquidity().over(hourly([20.0] * 3 + [10.0] * 24))
    days = [(pool.side, pool.level, pool.known_at) for pool in found if pool.source == "day"]
    # The low is that of the session of Asia already, and told once.
    assert days == []
    highs = {pool.source for pool in found if pool.level == 20.5}
    assert highs == {"Asia"}


def test_a_day_tells_the_levels_that_no_session_has() -> None:
    prices = [10.0] * 22 + [20.0, 10.0] + [10.0] * 2
    found = Liquidity().over(hourly(prices))
    assert [(pool.source, pool.level, pool.known_at) for pool in found if pool.level == 20.5] == [
        ("day", 20.5, DAY + HOUR)
    ]


def test_what_the_telling_bar_is_beyond_is_no_pool() -> None:
    prices = [10.0] * 22 + [20.0, 10.0] + [30.0] * 2
    assert not [pool for pool in Liquidity().over(hourly(prices)) if pool.level == 20.5]


def test_weeks_are_told() -> None:
    prices = [10.0] * 22 + [20.0, 10.0] + [10.0] * 2
    sources = {pool.source for pool in Liquidity().over(hourly(prices, begin=3 * DAY)) if pool.level == 20.5}
    assert sources == {"day"}
    falling = [30.0] * 22 + [40.0, 30.0] + [float(price) for price in range(30, 0, -1)]
    assert {pool.source for pool in Liquidity().over(hourly(falling, begin=2 * DAY)) if pool.level == 40.5} == {"day"}
    lows = [10.0] * 22 + [5.0, 10.0] + [12.0] * 24 + [12.0] * 2
    weekly = Liquidity().over(hourly(lows, begin=2 * DAY))
    assert {pool.source for pool in weekly if pool.level == 4.5} == {"day"}


def test_a_week_tells_the_levels_that_no_day_has() -> None:
    tide = _Tide(memory=10)
    tide.extremes((math.nan, math.nan, 20.0, 5.0), 10.0, 9.0, DAY)
    assert [(pool.side, pool.source, pool.level) for pool in tide.found] == [
        (Side.HIGH, "week", 20.0),
        (Side.LOW, "week", 5.0),
    ]
    tide.extremes((19.0, 5.0, 20.0, 5.0), 10.0, 9.0, DAY)
    assert [(pool.source, pool.level) for pool in tide.found[2:]] == [("day", 19.0)]


def test_the_pool_furthest_away_is_forgotten_beyond_a_number() -> None:
    rows: list[Row] = []
    for step in range(MOST + 1):
        low = 8.0 - 0.2 * (MOST - step) / MOST
        rows += [*trough(low), *trough(low)]
    found = equal(rows, Side.LOW, tolerance=0.001)
    made = [pool for pool in found if pool.state is State.RESTING]
    assert len(made) == MOST + 1
    after = equal([*rows, (10, 10, 1, 1)], Side.LOW, tolerance=0.001)
    taken = [pool for pool in after if pool.state is State.TAKEN]
    assert len(taken) == MOST
    assert min(pool.level for pool in made) not in {pool.level for pool in taken}


@pytest.mark.parametrize(
    ("numbers", "sentence"), [((3, 2.1, 10), "tolerance"), ((3, 0.1, 0), "memory"), ((0, 0.1, 10), "width")]
)
def test_numbers_that_cannot_be_are_refused(numbers: tuple[int, float, int], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Liquidity(*numbers)


def test_bars_are_a_minute_here() -> None:
    assert drawn(warm(10)).closed_at[0] == MINUTE
