from __future__ import annotations

import random

import pytest

from investbot.adapters.venues.ccxt.venue_clock import KEPT, RESYNC_S, Sample, VenueClock
from tests.exchange.clock import HandClock

START = 1_700_000_000_000


class Venue:
    """A clock at any speed, asked over a line that takes its time."""

    def __init__(self, hand: HandClock, speed: float, trip_s: float = 0.004, seed: int = 1) -> None:
        self.hand = hand
        self.speed = speed
        self.shift = 0.0
        self._began = hand.monotonic()
        self._trip_s = trip_s
        self._dice = random.Random(seed)
        self.clock = VenueClock(hand.monotonic, START - 86_400_000)

    def truth(self) -> float:
        return START + self.shift + (self.hand.monotonic() - self._began) * 1000 * self.speed

    def look(self) -> None:
        trip = self._trip_s * self._dice.uniform(0.5, 2.0)
        share = self._dice.random()
        asked = self.hand.monotonic()
        self.hand.seconds += trip * share
        told = int(self.truth())
        self.hand.seconds += trip * (1 - share)
        self.clock.add(Sample((asked + self.hand.monotonic()) / 2, told, trip / 2))


def test_without_a_sample_it_is_the_machines_own_time() -> None:
    hand = HandClock()
    clock = VenueClock(hand.monotonic, START)
    hand.seconds += 2.5
    assert (clock.now(), clock.samples, clock.skew_ms) == (START + 2500, 0, 0)
    assert clock.due(5000)


@pytest.mark.parametrize("trip_s", [0.0, 0.002, 0.05, 0.4])
def test_at_the_walls_speed_the_rate_is_one_whatever_the_line_takes(trip_s: float) -> None:
    venue = Venue(HandClock(), 1.0, trip_s)
    for pause in (0.0, 0.25, 1.0, 7.0, 60.0, 60.0):
        venue.hand.seconds += pause
        venue.look()
        assert venue.clock.rate == 1.0
        assert abs(venue.clock.raw() - venue.truth()) <= trip_s * 1000 + 2
    assert venue.clock.skew_ms == 0


@pytest.mark.parametrize("speed", [50.0, 10.0, 3.0, 0.0])
def test_another_speed_is_found_with_the_second_look_and_sharpened(speed: float) -> None:
    venue = Venue(HandClock(), speed)
    venue.look()
    venue.hand.seconds += 0.25
    venue.look()
    assert venue.clock.rate == pytest.approx(speed, rel=0.1, abs=0.05)
    for _ in range(40):
        for _ in range(1000):
            if venue.clock.due(5000):
                break
            venue.hand.seconds += 0.2
            assert abs(venue.clock.raw() - venue.truth()) < 1250
        venue.look()
    assert venue.clock.rate == pytest.approx(speed, rel=0.002, abs=0.001)
    assert venue.clock.samples == KEPT
    assert venue.clock.skew_ms <= 50


def test_a_jump_is_skew_and_then_followed() -> None:
    venue = Venue(HandClock(), 1.0)
    for _ in range(4):
        venue.hand.seconds += 60
        venue.look()
    assert venue.clock.skew_ms == 0
    venue.shift = 7_000
    venue.look()
    assert 6_900 < venue.clock.skew_ms < 7_100
    assert abs(venue.clock.raw() - venue.truth()) < 10
    for _ in range(2):
        venue.hand.seconds += 60
        venue.look()
        assert venue.clock.skew_ms == 0
    assert venue.clock.rate == 1.0


def test_the_distance_from_the_wall_is_no_skew() -> None:
    venue = Venue(HandClock(), 1.0)
    venue.look()
    assert venue.clock.skew_ms == 0
    venue.look()
    assert venue.clock.skew_ms == 0


def test_now_never_goes_back_but_raw_does() -> None:
    venue = Venue(HandClock(), 1.0)
    for _ in range(3):
        venue.hand.seconds += 10
        venue.look()
    before = venue.clock.now()
    venue.shift = -9_000
    venue.look()
    assert venue.clock.now() == before
    assert venue.clock.raw() < before - 8_000


def test_it_is_due_after_a_minute() -> None:
    venue = Venue(HandClock(), 1.0)
    for _ in range(3):
        venue.hand.seconds += 10
        venue.look()
    assert not venue.clock.due(5000)
    venue.hand.seconds += RESYNC_S - 1
    assert not venue.clock.due(5000)
    venue.hand.seconds += 1.1
    assert venue.clock.due(5000)
