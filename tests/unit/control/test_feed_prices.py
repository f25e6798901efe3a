"""What counts of the prices that a feed told: the newest, in time."""

from __future__ import annotations

from decimal import Decimal

import pytest

from investbot.control.feed_prices import STALE_S, PriceMirror
from investbot.domain.facts import Tick


class Ear:
    def __init__(self) -> None:
        self.now = 100.0
        self.ticks: list[Tick] = []
        self.mirror = PriceMirror(lambda: self.now, self.ticks.append)
        self.mirror.begin({3: ("BTC/USDT", 7)})

    def tell(self, seq: int, price: str = "5", line: int = 3, age_s: float = 0.0) -> list[str]:
        self.mirror.hear(line, seq, self.now - age_s, 1_000, Decimal(price))
        return [str(tick.price) for tick in self.ticks]


def test_a_price_is_heard_with_its_symbol_and_moment() -> None:
    ear = Ear()
    ear.tell(8, "5.5")
    assert ear.ticks == [Tick(1_000, "BTC/USDT", Decimal("5.5"))]
    assert ear.mirror.lost == 0


def test_one_out_of_turn_is_no_news_and_one_left_out_is_counted() -> None:
    ear = Ear()
    assert ear.tell(7) == []
    assert ear.tell(11, "1") == ["1"]
    assert ear.mirror.lost == 3
    assert ear.tell(10, "2") == ["1"]
    assert ear.tell(11, "3") == ["1"]
    assert ear.tell(12, "4") == ["1", "4"]
    assert ear.mirror.lost == 3


def test_one_that_lay_in_the_socket_is_lost() -> None:
    ear = Ear()
    assert ear.tell(8, "1", age_s=STALE_S) == ["1"]
    assert ear.tell(9, "2", age_s=STALE_S + 0.01) == ["1"]
    assert ear.mirror.lost == 1
    assert ear.tell(10, "3") == ["1", "3"]


@pytest.mark.parametrize("price", ["NaN", "0", "-1", "Infinity"])
def test_no_price_is_no_tick(price: str) -> None:
    assert Ear().tell(8, price) == []


def test_a_line_that_is_not_followed_any_more_is_nothing() -> None:
    ear = Ear()
    assert ear.tell(8, line=4) == []
    ear.mirror.begin({})
    assert ear.tell(9) == []
