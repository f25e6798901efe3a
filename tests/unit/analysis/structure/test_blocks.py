from __future__ import annotations

import pytest

from investbot.analysis.findings import Side
from investbot.analysis.structure.blocks import MOST_OPEN, Block, Mitigation, OrderBlocks
from investbot.domain.errors import ConfigError
from tests.unit.analysis.structure.shapes import drawn, minute

UP = [(1, 2, 1, 2), (2, 4, 2, 3), (3, 3, 1.5, 2), (2, 5, 2, 4.5)]
"""A swing high at 4, a falling bar from 3 to 1.5, a close above the swing."""
DOWN = [(9, 9, 8, 8), (8, 8, 6, 7), (7, 8.5, 7, 8), (8, 8, 5, 5.5)]
"""Its mirror: a swing low at 6, a rising bar from 7 to 8.5, a close under the swing."""


def told(*rows: tuple[float, float, float, float], reach: int = 20) -> list[Block]:
    return list(OrderBlocks(1, reach).over(drawn(rows)))


def test_the_last_falling_bar_before_a_break_upwards_is_a_block() -> None:
    (block,) = told(*UP)
    assert (block.side, block.bottom, block.top, block.state) == (Side.HIGH, 1.5, 3.0, Mitigation.FRESH)
    assert (block.at, block.known_at) == (minute(2), minute(3))


def test_the_last_rising_bar_before_a_break_downwards_is_one() -> None:
    (block,) = told(*DOWN)
    assert (block.side, block.bottom, block.top) == (Side.LOW, 7.0, 8.5)


def test_without_a_break_there_is_none() -> None:
    assert told(*UP[:3], (2, 5, 2, 4.0)) == []


def test_without_a_bar_of_the_other_colour_there_is_none() -> None:
    assert told((1, 2, 1, 2), (2, 4, 2, 3), (1.5, 3, 1.5, 2), (2, 5, 2, 4.5)) == []


def test_a_bar_out_of_reach_makes_none() -> None:
    rest = [(2, 2.5, 1.8, 2.2), (2.2, 2.5, 2, 2.3)]
    assert len(told(*UP[:3], *rest, (2.3, 5, 2.3, 4.5), reach=3)) == 1
    assert told(*UP[:3], *rest, (2.3, 5, 2.3, 4.5), reach=2) == []


def test_one_bar_makes_one_block() -> None:
    again = [(4.5, 6, 4.5, 5.5), (5.5, 5.8, 5.5, 5.7), (5.7, 7, 5.7, 6.5)]
    assert [block.state for block in told(*UP, *again)] == [Mitigation.FRESH]


@pytest.mark.parametrize(
    ("bar", "states"),
    [
        ((4.5, 5, 3.1, 4), []),
        ((4.5, 5, 3, 4), [Mitigation.MITIGATED]),
        ((4.5, 5, 1, 1.5), [Mitigation.MITIGATED]),
        ((4.5, 5, 1, 1.4), [Mitigation.BROKEN]),
    ],
)
def test_price_comes_back_to_it(bar: tuple[float, float, float, float], states: list[Mitigation]) -> None:
    assert [block.state for block in told(*UP, bar)[1:] if block.side is Side.HIGH] == states


@pytest.mark.parametrize(
    ("bar", "states"),
    [
        ((5.5, 6.9, 5, 6), []),
        ((5.5, 7, 5, 6), [Mitigation.MITIGATED]),
        ((5.5, 9, 5, 8.5), [Mitigation.MITIGATED]),
        ((5.5, 9, 5, 8.6), [Mitigation.BROKEN]),
    ],
)
def test_price_comes_back_to_the_mirrored_one(bar: tuple[float, float, float, float], states: list[Mitigation]) -> None:
    assert [block.state for block in told(*DOWN, bar)[1:] if block.side is Side.LOW] == states


def test_a_mitigated_block_is_told_again_only_when_it_breaks() -> None:
    rows = [(4.5, 5, 3, 4), (4, 4.2, 2, 3), (3, 3.2, 1, 1.2), (1.2, 3.2, 1, 1.2)]
    states = [block.state for block in told(*UP, *rows) if block.side is Side.HIGH]
    assert states == [Mitigation.FRESH, Mitigation.MITIGATED, Mitigation.BROKEN]


def test_only_the_latest_blocks_are_watched() -> None:
    rows: list[tuple[float, float, float, float]] = []
    for step in range(MOST_OPEN + 1):
        base = 4.0 * step
        rows += [(base + low, base + high, base + bottom, base + close) for low, high, bottom, close in UP]
    last = rows[-1][3]
    found = [block for block in told(*rows, (last, last, 0, 0.1)) if block.side is Side.HIGH]
    broken = [block for block in found if block.state is Mitigation.BROKEN]
    made = [block for block in found if block.state is Mitigation.FRESH]
    assert len(made) > MOST_OPEN == len(broken)
    assert made[0].at not in {block.at for block in broken}


@pytest.mark.parametrize("reach", [0, 201])
def test_a_reach_that_cannot_be_is_refused(reach: int) -> None:
    with pytest.raises(ConfigError, match="from 1 to 200 bars"):
        OrderBlocks(2, reach)
