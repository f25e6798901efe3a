from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from investbot.adapters.venues.ccxt.series import GAP_TRIES, Series
from investbot.domain.errors import VenueUnavailable
from investbot.domain.market import MINUTE, Candle, Instrument, Timeframe

ONE_MINUTE = Timeframe.parse("1m")
START = 1_700_000_040_000
INSTRUMENT = Instrument("BTC/USDT", Decimal("0.05"), Decimal("0.001"))


def series(next_minute: int = 0) -> Series:
    return Series(INSTRUMENT, ONE_MINUTE, START + next_minute * MINUTE, 1_000)


def row(minute: int, price: float = 100.0) -> list[Any]:
    return [START + minute * MINUTE, price, price + 1, price - 1, price + 0.5, 2.5]


def rows(*minutes: int) -> list[list[Any]]:
    return [row(minute) for minute in minutes]


def at(minute: float) -> int:
    return START + int(minute * MINUTE)


def minutes(candles: list[Candle]) -> list[int]:
    return [(candle.opened_at - START) // MINUTE for candle in candles]


def test_a_row_becomes_an_exact_candle_on_the_tick() -> None:
    (candle,) = series().accept([[START, 100.02, 101.03, 99.98, 100.024999, 7]], at(2))
    assert (candle.symbol, candle.timeframe, candle.opened_at) == ("BTC/USDT", ONE_MINUTE, START)
    assert [str(price) for price in (candle.open, candle.high, candle.low, candle.close)] == [
        "100.00",
        "101.05",
        "100.00",
        "100.00",
    ]
    assert candle.bar == (100.0, 101.05, 100.0, 100.0, 7.0)


def test_a_price_is_never_put_on_zero() -> None:
    (candle,) = series().accept([[START, 0.01, 0.01, 0.001, 0.01, 1]], at(2))
    assert candle.low == Decimal("0.05")


def test_the_open_bar_is_never_given_out() -> None:
    one = series()
    assert minutes(one.accept(rows(0, 1), at(1.5))) == [0]
    assert minutes(one.accept(rows(0, 1), at(1.99))) == []
    assert minutes(one.accept(rows(1, 2), at(2.01))) == [1]


def test_a_bar_settles_unless_a_later_one_is_there() -> None:
    assert series().accept(rows(0), at(1)) == []
    assert series().accept(rows(0), at(1) + 999) == []
    assert minutes(series().accept(rows(0), at(1) + 1000)) == [0]
    assert minutes(series().accept(rows(0, 1), at(1))) == [0]


def test_bars_of_the_future_are_not_believed() -> None:
    assert series().accept(rows(5, 6, 7), at(1.5)) == []


def test_it_is_due_when_the_next_bar_has_settled() -> None:
    one = series()
    assert not one.due(at(1) + 999)
    assert one.due(at(1) + 1000)
    one.accept(rows(0), at(1.5))
    assert not one.due(at(1.5))


def test_order_repetition_and_the_past_do_no_harm() -> None:
    one = series(1)
    assert minutes(one.accept(rows(3, 1, 2, 1, 0), at(10))) == [1, 2, 3]
    assert minutes(one.accept(rows(1, 2, 3, 4), at(10))) == [4]


def test_a_hole_is_asked_for_again_and_then_believed() -> None:
    one = series()
    assert minutes(one.accept(rows(0, 1, 4, 5), at(10))) == [0, 1]
    assert (one.asks_again, one.next_at) == (True, at(2))
    for _ in range(GAP_TRIES - 1):
        assert one.accept(rows(4, 5), at(10)) == []
        assert one.asks_again
    assert minutes(one.accept(rows(4, 5), at(10))) == [4, 5]
    assert (one.asks_again, one.holes) == (False, 1)


def test_a_hole_that_fills_up_is_none() -> None:
    one = series()
    one.accept(rows(0, 1, 4), at(10))
    assert minutes(one.accept(rows(2, 3, 4), at(10))) == [2, 3, 4]
    assert (one.asks_again, one.holes) == (False, 0)


def test_all_holes_of_an_answer_are_believed_together() -> None:
    one = series()
    for _ in range(GAP_TRIES):
        one.accept(rows(0, 2, 4, 6), at(10))
    assert minutes(one.accept(rows(2, 4, 6), at(10))) == [2, 4, 6]
    assert one.holes == 3


def test_a_series_may_begin_later_than_wanted() -> None:
    one = series()
    assert minutes(one.accept(rows(7, 8), at(10))) == [7, 8]
    assert one.holes == 0


def test_a_window_without_candles_is_passed_over_once_it_is_past() -> None:
    one = series()
    one.accept(rows(0), at(20))
    assert not one.pass_over(10, at(11.5))
    assert one.pass_over(10, at(12))
    assert minutes(one.accept(rows(13, 14), at(20))) == [13, 14]
    assert one.holes == 1


@pytest.mark.parametrize("answer", [None, "", "<html>", {"a": 1}, 7, [None], [[1, 2]], ["a", "b"], [[None] * 6]])
def test_what_is_no_list_of_candles_is_refused(answer: object) -> None:
    with pytest.raises(VenueUnavailable, match=r"The answer for BTC/USDT .*\.$"):
        series().accept(answer, at(10))


def test_an_empty_list_is_no_news() -> None:
    assert series().accept([], at(10)) == []


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "numbers",
    [
        [NAN, 1, 1, 1, 1],
        [1, NAN, 1, 1, 1],
        [1, 1, NAN, 1, 1],
        [1, 1, 1, NAN, 1],
        [1, 1, 1, 1, NAN],
        [1, INF, 1, 1, 1],
        [1, 1, 1, 1, INF],
        [0, 1, 0, 1, 1],
        [1, 1, -1, 1, 1],
        [2, 1, 1, 1, 1],
        [1, 2, 1.5, 2, 1],
        [1, 1, 1, 1, -1],
        [None, 1, 1, 1, 1],
        ["x", 1, 1, 1, 1],
    ],
)
def test_a_row_that_cannot_be_is_left_out_and_asked_for_again(numbers: list[Any]) -> None:
    one = series()
    bad = [at(1), *numbers]
    assert minutes(one.accept([row(0), bad, row(2)], at(10))) == [0]
    assert (one.bad_rows, one.asks_again) == (1, True)
    assert minutes(one.accept(rows(1, 2), at(10))) == [1, 2]


@given(
    answers=st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=12),
    ages=st.lists(st.integers(0, 35 * MINUTE), min_size=12, max_size=12),
)
def test_whatever_is_answered_candles_ascend_and_have_closed(answers: list[list[int]], ages: list[int]) -> None:
    one = series()
    seen: list[int] = []
    for answer, now in zip(answers, sorted(ages), strict=False):
        for candle in one.accept(rows(*answer), START + now):
            assert candle.closed_at <= START + now
            seen.append(candle.opened_at)
    assert seen == sorted(set(seen))
