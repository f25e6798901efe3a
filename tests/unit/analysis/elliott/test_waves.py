"""One test a rule, one near miss a rule; prices are the start and the ends of waves 1, 2, …"""

from __future__ import annotations

import pytest

from investbot.analysis.elliott.waves import (
    flat_score,
    impulse_breaks,
    impulse_score,
    nearness,
    triangle_score,
    zigzag_score,
)

WHOLE = [100.0, 110.0, 105.0, 121.18, 115.0, 125.0]


def test_five_waves_that_keep_the_rules() -> None:
    for length in (3, 4, 5, 6):
        assert impulse_breaks(WHOLE[:length]) == ""


@pytest.mark.parametrize(
    ("prices", "rule"),
    [
        ([100.0, 99.0, 98.0], "wrong way"),
        ([100.0, 110.0, 110.0], "wrong way"),
        ([100.0, 110.0, 99.9], "wave 2 gives back more"),
        ([100.0, 110.0, 105.0, 110.0], "wave 3 does not go beyond"),
        ([100.0, 110.0, 105.0, 121.0, 110.0], "wave 4 enters"),
        ([100.0, 110.0, 105.0, 121.0, 115.0, 115.0], "wave 5 goes the wrong way"),
        ([100.0, 110.0, 105.0, 114.9, 111.0, 121.1], "wave 3 is the shortest"),
    ],
)
def test_a_broken_rule_is_named(prices: list[float], rule: str) -> None:
    assert rule in impulse_breaks(prices)


@pytest.mark.parametrize(
    "prices",
    [
        [100.0, 110.0, 100.0],
        [100.0, 110.0, 105.0, 110.1],
        [100.0, 110.0, 105.0, 121.0, 110.1],
        [100.0, 110.0, 105.0, 121.0, 115.0, 115.1],
        [100.0, 110.0, 105.0, 114.9, 111.0, 120.8],
        [100.0, 110.0, 105.0, 115.0, 111.0, 121.0],
    ],
)
def test_a_near_miss_keeps_it(prices: list[float]) -> None:
    assert impulse_breaks(prices) == ""


def test_nearness_falls_from_one_to_nothing_within_a_quarter() -> None:
    assert nearness(0.618, 0.618) == 1.0
    assert nearness(0.618 * 1.125, 0.618) == pytest.approx(0.5)
    assert nearness(0.618 * 1.25, 0.618) == pytest.approx(0.0)
    assert nearness(5.0, 0.5, 0.618) == 0.0
    assert nearness(0.5, 0.618, 0.5) == 1.0


def test_an_impulse_by_the_book_scores_full() -> None:
    third = 16.18
    four = 105.0 + third - 0.382 * third
    book = [100.0, 110.0, 105.0, 105.0 + third, four, four + 16.18]
    scores = [impulse_score(book[:length]) for length in (3, 4, 5, 6)]
    assert scores[:2] == pytest.approx([1.0, 1.0])
    assert scores[2] == pytest.approx((1 + 1 + 1 + 0.118 / 0.2) / 4)
    assert scores[3] == pytest.approx((1 + 1 + 1 + 0.118 / 0.2 + 1) / 5)


def test_waves_that_alternate_score_more() -> None:
    alike = impulse_score([100.0, 110.0, 106.18, 122.36, 116.18])
    deep_then_shallow = impulse_score([100.0, 110.0, 103.82, 120.0, 113.82])
    assert deep_then_shallow > alike


def test_a_fifth_wave_of_1618_scores_more_than_one_of_130() -> None:
    four = WHOLE[:5]
    assert impulse_score([*four, 115.0 + 16.18]) > impulse_score([*four, 115.0 + 13.0])


def test_a_zigzag_by_the_book_scores_full() -> None:
    assert zigzag_score([110.0, 100.0, 105.0, 95.0]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("prices", "is_one"),
    [
        ([110.0, 100.0, 107.86, 97.86], True),
        ([110.0, 100.0, 107.9, 97.9], False),
        ([110.0, 100.0, 105.0, 99.9], False),
        ([110.0, 100.0, 106.0, 99.8], True),
        ([110.0, 100.0, 105.0, 100.0], False),
        ([110.0, 100.0, 106.0, 89.83], True),
        ([110.0, 100.0, 106.0, 89.8], False),
        ([100.0, 110.0, 105.0, 115.0], False),
    ],
)
def test_a_zigzag_keeps_its_bounds(prices: list[float], *, is_one: bool) -> None:
    assert (zigzag_score(prices) is not None) is is_one


def test_a_flat_by_the_book_scores_full() -> None:
    assert flat_score([110.0, 100.0, 110.0, 100.0]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("prices", "is_one"),
    [
        ([110.0, 100.0, 108.0, 98.0], True),
        ([110.0, 100.0, 107.9, 97.0], False),
        ([110.0, 100.0, 110.1, 99.0], False),
        ([110.0, 100.0, 109.0, 99.1], False),
        ([110.0, 100.0, 109.0, 92.83], True),
        ([110.0, 100.0, 109.0, 92.8], False),
        ([100.0, 110.0, 101.0, 112.0], False),
    ],
)
def test_a_flat_keeps_its_bounds(prices: list[float], *, is_one: bool) -> None:
    assert (flat_score(prices) is not None) is is_one


def test_a_contracting_triangle_by_the_book_scores_full() -> None:
    prices, leg, side = [100.0], 20.0, -1
    for _ in range(5):
        prices.append(prices[-1] + side * leg)
        leg, side = leg * 0.618, -side
    assert triangle_score(prices) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("prices", "is_one"),
    [
        ([100.0, 80.0, 95.0, 84.0, 92.0, 86.0], True),
        ([100.0, 80.0, 100.0, 84.0, 92.0, 86.0], False),
        ([100.0, 80.0, 95.0, 84.0, 92.0, 84.0], False),
        ([100.0, 100.0, 95.0, 84.0, 92.0, 86.0], False),
        ([100.0, 80.0, 95.0, 84.0, 92.0, 92.0], False),
    ],
)
def test_a_triangle_contracts_with_every_leg(prices: list[float], *, is_one: bool) -> None:
    assert (triangle_score(prices) is not None) is is_one
