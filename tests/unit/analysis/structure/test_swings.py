from __future__ import annotations

import pytest

from investbot.analysis.findings import Side
from investbot.analysis.structure.swings import Label, Swings
from investbot.domain.errors import ConfigError
from tests.unit.analysis.structure.shapes import drawn, minute


def bars_of(highs: list[float], lows: list[float] | None = None) -> object:
    below = lows or [high - 1.0 for high in highs]
    return drawn([(low, high, low, high) for high, low in zip(highs, below, strict=True)])


def told(highs: list[float], lows: list[float] | None = None, width: int = 2) -> list[tuple[Side, float, Label, int]]:
    found = Swings(width).over(bars_of(highs, lows))  # type: ignore[arg-type]
    return [(swing.side, swing.price, swing.label, swing.number) for swing in found]


FLAT = [0.0] * 20


def test_a_high_between_two_lower_ones_on_both_sides_is_a_swing_known_two_bars_later() -> None:
    (swing,) = Swings(2).over(drawn([(0, high, 0, high) for high in (1.0, 2.0, 3.0, 2.0, 1.0)]))
    assert (swing.side, swing.price, swing.label, swing.number) == (Side.HIGH, 3.0, Label.FIRST, 2)
    assert (swing.at, swing.known_at) == (minute(2), minute(4))


def test_one_bar_too_few_after_it_is_no_swing_yet() -> None:
    assert told([1.0, 2.0, 3.0, 2.0], FLAT[:4]) == []


def test_a_higher_high_within_the_width_is_none() -> None:
    assert told([1.0, 2.0, 3.0, 2.0, 3.5], FLAT[:5]) == []


def test_of_equal_highs_the_first_counts() -> None:
    assert told([1.0, 2.0, 3.0, 3.0, 1.0, 1.0], FLAT[:6]) == [(Side.HIGH, 3.0, Label.FIRST, 2)]


def test_a_plateau_reached_from_an_equal_high_is_none() -> None:
    assert told([3.0, 2.0, 3.0, 2.0, 1.0], FLAT[:5]) == []


def test_lows_mirror_highs() -> None:
    lows = [3.0, 2.0, 1.0, 2.0, 3.0]
    assert told([5.0] * 5, lows) == [(Side.LOW, 1.0, Label.FIRST, 2)]


def test_a_bar_may_be_both_and_the_high_is_told_first() -> None:
    assert [side for side, *_ in told([1.0, 1.0, 3.0, 1.0, 1.0], [0.0, 0.0, -2.0, 0.0, 0.0])] == [Side.HIGH, Side.LOW]


@pytest.mark.parametrize(
    ("second", "label"), [(4.0, Label.HIGHER_HIGH), (2.5, Label.LOWER_HIGH), (3.0, Label.EQUAL_HIGH)]
)
def test_highs_are_labelled_by_the_one_before(second: float, label: Label) -> None:
    highs = [1.0, 3.0, 1.0, second, 1.0]
    assert [row[2] for row in told(highs, FLAT[:5], width=1)] == [Label.FIRST, label]


@pytest.mark.parametrize(("second", "label"), [(1.5, Label.HIGHER_LOW), (0.5, Label.LOWER_LOW), (1.0, Label.EQUAL_LOW)])
def test_lows_are_labelled_by_the_one_before(second: float, label: Label) -> None:
    lows = [2.0, 1.0, 2.0, second, 2.0]
    assert [row[2] for row in told([9.0] * 5, lows, width=1)] == [Label.FIRST, label]


@pytest.mark.parametrize("width", [0, 101])
def test_a_width_that_cannot_be_is_refused(width: int) -> None:
    with pytest.raises(ConfigError, match=f"not {width}"):
        Swings(width)
