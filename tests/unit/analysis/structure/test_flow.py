from __future__ import annotations

import pytest

from investbot.analysis.findings import Side
from investbot.analysis.structure.flow import PATIENCE, Flow, FlowChange, FlowState, OrderFlow
from investbot.domain.errors import ConfigError
from tests.unit.analysis.faces import walk_bars
from tests.unit.analysis.structure.shapes import drawn, warm

Row = tuple[float, float, float, float]
SWEEP: Row = (10, 11, 9.6, 10)
"""A wick half a point over the range of the rest (9.5 to 10.5)."""
BURST: Row = (10, 14, 10, 13.8)
"""A close beyond the range with a body of nearly four ATR: a leg from 9.5 to 14."""
BACK: Row = (13.8, 13.8, 11.5, 11.8)
"""Gives back 2.2 of the 4.5 of the leg."""


def steps(*rows: Row, window: int = 5, calm: float = 2.0) -> list[FlowChange]:
    return list(OrderFlow(window, calm).over(drawn([*warm(10), *rows])))


def ways(*rows: Row, window: int = 5, calm: float = 2.0) -> list[tuple[Flow, Flow]]:
    """The steps after the first one, into accumulation."""
    found = steps(*rows, window=window, calm=calm)
    assert (found[0].before, found[0].after) == (Flow.UNKNOWN, Flow.ACCUMULATION)
    return [(step.before, step.after) for step in found[1:]]


def test_a_rest_is_accumulation() -> None:
    (step,) = steps()
    assert (step.before, step.after, step.side) == (Flow.UNKNOWN, Flow.ACCUMULATION, None)


def test_a_market_that_moves_is_unknown() -> None:
    rows = [(10.0 + k, 11.5 + k, 9.5 + k, 11.0 + k) for k in range(40)]
    assert OrderFlow(5, 2.0).over(drawn(rows)) == ()


def test_a_wick_beyond_the_range_is_manipulation() -> None:
    assert ways(SWEEP) == [(Flow.ACCUMULATION, Flow.MANIPULATION)]
    assert steps(SWEEP)[-1].side is Side.HIGH
    assert steps((10, 10.4, 9, 10))[-1].side is Side.LOW


def test_a_wick_too_short_is_none_and_belongs_to_the_range() -> None:
    assert ways((10, 10.7, 9.6, 10), (10, 10.9, 9.6, 10)) == []


def test_displacement_out_of_accumulation_is_expansion() -> None:
    assert ways(BURST) == [(Flow.ACCUMULATION, Flow.EXPANSION)]
    assert steps(BURST)[-1].side is Side.HIGH
    assert steps((10, 10, 6, 6.2))[-1].side is Side.LOW


def test_displacement_out_of_manipulation_is_expansion() -> None:
    assert ways(SWEEP, BURST) == [(Flow.ACCUMULATION, Flow.MANIPULATION), (Flow.MANIPULATION, Flow.EXPANSION)]


def test_a_body_against_the_close_beyond_is_no_displacement() -> None:
    assert ways((14, 14, 10.8, 11)) == [(Flow.ACCUMULATION, Flow.UNKNOWN)]


def test_leaving_the_range_without_displacement_is_unknown() -> None:
    creep = [(10.4, 11.2, 10.4, 11.0), (11.0, 11.8, 11.0, 11.6)]
    assert ways(*creep, calm=1.1)[:1] == [(Flow.ACCUMULATION, Flow.UNKNOWN)]
    assert ways(SWEEP, (10.4, 11.3, 10.4, 11.2), calm=1.4)[1:2] == [(Flow.MANIPULATION, Flow.UNKNOWN)]


def test_a_rest_that_widens_keeps_its_state() -> None:
    assert ways((10, 10.7, 10, 10.6), (10.6, 10.7, 10, 10.1)) == []


def test_giving_back_a_part_of_the_leg_is_retracement() -> None:
    assert ways(BURST, BACK)[1:] == [(Flow.EXPANSION, Flow.RETRACEMENT)]


def test_giving_back_less_is_none() -> None:
    assert ways(BURST, (13.8, 13.8, 12.2, 12.4))[1:] == []


def test_a_close_beyond_the_extreme_expands_again() -> None:
    assert ways(BURST, BACK, (11.8, 14.6, 11.8, 14.5))[2:] == [(Flow.RETRACEMENT, Flow.EXPANSION)]
    assert ways(BURST, BACK, (11.8, 14.6, 11.8, 13.9))[2:] == []


def test_a_leg_given_back_whole_is_unknown() -> None:
    assert ways(BURST, BACK, (11.8, 12, 9, 9.4))[2:] == [(Flow.RETRACEMENT, Flow.UNKNOWN)]
    assert ways(BURST, (13.8, 14, 9, 9.4))[1:] == [(Flow.EXPANSION, Flow.UNKNOWN)]


def rest(price: float, count: int = 6) -> list[Row]:
    return [(price, price + 0.3, price - 0.3, price)] * count


def test_a_rest_far_along_the_leg_is_distribution() -> None:
    found = ways(BURST, *rest(13.5))[1:]
    assert found == [(Flow.EXPANSION, Flow.DISTRIBUTION)]
    assert steps(BURST, *rest(13.5))[-1].side is Side.HIGH


def test_a_rest_after_a_retracement_of_less_than_half_is_distribution() -> None:
    assert ways(BURST, *rest(12.1))[1:] == [
        (Flow.EXPANSION, Flow.RETRACEMENT),
        (Flow.RETRACEMENT, Flow.DISTRIBUTION),
    ]


def test_a_rest_with_more_given_back_is_none() -> None:
    assert ways(BURST, *rest(11.5))[1:] == [(Flow.EXPANSION, Flow.RETRACEMENT)]


def test_distribution_is_swept_or_left_as_accumulation_is() -> None:
    before = [BURST, *rest(13.5)]
    assert ways(*before, (13.5, 14.6, 13.3, 13.5))[2:] == [(Flow.DISTRIBUTION, Flow.MANIPULATION)]
    assert ways(*before, (13.5, 13.5, 10, 10.2))[2:] == [(Flow.DISTRIBUTION, Flow.EXPANSION)]
    assert steps(*before, (13.5, 13.5, 10, 10.2))[-1].side is Side.LOW


def test_patience_ends() -> None:
    found = ways(SWEEP, *[(10.0, 10.4, 9.6, 10.0)] * (PATIENCE + 1))
    assert found[:2] == [(Flow.ACCUMULATION, Flow.MANIPULATION), (Flow.MANIPULATION, Flow.UNKNOWN)]


def test_a_falling_leg_mirrors_a_rising_one() -> None:
    fall: list[Row] = [(10, 10, 6, 6.2), (6.2, 8.5, 6.2, 8.2), (8.2, 8.2, 5.4, 5.5)]
    assert ways(*fall)[1:] == [(Flow.EXPANSION, Flow.RETRACEMENT), (Flow.RETRACEMENT, Flow.EXPANSION)]


def test_the_state_is_a_code_and_the_same_after_a_replay() -> None:
    bars = walk_bars(800)
    column = FlowState().over(bars)
    assert set(column) >= {0.0, 1.0, 3.0, 4.0}
    update = FlowState().stream().update
    assert [update(bar, closed_at) for bar, closed_at in bars.each()] == column.tolist()
    stream = OrderFlow().stream()
    for bar, closed_at in bars.each():
        stream.update(bar, closed_at)
    assert float(stream.state) == column[-1]
    assert FlowState().lookback == 0


@pytest.mark.parametrize("numbers", [(2, 3.5), (201, 3.5), (24, 0.4), (24, 20.1)])
def test_numbers_that_cannot_be_are_refused(numbers: tuple[int, float]) -> None:
    with pytest.raises(ConfigError, match="Order flow needs"):
        OrderFlow(*numbers)
