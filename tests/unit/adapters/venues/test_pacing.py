from __future__ import annotations

import pytest

from investbot.adapters.venues.pacing import EVERY, Pacer
from investbot.domain.errors import ConfigError


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.time = 1000.0

    def monotonic(self) -> float:
        return self.time


def given_by(pacer: Pacer, clock: Clock, count: int, work: float = 0.0) -> list[float]:
    """Ask for `count` candles, each costing `work` seconds; tell when each was given out."""
    moments = []
    for _ in range(count):
        delay = pacer.delay()
        clock.time += delay or 0.0
        moments.append(round(clock.time - 1000.0, 6))
        clock.time += work
    return moments


def test_candles_keep_their_speed_without_drift() -> None:
    clock = Clock()
    moments = given_by(Pacer(10.0, clock.monotonic), clock, 50, work=0.03)
    assert moments == [round(place / 10, 6) for place in range(50)]


def test_a_late_reader_catches_up() -> None:
    clock = Clock()
    pacer = Pacer(10.0, clock.monotonic)
    given_by(pacer, clock, 1)
    clock.time += 1.0
    assert given_by(pacer, clock, 12)[-3:] == [1.0, 1.1, 1.2]


def test_waits_too_short_to_sleep_are_added_up() -> None:
    clock = Clock()
    pacer = Pacer(5000.0, clock.monotonic)
    delays = [pacer.delay() for _ in range(30)]
    assert delays[:10] == [None] * 10
    assert delays[11] == pytest.approx(0.0022)


def test_at_full_speed_the_event_loop_breathes_now_and_then() -> None:
    pacer = Pacer(0, Clock().monotonic)
    delays = [pacer.delay() for _ in range(2 * EVERY)]
    assert [place for place, delay in enumerate(delays) if delay == 0.0] == [EVERY - 1, 2 * EVERY - 1]
    assert set(delays) == {None, 0.0}


def test_what_is_skipped_is_not_waited_for() -> None:
    clock = Clock()
    pacer = Pacer(1.0, clock.monotonic)
    assert {pacer.skip() for _ in range(EVERY - 1)} == {None}
    assert pacer.skip() == 0.0
    assert given_by(pacer, clock, 2) == [0.0, 1.0]


@pytest.mark.parametrize("speed", [-1.0, float("nan"), float("inf")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(ConfigError, match="must be 0"):
        Pacer(speed, Clock().monotonic)
