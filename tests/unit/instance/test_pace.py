"""How fast facts come, and how long decisions take."""

from __future__ import annotations

import pytest

from investbot.instance.pace import BOUNDS_MS, Histogram, Pace


class Seconds:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def test_times_are_counted_in_parts() -> None:
    seen = Histogram()
    assert seen.data() == {"count": 0, "p50": None, "p99": None, "max": 0.0, "parts": {}}
    for taken in (0.4, 1.0, 1.1, 7000.0):
        seen.add(taken)
    assert seen.data() == {
        "count": 4,
        "p50": 1.0,
        "p99": 7000.0,
        "max": 7000.0,
        "parts": {"1": 2, "2": 1, "more": 1},
    }


def test_a_quantile_is_never_more_than_the_longest_time() -> None:
    seen = Histogram()
    for taken in (0.2, 0.3, 0.3):
        seen.add(taken)
    assert (seen.quantile(0.5), seen.quantile(1.0)) == (0.3, 0.3)


@pytest.mark.parametrize("bound", BOUNDS_MS)
def test_a_bound_belongs_to_its_part(bound: int) -> None:
    seen = Histogram()
    seen.add(bound)
    assert seen.data()["parts"] == {str(bound): 1}


def test_a_candle_is_timed_from_the_door_until_it_is_durable() -> None:
    clock = Seconds()
    pace = Pace(clock)
    pace.arrived()
    clock.now += 0.010
    pace.arrived()
    pace.worked(1_000)
    pace.worked(61_000)
    clock.now += 0.030
    pace.durable(lambda: 61_250)
    latency = pace.row()["latency"]
    assert latency["close_ms"] == 250
    assert latency["decision_ms"]["count"] == 2
    assert latency["decision_ms"]["max"] == 40.0
    assert latency["decision_ms"]["parts"] == {"50": 2}
    pace.durable(lambda: 99_999)
    assert pace.row()["latency"] == latency


def test_a_late_candle_says_nothing_of_its_close() -> None:
    pace = Pace(Seconds())
    pace.worked(5)  # one that nobody saw arrive
    pace.arrived()
    pace.worked(None)
    pace.durable(lambda: 77)
    assert pace.row()["latency"]["close_ms"] is None
    assert pace.row()["latency"]["decision_ms"]["count"] == 1


def test_facts_are_counted_over_at_least_a_second() -> None:
    clock = Seconds()
    pace = Pace(clock)
    pace.facts = 10
    clock.now += 0.5
    assert (pace.row()["facts"], pace.row()["facts_per_s"]) == (10, 0.0)
    clock.now += 1.5
    assert pace.row()["facts_per_s"] == 5.0
    pace.facts = 11
    clock.now += 0.9
    assert pace.row()["facts_per_s"] == 5.0
