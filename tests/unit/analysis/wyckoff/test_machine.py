"""One test a rule, one near miss a rule: a machine with an ATR of 1, driven row by row.

The climax is at 100 on bar 0, the rally at 106 (bar 4), the secondary test at 101 (bar 8, known at 10): support 100,
resistance 106, phase B since bar 10.
"""

from __future__ import annotations

import math

import pytest

from investbot.analysis.wyckoff.events import Name, Phase, Schematic, WyckoffEvent, held_confidence, spring_confidence
from investbot.analysis.wyckoff.machine import PATIENCE, Machine, Row, Turn


class Drive:
    """A machine and the bars it has been given."""

    def __init__(self, schematic: Schematic = Schematic.ACCUMULATION) -> None:
        self.machine = Machine(schematic)
        self.number = 0

    def row(self, high: float, low: float, close: float, ratio: float = 1.0) -> Row:
        return Row(self.number, high, low, close, ratio, 1.0, self.number * 1000)

    def climax(self, low: float = 100.0, ratio: float = 3.0) -> Drive:
        self.machine.climax(self.row(low + 3, low, low + 1, ratio), self.number - 60)
        return self

    def bar(
        self, high: float, low: float, close: float, ratio: float = 1.0, turn: Turn | None = None, at: int = 0
    ) -> list[WyckoffEvent]:
        """Give one bar, after `at` when given, and what it told."""
        self.number = max(self.number + 1, at)
        told = len(self.machine.found)
        self.machine.step(self.row(high, low, close, ratio), [turn] if turn else [])
        return self.machine.found[told:]

    def high(self, number: int, price: float, ratio: float = 1.0) -> list[WyckoffEvent]:
        return self.bar(103, 102, 102.5, turn=Turn(True, number, price, ratio, number * 1000), at=number + 2)

    def low(self, number: int, price: float, ratio: float = 1.0) -> list[WyckoffEvent]:
        return self.bar(103, 102, 102.5, turn=Turn(False, number, price, ratio, number * 1000), at=number + 2)

    def to_b(self) -> Drive:
        self.climax()
        self.high(4, 106.0)
        self.low(8, 101.0)
        return self


def names(events: list[WyckoffEvent]) -> list[Name]:
    return [event.name for event in events]


def test_a_climax_begins_a_range() -> None:
    drive = Drive()
    assert drive.machine.waits
    drive.climax()
    (event,) = drive.machine.found
    assert (event.name, event.phase, event.price, event.volume_ratio) == (Name.SELLING_CLIMAX, Phase.A, 100.0, 3.0)
    assert event.support == 100.0
    assert math.isnan(event.resistance)
    assert not drive.machine.waits


def test_a_loud_bar_before_it_that_closed_well_was_preliminary_support() -> None:
    drive = Drive()
    drive.machine.loud(Row(-10, 108, 105, 107.5, 2.0, 1.0, -10_000))
    drive.climax()
    first, _ = drive.machine.found
    assert (first.name, first.price, first.at, first.known_at) == (Name.PRELIMINARY_SUPPORT, 105.0, -10_000, 0)


@pytest.mark.parametrize(
    "row",
    [
        Row(-10, 102, 99, 101.5, 2.0, 1.0, -10_000),
        Row(-61, 108, 105, 107.5, 2.0, 1.0, -61_000),
    ],
)
def test_one_that_lies_lower_or_long_ago_was_not(row: Row) -> None:
    drive = Drive()
    drive.machine.loud(row)
    drive.climax()
    assert names(drive.machine.found) == [Name.SELLING_CLIMAX]


def test_a_swing_high_two_atr_up_is_the_automatic_rally() -> None:
    drive = Drive().climax()
    (event,) = drive.high(4, 102.0)
    assert (event.name, event.resistance, event.phase) == (Name.AUTOMATIC_RALLY, 102.0, Phase.A)
    assert drive.high(8, 101.9) == []
    assert names(drive.high(12, 103.0)) == [Name.AUTOMATIC_RALLY]


def test_a_lesser_rally_is_none() -> None:
    assert Drive().climax().high(4, 101.9) == []


def test_a_swing_from_before_the_climax_is_none() -> None:
    assert Drive().climax().high(0, 106.0) == []


def test_a_quiet_low_in_the_lower_third_is_the_secondary_test() -> None:
    drive = Drive().climax()
    drive.high(4, 106.0)
    (event,) = drive.low(8, 102.0)
    assert (event.name, event.phase, event.support) == (Name.SECONDARY_TEST, Phase.B, 100.0)


def test_a_test_a_little_under_the_climax_moves_support() -> None:
    drive = Drive().climax()
    drive.high(4, 106.0)
    (event,) = drive.low(8, 99.5)
    assert event.support == 99.5


@pytest.mark.parametrize(("price", "ratio"), [(102.1, 1.0), (99.4, 1.0), (101.0, 3.0)])
def test_too_high_too_low_or_too_loud_is_no_secondary_test(price: float, ratio: float) -> None:
    drive = Drive().climax()
    drive.high(4, 106.0)
    assert drive.low(8, price, ratio) == []


def test_before_the_rally_nothing_is_tested() -> None:
    assert Drive().climax().low(4, 101.0) == []


def test_a_close_under_the_climax_ends_phase_a() -> None:
    drive = Drive().climax()
    assert drive.bar(101, 99, 99.5) == []
    (event,) = drive.bar(101, 99, 99.4)
    assert (event.name, event.phase, event.confidence) == (Name.FAILURE, Phase.NONE, 0.0)
    assert drive.machine.waits


def test_a_new_climax_moves_the_range() -> None:
    drive = Drive().climax()
    drive.number = 3
    drive.climax(95.0)
    assert drive.machine.found[-1].support == 95.0
    assert not Drive().to_b().machine.may_begin


def test_a_wick_over_resistance_is_an_upthrust() -> None:
    drive = Drive().to_b()
    (event,) = drive.bar(107, 104, 105.9)
    assert (event.name, event.phase, event.price) == (Name.UPTHRUST, Phase.B, 107.0)
    assert drive.bar(106, 104, 105.9) == []


def test_a_thrust_under_support_that_comes_back_is_a_spring() -> None:
    drive = Drive().to_b()
    (event,) = drive.bar(102, 99, 100, at=20)
    assert (event.name, event.phase, event.price, event.support) == (Name.SPRING, Phase.C, 99.0, 100.0)
    assert event.confidence == pytest.approx(0.55)
    assert drive.machine.support == 99.0


def test_it_may_take_three_bars() -> None:
    drive = Drive().to_b()
    assert drive.bar(102, 99, 99.5, 2.0, at=20) == []
    assert drive.bar(100, 98.5, 99) == []
    assert drive.bar(100, 98.6, 99) == []
    (event,) = drive.bar(101, 99, 100.5)
    assert (event.name, event.price, event.volume_ratio) == (Name.SPRING, 98.5, 2.0)
    assert (event.at, event.known_at) == (20_000, 23_000)
    assert event.confidence == pytest.approx(0.6 + 0.15 * 0.25)


def test_four_bars_are_a_failure() -> None:
    drive = Drive().to_b()
    drive.bar(102, 99, 99.5, at=20)
    drive.bar(100, 98.5, 99)
    drive.bar(100, 98.5, 99)
    assert names(drive.bar(100, 98.5, 99)) == [Name.FAILURE]


def test_so_is_a_close_two_atr_under_support() -> None:
    assert Drive().to_b().bar(102, 97, 98.0, at=20) == []
    assert names(Drive().to_b().bar(102, 97, 97.9, at=20)) == [Name.FAILURE]


def test_while_the_cause_is_young_it_is_a_shakeout() -> None:
    """Phase A lasted ten bars: B has to as well."""
    assert names(Drive().to_b().bar(102, 99, 100, at=19)) == [Name.SHAKEOUT]
    assert names(Drive().to_b().bar(102, 99, 100, at=20)) == [Name.SPRING]
    drive = Drive().to_b()
    drive.bar(102, 99, 100, at=19)
    assert drive.machine.support == 99.0


def sprung() -> Drive:
    drive = Drive().to_b()
    drive.bar(102, 99, 100, at=20)
    return drive


def test_a_quiet_low_above_the_spring_is_its_test() -> None:
    (event,) = sprung().low(24, 101.0, 0.8)
    assert (event.name, event.phase) == (Name.TEST, Phase.C)
    assert event.confidence == pytest.approx(0.9 + 0.1 * 4 / 7)


@pytest.mark.parametrize(("number", "price", "ratio"), [(24, 101.0, 1.0), (24, 102.6, 0.8), (20, 101.0, 0.8)])
def test_a_loud_high_or_early_one_is_no_test(number: int, price: float, ratio: float) -> None:
    assert sprung().low(number, price, ratio) == []


def test_a_high_is_no_test() -> None:
    assert sprung().high(24, 101.0, 0.8) == []


def test_a_close_under_the_spring_fails() -> None:
    assert names(sprung().bar(101, 98, 98.9)) == [Name.FAILURE]


@pytest.mark.parametrize(
    ("depth", "ratio", "confidence"),
    [(0.0, 1.0, 0.6), (2.0, 1.0, 0.5), (9.0, 1.5, 0.5), (0.0, 1.6, 0.75), (2.0, 1.6, 0.6), (-1.0, 9.0, 0.75)],
)
def test_the_bands_of_a_spring(depth: float, ratio: float, confidence: float) -> None:
    assert spring_confidence(depth, ratio) == pytest.approx(confidence)


@pytest.mark.parametrize(("place", "confidence"), [(-0.1, 0.9), (0.0, 0.9), (0.5, 0.95), (1.0, 1.0), (1.5, 1.0)])
def test_the_band_of_a_spring_that_held(place: float, confidence: float) -> None:
    assert held_confidence(place) == pytest.approx(confidence)


def test_a_loud_wide_close_over_resistance_is_strength() -> None:
    (event,) = Drive().to_b().bar(107.5, 105, 107, 1.6)
    assert (event.name, event.phase, event.price) == (Name.SIGN_OF_STRENGTH, Phase.D, 107.0)


@pytest.mark.parametrize(("low", "ratio"), [(105.0, 1.5), (106.6, 2.0)])
def test_a_quiet_or_narrow_one_leaves_the_range(low: float, ratio: float) -> None:
    drive = Drive().to_b()
    assert drive.bar(107.5, low, 107, ratio) == []
    assert drive.machine.waits


def strong() -> Drive:
    drive = Drive().to_b()
    drive.bar(107.5, 105, 107, 2.0, at=30)
    return drive


def test_a_quieter_low_in_the_upper_half_is_the_last_point_of_support() -> None:
    drive = strong()
    (event,) = drive.low(34, 103.1, 1.9)
    assert (event.name, event.phase) == (Name.LAST_POINT_OF_SUPPORT, Phase.D)
    assert drive.low(40, 104.0, 1.0) == []


@pytest.mark.parametrize(("number", "price", "ratio"), [(34, 103.0, 1.0), (34, 104.0, 2.0), (30, 104.0, 1.0)])
def test_a_low_too_deep_too_loud_or_too_early_is_none(number: int, price: float, ratio: float) -> None:
    assert strong().low(number, price, ratio) == []


def test_markup_is_a_close_over_the_highest_high_since() -> None:
    drive = strong()
    drive.bar(108.5, 106, 107)
    drive.low(34, 104.0)
    assert drive.bar(109, 107, 108.5) == []
    (event,) = drive.bar(109, 107, 108.6)
    assert (event.name, event.phase) == (Name.MARKUP, Phase.E)
    assert drive.machine.waits


def test_before_the_last_point_there_is_no_markup() -> None:
    assert strong().bar(112, 107, 111) == []


def test_a_close_under_support_fails_in_phase_d_too() -> None:
    assert strong().bar(107, 100, 100.0) == []
    assert names(strong().bar(107, 99, 99.9)) == [Name.FAILURE]


def test_patience_ends() -> None:
    drive = Drive().to_b()
    drive.bar(103, 102, 102.5, at=10 + PATIENCE)
    assert not drive.machine.waits
    assert drive.bar(103, 102, 102.5) == []
    assert drive.machine.waits


def test_a_distribution_has_its_own_names_and_prices_turned_back() -> None:
    drive = Drive(Schematic.DISTRIBUTION)
    drive.machine.loud(Row(-10, -92, -95, -92.5, 2.0, 1.0, -10_000))
    drive.climax(-100.0)
    psy, climax = drive.machine.found
    assert (psy.name, psy.price) == (Name.PRELIMINARY_SUPPLY, 95.0)
    assert (climax.name, climax.price, climax.resistance) == (Name.BUYING_CLIMAX, 100.0, 100.0)
    assert math.isnan(climax.support)
    drive.bar(-97, -98, -97.5, turn=Turn(True, 4, -94.0, 1.0, 4000), at=6)
    assert drive.machine.found[-1].name is Name.AUTOMATIC_REACTION
    assert (drive.machine.found[-1].support, drive.machine.found[-1].resistance) == (94.0, 100.0)


def test_without_a_range_a_bar_says_nothing() -> None:
    drive = Drive()
    assert drive.bar(101, 99, 100) == []
