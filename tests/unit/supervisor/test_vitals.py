"""What heartbeats tell of processor and pace, now and over the last hour."""

from __future__ import annotations

from typing import Any

from investbot.supervisor.vitals import MINUTES, Vitals, figures


def beat(cpu_s: float, pid: int = 7, **more: Any) -> dict[str, Any]:
    return {"pid": pid, "cpu_s": cpu_s, "rss_mb": 60.0} | more


def test_figures_are_picked_out_of_a_row() -> None:
    latency = {"close_ms": 40, "decision_ms": {"count": 3, "p50": 2.0, "p99": 5.0, "max": 5.0, "parts": {}}}
    told = figures(beat(1.0, latency=latency, facts_per_s=3.5, waiting=2, loop_lag_ms=0.1))
    assert told == {
        "rss_mb": 60.0,
        "pss_mb": None,
        "private_mb": None,
        "loop_lag_ms": 0.1,
        "waiting": 2,
        "facts_per_s": 3.5,
        "decision_p50_ms": 2.0,
        "decision_p99_ms": 5.0,
        "decision_max_ms": 5.0,
        "close_ms": 40,
    }
    assert set(figures({}).values()) == {None}


def test_the_processor_is_reckoned_between_two_beats_of_one_process() -> None:
    vitals = Vitals()
    vitals.heard("alpha", beat(1.0), 10.0)
    assert vitals.cpu_fraction("alpha") is None
    vitals.heard("alpha", beat(1.5), 12.0)
    assert vitals.cpu_fraction("alpha") == 0.25
    vitals.heard("alpha", beat(0.1, pid=8), 14.0)
    assert vitals.cpu_fraction("alpha") is None
    vitals.heard("alpha", beat(0.3, pid=8), 16.0)
    assert vitals.cpu_fraction("alpha") == 0.1
    vitals.heard("alpha", {"phase": "ready"}, 18.0)
    assert vitals.cpu_fraction("alpha") == 0.1
    vitals.forget("alpha")
    assert vitals.cpu_fraction("alpha") is None


def test_an_hour_is_kept_by_minutes() -> None:
    vitals = Vitals()
    for second in range(0, 62 * 60, 2):
        vitals.heard("alpha", beat(second / 10), float(second))
    hour = vitals.hour("alpha", 62 * 60.0)
    assert len(hour) == MINUTES
    assert [row["ago_s"] for row in hour[-3:]] == [180, 120, 60]
    assert {row["cpu_fraction"] for row in hour} == {0.1}
    assert hour[0]["rss_mb"] == 60.0
    vitals.forget("alpha")
    assert len(vitals.hour("alpha", 0.0)) == MINUTES
    assert vitals.hour("beta", 0.0) == []
