"""What stays and what goes, by numbers and in spite of clocks."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from investbot.backup.retention import Made, Rule, _month, expired, kept, needless
from investbot.domain.market import DAY, HOUR, Millis

BEGIN: Millis = 1_704_067_200_000  # 2024-01-01T00:00:00Z, a Monday


def daily(count: int, begin: Millis = BEGIN, first: int = 1, *, verified: bool = True) -> list[Made]:
    return [Made(first + day, begin + day * DAY + 3 * HOUR, verified) for day in range(count)]


def test_nothing_goes_of_nothing() -> None:
    assert kept([], Rule()) == frozenset()
    assert expired([], Rule()) == ()


def test_thirty_days_eight_weeks_twelve_months() -> None:
    made = daily(500)
    stay = sorted(kept(made, Rule()))
    days = {each.number: datetime.fromtimestamp(each.at / 1000, UTC) for each in made}
    assert stay[-30:] == list(range(471, 501))
    sundays = [number for number, day in days.items() if day.weekday() == 6][-7:]
    assert set(sundays) <= set(stay)
    month_ends = [a for (a, day), (_, then) in pairwise(days.items()) if day.month != then.month][-11:]
    assert set(month_ends) <= set(stay)
    assert set(stay) == set(range(471, 501)) | set(sundays) | set(month_ends)


def test_the_last_of_a_day_stays() -> None:
    made = [Made(number, BEGIN + number * HOUR, verified=True) for number in range(1, 49)]
    assert sorted(kept(made, Rule(daily=2, weekly=0, monthly=0))) == [47, 48]
    assert sorted(kept(made, Rule(daily=3, weekly=0, monthly=0))) == [23, 47, 48]


def test_time_alone_takes_nothing_away() -> None:
    made = [*daily(5), *daily(2, BEGIN + 4000 * DAY, 6)]
    assert expired(made, Rule(daily=7, weekly=0, monthly=0)) == ()


def test_the_last_verified_one_stays_whatever_the_rule() -> None:
    made = [*daily(10), *daily(40, BEGIN + 10 * DAY, 11, verified=False)]
    assert kept(made, Rule(daily=1, weekly=0, monthly=0)) == {10, 50}
    assert kept(made, Rule(daily=0, weekly=0, monthly=0)) == {10, 50}


def test_numbers_rank_and_not_the_order_in_which_they_are_listed() -> None:
    made = daily(60)
    assert kept(reversed(made), Rule()) == kept(made, Rule())


def test_a_board_that_boots_in_1970_loses_no_day() -> None:
    right = [each for each in daily(60) if each.number % 3]
    wrong = [Made(number, 5 * HOUR, verified=True) for number in range(3, 61, 3)]
    stay = kept([*right, *wrong], Rule(daily=30, weekly=0, monthly=0))
    assert {each.number for each in right[-30:]} <= stay
    oldest = right[-30].number
    assert {each.number for each in wrong if each.number > oldest} <= stay
    assert not {each.number for each in wrong if each.number < oldest} & stay


def test_a_clock_that_was_a_year_ahead_and_came_back_loses_no_day() -> None:
    ahead = daily(20, BEGIN + 395 * DAY, 31)
    for back in range(1, 40):
        made = [*daily(30), *ahead, *daily(back, BEGIN + 50 * DAY, 51)]
        stay = kept(made, Rule(daily=30, weekly=0, monthly=0))
        assert set(range(max(1, 51 + back - 30), 51 + back)) <= stay


def test_a_clock_that_was_set_back_for_good_loses_no_day() -> None:
    for after in range(1, 60):
        made = [*daily(45), *daily(after, BEGIN - 700 * DAY, 46)]
        stay = kept(made, Rule(daily=30, weekly=0, monthly=0))
        newest = 45 + after
        assert set(range(newest - 29, newest + 1)) <= stay


@given(
    st.lists(st.tuples(st.integers(0, 3 * 365), st.integers(0, 23), st.booleans()), min_size=1, max_size=80),
    st.tuples(st.integers(0, 9), st.integers(0, 5), st.integers(0, 5)),
)
def test_whatever_the_clock_says(told: list[tuple[int, int, bool]], counts: tuple[int, int, int]) -> None:
    made = [Made(index, BEGIN + day * DAY + hour * HOUR, ok) for index, (day, hour, ok) in enumerate(told, 1)]
    rule = Rule(*counts)
    stay = kept(made, rule)
    good = [each.number for each in made if each.verified]
    assert len(made) in stay
    assert not good or good[-1] in stay
    assert len(stay) >= min(rule.daily, len({each.at // DAY for each in made}))
    assert set(expired(made, rule)) == {each.number for each in made} - stay
    left = [each for each in made if each.number in stay]
    assert good == [] or any(each.verified for each in left)


@given(st.integers(1, 120), st.integers(0, 110), st.integers(1, 30), st.sampled_from([-2000, -400, 400, 2000]))
def test_a_clock_set_wrong_for_a_while_loses_no_day(count: int, start: int, length: int, off_days: int) -> None:
    rule = Rule(daily=20, weekly=0, monthly=0)
    right = daily(count)
    wrong = [
        Made(each.number, each.at + off_days * DAY, each.verified)
        if start <= index < start + length and each.at + off_days * DAY >= 0
        else each
        for index, each in enumerate(right)
    ]
    assert kept(right, rule) <= kept(wrong, rule)


def test_months_change_when_the_calendar_says_so() -> None:
    for day in range(-400, 12_000):
        here, there = (datetime.fromtimestamp((day + more) * DAY / 1000, UTC) for more in (0, 1))
        assert (_month(day * DAY) != _month((day + 1) * DAY)) == (here.month != there.month)


@pytest.mark.parametrize(
    ("ledger_seqs", "gone"),
    [((), ()), ((100,), ("a", "b")), ((100, 60), ("a",)), ((9,), ()), ((150,), ("a", "b", "c"))],
)
def test_pieces_that_a_kept_archive_needs_stay(ledger_seqs: tuple[int, ...], gone: tuple[str, ...]) -> None:
    assert needless([("a", 50), ("b", 100), ("c", 150)], ledger_seqs) == gone
