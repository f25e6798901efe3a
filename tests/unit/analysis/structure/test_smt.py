from __future__ import annotations

import pytest

from investbot.analysis.analyser import Bars
from investbot.analysis.findings import Side
from investbot.analysis.structure.smt import Divergence, Smt
from investbot.domain.errors import ConfigError
from tests.unit.analysis.faces import walk_bars
from tests.unit.analysis.structure.shapes import drawn


def highs(*tops: float, shift: int = 0) -> Bars:
    """A swing high every fourth bar, lows that never swing."""
    rows = [(1.0, 1.0, 1.0, 1.0)] * shift
    for top in tops:
        rows += [(1, 1, 1, 1), (1, 2, 1, 1), (1, top, 1, 1), (1, 2, 1, 1)]
    return drawn([*rows, (1, 1, 1, 1)])


def lows(*bottoms: float) -> Bars:
    rows: list[tuple[float, float, float, float]] = []
    for bottom in bottoms:
        rows += [(9, 9, 9, 9), (9, 9, 8, 9), (9, 9, bottom, 9), (9, 9, 8, 9)]
    return drawn([*rows, (9, 9, 9, 9)])


def told(first: Bars, second: Bars, within: int = 3) -> list[Divergence]:
    return list(Smt(1, within).over(first, second))


def test_a_higher_high_that_the_other_market_does_not_make_diverges() -> None:
    (found,) = told(highs(5.0, 6.0), highs(50.0, 49.0))
    assert (found.side, found.first_leads) == (Side.HIGH, True)
    assert (found.leader.price, found.laggard.price) == (6.0, 49.0)


def test_the_other_market_may_lead() -> None:
    (found,) = told(highs(5.0, 4.9), highs(50.0, 51.0))
    assert (found.first_leads, found.leader.price) == (False, 51.0)


def test_a_lower_low_that_the_other_does_not_make_diverges() -> None:
    (found,) = told(lows(5.0, 4.0), lows(5.0, 5.5))
    assert (found.side, found.first_leads) == (Side.LOW, True)


def test_markets_that_move_together_do_not() -> None:
    assert told(highs(5.0, 6.0), highs(50.0, 51.0)) == []
    assert told(highs(5.0, 4.0), highs(50.0, 49.0)) == []


def test_an_equal_high_has_not_followed() -> None:
    assert len(told(highs(5.0, 6.0), highs(50.0, 50.0))) == 1


def test_the_first_pair_says_nothing() -> None:
    assert told(highs(5.0), highs(50.0)) == []


def test_swings_too_far_apart_are_no_pair() -> None:
    assert len(told(highs(5.0, 6.0, shift=1), highs(50.0, 49.0), within=1)) == 1
    assert told(highs(5.0, 6.0, shift=1), highs(50.0, 49.0), within=0) == []


def test_bars_without_a_partner_are_left_out() -> None:
    first, second = highs(5.0, 6.0), highs(50.0, 49.0)
    extra = second._replace(closed_at=second.closed_at + 1)
    assert told(first, extra) == []


def test_known_when_both_are_and_the_same_live() -> None:
    first, second = walk_bars(600, seed=1), walk_bars(600, seed=2)
    stream = Smt().stream()
    live: list[Divergence] = []
    for (one, closed_at), (other, _) in zip(first.each(), second.each(), strict=True):
        found = stream.update(one, other, closed_at)
        assert all(each.known_at == closed_at for each in found)
        live += found
    assert tuple(live) == Smt().over(first, second)
    assert len(live) > 5
    cut = Smt().over(first.first(300), second.first(300))
    assert cut == tuple(each for each in live if each.known_at <= first.closed_at[299])


@pytest.mark.parametrize("within", [-1, 51])
def test_a_distance_that_cannot_be_is_refused(within: int) -> None:
    with pytest.raises(ConfigError, match="from 0 to 50 bars"):
        Smt(2, within)
