"""Facts between candles: each once, never before its time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from investbot.domain.facts import Alert, Intelligence
from investbot.domain.schedule import Schedule
from investbot.domain.signal import Direction, Signal


def alert(at: int, name: str = "") -> Alert:
    return Alert(at, "BTC/USDT", "tv", Signal(Direction.LONG, 1.0, "r"), name)


def test_a_fact_of_a_close_comes_after_the_candle_of_that_close() -> None:
    schedule = Schedule([alert(60), alert(59), Intelligence(120, ())])
    assert [fact.at for fact in schedule.before(60)] == [59]
    assert [fact.at for fact in schedule.before(60)] == []
    assert [fact.at for fact in schedule.before(120)] == [60]
    assert [fact.at for fact in schedule.before(121)] == [120]
    assert schedule.before(10**15) == []


def test_facts_of_one_moment_keep_their_order() -> None:
    schedule = Schedule([alert(5, "b"), alert(5, "a"), alert(4, "c")])
    assert [getattr(fact, "alert_id", "") for fact in schedule.before(6)] == ["c", "b", "a"]


def test_what_came_before_is_left_out() -> None:
    assert [fact.at for fact in Schedule([alert(4), alert(5)], since=5).before(9)] == [5]


@given(st.lists(st.integers(0, 50)), st.lists(st.integers(0, 60)).map(sorted))
def test_nothing_is_early_lost_or_told_twice(moments: list[int], closes: list[int]) -> None:
    schedule = Schedule([alert(at) for at in moments])
    given_out: list[int] = []
    for close in closes:
        part = [fact.at for fact in schedule.before(close)]
        assert all(at < close for at in part)
        given_out += part
    assert given_out + [fact.at for fact in schedule.before(1000)] == sorted(moments)
