from __future__ import annotations

import pytest

from investbot.analysis.findings import Side
from investbot.analysis.structure.gaps import MOST_OPEN, FairValueGaps, Fill, Gap
from investbot.domain.errors import ConfigError
from tests.unit.analysis.structure.shapes import drawn, minute, warm

RISE = [(10, 10.5, 9.5, 10.2), (10.2, 14, 10, 13.8), (13.8, 14.5, 12.5, 14)]
"""Leaves a gap from 10.5 to 12.5; its middle is 11.5."""
FALL = [(10, 10.5, 9.5, 9.8), (9.8, 10, 6, 6.2), (6.2, 7.5, 5.5, 6)]
"""Leaves a gap from 7.5 to 9.5."""


def told(*rows: tuple[float, float, float, float], shape: list[tuple[float, float, float, float]]) -> list[Gap]:
    found = FairValueGaps(0.1).over(drawn([*warm(10), *shape, *rows]))
    return [gap for gap in found if (gap.side is Side.HIGH) is (shape is RISE)]


def test_a_rise_that_leaves_a_price_untraded_leaves_a_gap() -> None:
    (gap,) = told(shape=RISE)
    assert (gap.side, gap.bottom, gap.top, gap.fill) == (Side.HIGH, 10.5, 12.5, Fill.OPEN)
    assert gap.known_at == gap.at == minute(22)


def test_a_fall_mirrors_it() -> None:
    (gap,) = told(shape=FALL)
    assert (gap.side, gap.bottom, gap.top) == (Side.LOW, 7.5, 9.5)


def test_wicks_that_meet_leave_none() -> None:
    shape = [(10, 12.5, 9.5, 10.2), (10.2, 14, 10, 13.8), (13.8, 14.5, 12.5, 14)]
    assert FairValueGaps(0.0).over(drawn([*warm(10), *shape])) == ()


def test_one_too_small_counts_for_nothing() -> None:
    shape = [(10, 10.5, 9.5, 10), (10, 10.8, 10, 10.7), (10.7, 11, 10.55, 10.9)]
    rows = drawn([*warm(10), *shape])
    assert FairValueGaps(0.1).over(rows) == ()
    assert len(FairValueGaps(0.02).over(rows)) == 1


def test_before_the_average_range_is_known_there_is_none() -> None:
    assert FairValueGaps(0.0).over(drawn(RISE)) == ()


@pytest.mark.parametrize(
    ("low", "stage"),
    [(12.5, None), (12.4, Fill.TOUCHED), (11.5, Fill.HALF), (10.6, Fill.HALF), (10.5, Fill.FILLED), (9, Fill.FILLED)],
)
def test_a_later_bar_fills_it(low: float, stage: Fill | None) -> None:
    stages = [gap.fill for gap in told((14, 14.2, low, 14), shape=RISE)[1:]]
    assert stages == ([stage] if stage else [])


@pytest.mark.parametrize(
    ("high", "stage"), [(7.5, None), (7.6, Fill.TOUCHED), (8.5, Fill.HALF), (9.4, Fill.HALF), (9.5, Fill.FILLED)]
)
def test_the_mirrored_one_is_filled_from_below(high: float, stage: Fill | None) -> None:
    stages = [gap.fill for gap in told((6, high, 5.9, 6), shape=FALL)[1:]]
    assert stages == ([stage] if stage else [])


def test_stages_are_told_once_and_never_go_back() -> None:
    rows = [(14, 14.2, 11, 14), (14, 14.2, 12, 14), (14, 14.2, 11.2, 14), (14, 14.2, 10, 14), (14, 14.2, 10, 14)]
    assert [gap.fill for gap in told(*rows, shape=RISE)] == [Fill.OPEN, Fill.HALF, Fill.FILLED]


def test_only_the_latest_gaps_are_watched() -> None:
    rows = []
    price = 10.0
    for _ in range(MOST_OPEN + 2):
        rows += [(price, price + 0.5, price - 0.5, price), (price, price + 6, price, price + 6)]
        price += 6.0
    rows.append((price, price, 9, 9))
    found = FairValueGaps(0.0).over(drawn([*warm(10), *rows]))
    opened = [gap for gap in found if gap.fill is Fill.OPEN and gap.side is Side.HIGH]
    filled = [gap for gap in found if gap.fill is Fill.FILLED]
    assert len(opened) > MOST_OPEN
    assert len(filled) == MOST_OPEN
    assert min(gap.at for gap in filled) > min(gap.at for gap in opened)


@pytest.mark.parametrize("least", [-0.1, 10.1])
def test_a_size_that_cannot_be_is_refused(least: float) -> None:
    with pytest.raises(ConfigError, match="from 0 to 10 ATR"):
        FairValueGaps(least)
