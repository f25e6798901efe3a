"""What running instances take and how quick they are: now, and by minutes in a ring of the last hour."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

MINUTES = 60
_MINUTE_S = 60.0
_KEPT = ("rss_mb", "pss_mb", "private_mb", "loop_lag_ms", "waiting", "facts_per_s")
_TIMES = ("p50", "p99", "max")


@dataclass(frozen=True, slots=True)
class _Beat:
    """A heartbeat that a fraction of the processor is reckoned from; `at` in monotonic seconds."""

    at: float
    pid: int | None
    cpu_s: float


def figures(row: dict[str, Any]) -> dict[str, Any]:
    """Pick out of a status row what an instance takes and how quick it is; `decision_*` and `close_ms` in ms."""
    latency = row.get("latency") or {}
    times = latency.get("decision_ms") or {}
    return {
        **{key: row.get(key) for key in _KEPT},
        **{f"decision_{name}_ms": times.get(name) for name in _TIMES},
        "close_ms": latency.get("close_ms"),
    }


class Vitals:
    """Listens to heartbeats; `now` is always monotonic seconds."""

    def __init__(self) -> None:
        self._last: dict[str, _Beat] = {}
        self._fraction: dict[str, float | None] = {}
        self._minute: dict[str, _Beat] = {}
        self._rings: dict[str, deque[tuple[float, dict[str, Any]]]] = {}

    def heard(self, name: str, row: dict[str, Any], now: float) -> None:
        """Take a heartbeat in."""
        taken = row.get("cpu_s")
        if not isinstance(taken, int | float):
            return
        beat = _Beat(now, row.get("pid"), float(taken))
        before = self._last.get(name)
        if before is not None and now > before.at:
            self._fraction[name] = _fraction(before, beat)
        self._last[name] = beat
        began = self._minute.setdefault(name, beat)
        if now - began.at >= _MINUTE_S:
            self._minute[name] = beat
            ring = self._rings.setdefault(name, deque(maxlen=MINUTES))
            ring.append((now, {"cpu_fraction": _fraction(began, beat), **figures(row)}))

    def cpu_fraction(self, name: str) -> float | None:
        """Tell what part of one core an instance took between its last two heartbeats."""
        return self._fraction.get(name)

    def hour(self, name: str, now: float) -> list[dict[str, Any]]:
        """Give the last hour by minutes, oldest first, each with how many seconds ago it was."""
        return [{"ago_s": round(now - at), **row} for at, row in self._rings.get(name, ())]

    def forget(self, name: str) -> None:
        """Forget the last beat of a process that is gone; its hour stays."""
        for known in (self._last, self._minute, self._fraction):
            known.pop(name, None)


def _fraction(before: _Beat, after: _Beat) -> float | None:
    """Reckon the part of a core between two beats of one process; None across a restart."""
    if before.pid != after.pid or after.at <= before.at:
        return None
    return round(max(0.0, after.cpu_s - before.cpu_s) / (after.at - before.at), 4)
