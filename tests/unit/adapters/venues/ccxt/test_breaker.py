from __future__ import annotations

import pytest

from investbot.adapters.venues.ccxt.breaker import FAILURES, Breaker, Circuit
from investbot.domain.errors import VenueUnavailable
from tests.exchange.clock import HandClock


def broken(clock: HandClock, jitter: float = 0.5) -> Breaker:
    breaker = Breaker("binance", clock.monotonic, lambda: jitter)
    for _ in range(FAILURES):
        breaker.failed()
    return breaker


def test_it_opens_after_failures_in_a_row_only() -> None:
    breaker = Breaker("binance", HandClock().monotonic, lambda: 0.5)
    for _ in range(3):
        for _ in range(FAILURES - 1):
            breaker.failed()
        assert str(breaker.state) == Circuit.CLOSED
        breaker.admit(urgent=False)
        breaker.succeeded()
    for _ in range(FAILURES):
        breaker.failed()
    assert str(breaker.state) == Circuit.OPEN


def test_an_open_one_lets_only_exits_through() -> None:
    breaker = broken(HandClock())
    with pytest.raises(VenueUnavailable, match=r"binance failed 5 times in a row .* another 5 s\.$"):
        breaker.admit(urgent=False)
    breaker.admit(urgent=True)
    assert str(breaker.state) == Circuit.OPEN


def test_an_exit_that_succeeds_closes_it() -> None:
    breaker = broken(HandClock())
    breaker.admit(urgent=True)
    breaker.succeeded()
    assert str(breaker.state) == Circuit.CLOSED
    breaker.admit(urgent=False)


def test_half_open_lets_one_probe_through_at_a_time() -> None:
    clock = HandClock()
    breaker = broken(clock)
    clock.tick(5_000)
    assert str(breaker.state) == Circuit.HALF_OPEN
    breaker.admit(urgent=False)
    with pytest.raises(VenueUnavailable, match="just being tried"):
        breaker.admit(urgent=False)
    breaker.admit(urgent=True)
    breaker.abandoned()
    breaker.admit(urgent=False)
    breaker.succeeded()
    assert str(breaker.state) == Circuit.CLOSED


def test_each_failed_probe_doubles_the_wait_up_to_a_minute() -> None:
    clock = HandClock()
    breaker = broken(clock)
    for wait_s in (5, 10, 20, 40, 60, 60):
        clock.tick(wait_s * 1000 - 1)
        assert str(breaker.state) == Circuit.OPEN
        clock.tick(1)
        assert str(breaker.state) == Circuit.HALF_OPEN
        breaker.admit(urgent=False)
        breaker.failed()
    breaker.failed()
    assert str(breaker.state) == Circuit.OPEN


def test_a_failing_exit_does_not_lengthen_the_wait() -> None:
    clock = HandClock()
    breaker = broken(clock)
    clock.tick(4_000)
    breaker.failed()
    clock.tick(1_000)
    assert str(breaker.state) == Circuit.HALF_OPEN


@pytest.mark.parametrize(("jitter", "wait_ms"), [(0.0, 3_750), (1.0, 6_250)])
def test_the_wait_has_jitter(jitter: float, wait_ms: int) -> None:
    clock = HandClock()
    breaker = broken(clock, jitter)
    clock.tick(wait_ms - 1)
    assert str(breaker.state) == Circuit.OPEN
    clock.tick(1)
    assert str(breaker.state) == Circuit.HALF_OPEN
