"""Turns lie apart, spread by chance; who comes alone does not wait."""

from __future__ import annotations

import pytest

from investbot.supervisor import turns
from investbot.supervisor.turns import Turns


class Hand:
    """A clock that moves only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    hand = Hand()
    monkeypatch.setattr(turns.asyncio, "sleep", hand.sleep)  # type: ignore[attr-defined]
    return hand


@pytest.mark.parametrize(("chance", "gap"), [(0.5, 0.1), (0.0, 0.05), (1.0, 0.15)])
async def test_each_turn_comes_a_gap_after_the_last(hand: Hand, chance: float, gap: float) -> None:
    taking = Turns(hand, lambda: chance, gap_s=0.1)
    for _ in range(4):
        await taking.take()
    assert hand.slept == [round(gap * number, 6) for number in (1, 2, 3)]
    hand.now += 10
    await taking.take()
    assert len(hand.slept) == 3


async def test_something_else_may_come_first(hand: Hand) -> None:
    order: list[str] = []

    async def first() -> None:
        order.append("first")

    await Turns(hand, lambda: 0.5, first=first).take()
    assert order == ["first"]
