from __future__ import annotations

from investbot.domain.market import MINUTE
from investbot.feed.stream import KEPT, Stream
from tests.unit.feed.builders import BEGIN, BTC, ONE, candle, candles


class Ear:
    def __init__(self, *, slow: bool = False) -> None:
        self.slow = slow
        self.heard: list[bytes] = []

    def push(self, line: bytes) -> bool:
        if not self.slow:
            self.heard.append(line)
        return not self.slow


def stream(first: int = 0) -> Stream:
    made = Stream(3, BTC, ONE)
    made.begin(BEGIN + first * MINUTE)
    return made


def opened(rows: list[list[object]]) -> list[int]:
    return [(int(str(row[0])) - BEGIN) // MINUTE for row in rows]


def test_candles_are_numbered_in_order_and_none_comes_twice() -> None:
    made = stream()
    for each in candles(0, 5):
        assert made.add(each) is not None
    assert made.add(candle(4)) is None
    assert made.add(candle(2)) is None
    assert (made.seq, made.next_at) == (5, BEGIN + 5 * MINUTE)
    assert opened(made.since(BEGIN, 100)[0]) == [0, 1, 2, 3, 4]


def test_a_hole_of_the_venue_is_no_hole_in_the_numbers() -> None:
    made = stream()
    made.add(candle(0))
    made.add(candle(7))
    assert made.seq == 2
    assert opened(made.since(BEGIN + MINUTE, 100)[0]) == [7]


def test_pages_follow_each_other() -> None:
    made = stream()
    for each in candles(0, 10):
        made.add(each)
    rows, more = made.since(BEGIN + 2 * MINUTE, 5)
    assert (opened(rows), more) == ([2, 3, 4, 5, 6], True)
    rows, more = made.since(BEGIN + 7 * MINUTE, 3)
    assert (opened(rows), more) == ([7, 8, 9], False)
    assert made.since(BEGIN + 10 * MINUTE, 3) == ([], False)


def test_it_keeps_the_newest_and_says_from_where_on() -> None:
    made = stream()
    for each in candles(0, 2 * KEPT + 1):
        made.add(each)
    assert made.first_at == BEGIN + KEPT * MINUTE
    rows, more = made.since(made.first_at, 5000)
    assert (opened(rows), more) == (list(range(KEPT, 2 * KEPT + 1)), False)


def test_what_opened_before_it_began_is_behind_it() -> None:
    made = stream(5)
    assert made.first_at == made.next_at == BEGIN + 5 * MINUTE
    assert made.add(candle(4)) is None


def test_who_is_slow_is_left_out_and_the_others_are_not() -> None:
    made, slow, quick = stream(), Ear(slow=True), Ear()
    made.subscribers |= {slow, quick}
    made.tell(b"x")
    made.tell(b"y")
    assert quick.heard == [b"x", b"y"]
    assert made.left_out == 2
