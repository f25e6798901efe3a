from __future__ import annotations

import itertools

import pytest

from investbot.analysis.elliott.counts import Count, Elliott, candidates
from investbot.analysis.elliott.waves import Form
from investbot.analysis.findings import Side
from investbot.analysis.structure.swings import Label, Swing
from investbot.analysis.structure.zigzag import ZigZag
from investbot.domain.errors import ConfigError
from investbot.domain.market import MINUTE
from tests.unit.analysis.structure.shapes import drawn

WHOLE = [100.0, 110.0, 105.0, 121.18, 115.0, 125.0]


def turns(prices: list[float], first: Side = Side.LOW) -> list[Swing]:
    made, side = [], first
    for number, price in enumerate(prices):
        made.append(Swing(side, price, Label.FIRST, number, number * MINUTE, number * MINUTE))
        side = Side.LOW if side is Side.HIGH else Side.HIGH
    return made


def impulse(prices: list[float], first: Side = Side.LOW) -> Count:
    (found,) = [
        count
        for count in candidates(turns(prices, first))
        if count.form is Form.IMPULSE and len(count.turns) == len(prices)
    ]
    return found


@pytest.mark.parametrize(
    ("length", "wave", "expects", "invalidation", "target"),
    [
        (3, "3", Side.HIGH, 100.0, 105.0 + 16.18),
        (4, "4", Side.LOW, 121.18, 121.18 - 0.382 * 16.18),
        (5, "5", Side.HIGH, 110.0, 115.0 + 16.18),
        (6, "", Side.LOW, 125.0, 115.0),
    ],
)
def test_each_wave_expects_the_next_and_names_the_price_that_ends_it(
    length: int, wave: str, expects: Side, invalidation: float, target: float
) -> None:
    count = impulse(WHOLE[:length])
    assert (count.wave, count.expects, count.side) == (wave, expects, Side.HIGH)
    assert count.invalidation == invalidation
    assert count.target == pytest.approx(target)


def test_a_falling_impulse_mirrors_it() -> None:
    count = impulse([200.0 - price for price in WHOLE[:5]], Side.HIGH)
    assert (count.side, count.expects) == (Side.LOW, Side.LOW)
    assert count.invalidation == 90.0
    assert count.target == pytest.approx(85.0 - 16.18)


def test_several_counts_live_side_by_side() -> None:
    forms = {(count.form, count.wave) for count in candidates(turns([110.0, 100.0, 105.0, 95.0], Side.HIGH))}
    assert forms == {(Form.ZIGZAG, ""), (Form.IMPULSE, "4"), (Form.IMPULSE, "3")} - {(Form.IMPULSE, "3")}


def test_corrections_expect_the_way_before_them() -> None:
    (count,) = [
        count for count in candidates(turns([110.0, 100.0, 110.0, 100.0], Side.HIGH)) if count.form is Form.FLAT
    ]
    assert (count.side, count.expects) == (Side.LOW, Side.HIGH)
    assert (count.invalidation, count.target) == (100.0, 110.0)


def test_a_rising_correction_expects_a_fall() -> None:
    (count,) = [count for count in candidates(turns([100.0, 110.0, 105.0, 115.0])) if count.form is Form.ZIGZAG]
    assert (count.side, count.expects) == (Side.HIGH, Side.LOW)


def test_a_triangle_expects_the_way_before_it() -> None:
    (count,) = [
        count
        for count in candidates(turns([100.0, 80.0, 95.0, 84.0, 92.0, 86.0], Side.HIGH))
        if count.form is Form.TRIANGLE
    ]
    assert (count.expects, count.side, count.invalidation) == (Side.HIGH, Side.LOW, 86.0)


def test_a_score_under_the_least_is_not_told() -> None:
    prices = [100.0, 110.0, 100.1]
    assert len(candidates(turns(prices))) == 1
    assert candidates(turns(prices), least=0.2) == []


def path(*prices: float) -> list[tuple[float, float, float, float]]:
    """Bars that walk from price to price in ten steps."""
    rows = []
    for before, after in itertools.pairwise(prices):
        for step in range(10):
            low, high = sorted((before + (after - before) * step / 10, before + (after - before) * (step + 1) / 10))
            rows.append((low, high, low, high) if after > before else (high, high, low, low))
    return rows


def test_the_market_is_counted_as_its_turns_become_known() -> None:
    found = Elliott(width=3).over(drawn(path(108.0, *WHOLE, 118.0)))
    best = [(counts.candidates[0].form, counts.candidates[0].wave) for counts in found if counts.candidates]
    assert (Form.IMPULSE, "3") in best
    whole = [count for count in found[-1].candidates if len(count.turns) == 6]
    assert [turn.price for turn in whole[0].turns] == pytest.approx(WHOLE)
    scores = [count.score for count in found[-1].candidates]
    assert scores == sorted(scores, reverse=True)
    assert [counts.known_at for counts in found] == sorted({counts.known_at for counts in found})


def test_turns_alternate_and_the_outer_one_counts() -> None:
    zigzag = ZigZag(4)
    low, high, higher, lower_high, next_low = (
        turns([1.0])[0],
        *(Swing(Side.HIGH, price, Label.FIRST, 1, 1, 1) for price in (5.0, 6.0, 5.5)),
        turns([2.0])[0],
    )
    assert [zigzag.add(swing) for swing in (low, high, higher, lower_high, next_low)] == [True, True, True, False, True]
    assert [turn.price for turn in zigzag.turns] == [1.0, 6.0, 2.0]


@pytest.mark.parametrize("least", [-0.1, 1.1])
def test_a_least_score_that_cannot_be_is_refused(least: float) -> None:
    with pytest.raises(ConfigError, match="from 0 to 1"):
        Elliott(5, least)
