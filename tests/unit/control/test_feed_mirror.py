from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from investbot.control.feed_mirror import MOST_WAITING, Mirror
from investbot.domain.market import MINUTE, Candle
from tests.unit.feed.builders import BEGIN, candle

NEXT = BEGIN + 10 * MINUTE


def at(number: int) -> int:
    return BEGIN + number * MINUTE


def numbers(found: list[Candle] | None) -> list[int] | None:
    return None if found is None else [(each.opened_at - BEGIN) // MINUTE for each in found]


def test_what_is_told_in_order_is_taken_in_order() -> None:
    mirror = Mirror(100, at(10))
    assert numbers(mirror.take(at(10))) == []
    mirror.hear(101, candle(10))
    mirror.hear(102, candle(11))
    assert numbers(mirror.take(at(10))) == [10, 11]
    assert numbers(mirror.take(at(11))) == [11]
    assert numbers(mirror.take(at(12))) == []
    assert mirror.lost == 0


def test_the_past_before_the_subscription_has_to_be_asked_for() -> None:
    mirror = Mirror(100, at(10))
    assert mirror.take(at(9)) is None
    mirror.hear(101, candle(10))
    assert mirror.take(at(9)) is None
    mirror.repaired(101, at(11))
    assert numbers(mirror.take(at(10))) == [10]


def test_a_missing_number_is_noticed_with_the_next() -> None:
    mirror = Mirror(100, at(10))
    mirror.hear(101, candle(10))
    mirror.hear(103, candle(12))
    assert mirror.take(at(10)) is None
    assert mirror.take(at(11)) is None
    assert numbers(mirror.take(at(12))) == [12]
    assert mirror.lost == 1


def test_a_beat_betrays_that_the_last_ones_were_missed() -> None:
    mirror = Mirror(100, at(10))
    assert not mirror.told(100)
    assert mirror.told(102)
    assert not mirror.told(102)
    assert mirror.lost == 2
    assert mirror.take(at(10)) is None
    mirror.repaired(102, at(12))
    assert numbers(mirror.take(at(12))) == []
    mirror.hear(103, candle(12))
    assert numbers(mirror.take(at(12))) == [12]


def test_what_comes_after_a_missed_beat_counts_from_there() -> None:
    mirror = Mirror(100, at(10))
    mirror.told(101)
    mirror.hear(102, candle(11))
    assert mirror.take(at(10)) is None
    assert numbers(mirror.take(at(11))) == [11]


def test_an_answer_that_is_further_than_what_was_told_takes_its_place() -> None:
    mirror = Mirror(100, at(10))
    mirror.hear(101, candle(10))
    mirror.repaired(103, at(13))
    assert mirror.take(at(10)) is None
    assert numbers(mirror.take(at(13))) == []
    mirror.hear(104, candle(13))
    assert numbers(mirror.take(at(13))) == [13]


def test_what_nobody_takes_does_not_pile_up() -> None:
    mirror = Mirror(0, at(0))
    for number in range(MOST_WAITING + 5):
        mirror.hear(number + 1, candle(number))
    assert mirror.take(at(4)) is None
    assert len(mirror.take(at(5)) or []) == MOST_WAITING


@given(st.lists(st.sampled_from(["close", "close", "lose", "beat", "take"]), max_size=60), st.integers(0, 3))
def test_whatever_is_lost_on_the_way_nothing_is_missing_in_the_end(steps: list[str], start: int) -> None:
    """A feed that tells, leaves out, beats and answers; an instance that takes, and asks where it may not take."""
    closed, seq, wanted, got = 10, 500, 10 - start, list[int]()
    mirror = Mirror(seq, at(closed))

    def take() -> None:
        nonlocal wanted
        found = mirror.take(at(wanted))
        if found is None:
            mirror.repaired(seq, at(closed))
            found = [candle(number) for number in range(wanted, closed)]
        taken = numbers(found)
        assert taken is not None
        got.extend(taken)
        wanted = got[-1] + 1 if got else wanted

    for step in [*steps, "beat", "take", "take"]:
        match step:
            case "close":
                seq += 1
                mirror.hear(seq, candle(closed))
                closed += 1
            case "lose":
                seq += 1
                closed += 1
            case "beat":
                mirror.told(seq)
            case _:
                take()
    assert got == list(range(10 - start, closed))
