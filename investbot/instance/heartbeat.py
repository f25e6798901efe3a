"""What an instance says of itself each second: its row of `status`, from the trading loop's own thread."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from investbot.control.rows import told
from investbot.domain.states import InstanceState

BEAT_S = 1.0
"""Seconds between two heartbeats."""

_KIB_A_MIB = 1024
_ROLLUP = Path("/proc/self/smaps_rollup")
_LONGEST = 1 << 14
_opened: dict[int, int] = {}
"""The descriptor of its own figures, by the process that opened it."""
_EMPTY: Mapping[str, Any] = {
    "capital": None,
    "equity": None,
    "cash": None,
    "open_positions": 0,
    "day_pnl": None,
    "total_pnl": None,
    "win_rate": None,
    "profit_factor": None,
    "drawdown": None,
    "trading_state": None,
    "last_candle_at": None,
    "last_signal": None,
}


class Phase(StrEnum):
    """How far a process has come; `ready` once all that was known before is known again."""

    STARTING = "starting"
    WARMING = "warming"
    READY = "ready"
    STOPPING = "stopping"


_STATES = {
    Phase.STARTING: InstanceState.STARTING,
    Phase.WARMING: InstanceState.STARTING,
    Phase.READY: InstanceState.RUNNING,
    Phase.STOPPING: InstanceState.STOPPING,
}


@dataclass(frozen=True, slots=True)
class Identity:
    """What never changes while the process lives."""

    name: str
    mode: str
    venue: str
    symbols: tuple[str, ...]
    timeframe: str
    strategy: str
    profile: str
    isolation: Mapping[str, str] | None = None

    def row(self) -> dict[str, Any]:
        """Give the first keys of a status row."""
        return {
            "name": self.name,
            "state": InstanceState.STOPPED.value,
            "mode": self.mode,
            "venue": self.venue,
            "symbols": list(self.symbols),
            "timeframe": self.timeframe,
            "strategy": self.strategy,
            "profile": self.profile,
            "isolation": None if self.isolation is None else dict(self.isolation),
        }


@dataclass(frozen=True, slots=True)
class Pulse:
    """Figures of the process: `uptime_s` in seconds, `lag_ms` by how much the last beat was late, queue length."""

    uptime_s: float
    lag_ms: float
    waiting: int
    candles: int


def idle_row(identity: Identity) -> dict[str, Any]:
    """Give every key of a status row with what is known of an instance that does not run."""
    return identity.row() | {
        **_EMPTY,
        "uptime_s": None,
        "heartbeat_age_s": None,
        "pid": None,
        "rss_mb": None,
        "pss_mb": None,
        "restarts": 0,
        "error": None,
    }


def status_row(
    identity: Identity, phase: Phase, summary: Mapping[str, Any] | None, pulse: Pulse, health: Mapping[str, str]
) -> dict[str, Any]:
    """Put a row of `status` together; `summary` is the engine's share, None before there is an engine."""
    rss_mb, pss_mb = memory_mb()
    return (
        idle_row(identity)
        | told(dict(summary or {}))
        | {
            "state": _STATES[phase].value,
            "uptime_s": round(pulse.uptime_s, 1),
            "heartbeat_age_s": 0.0,
            "pid": os.getpid(),
            "rss_mb": rss_mb,
            "pss_mb": pss_mb,
            "phase": phase.value,
            "candles": pulse.candles,
            "waiting": pulse.waiting,
            "loop_lag_ms": round(pulse.lag_ms, 1),
            "cpu_s": round(sum(os.times()[:2]), 2),
            "health": dict(health),
        }
    )


def memory_mb(rollup: Path = _ROLLUP) -> tuple[float | None, float | None]:
    """Tell resident and proportional memory of this process in MiB (proc(5)); None where the kernel does not say."""
    try:
        told = _own_rollup() if rollup == _ROLLUP else rollup.read_bytes()
    except OSError:
        return None, None
    lines = told.decode("ascii").splitlines()
    kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines[1:])}
    return tuple(round(kib[name] / _KIB_A_MIB, 1) if name in kib else None for name in ("Rss", "Pss"))  # type: ignore[return-value]


def _own_rollup() -> bytes:
    """Read through a descriptor that stays open: a process that is isolated by then could not open the file again."""
    process = os.getpid()
    if process not in _opened:
        _opened[process] = os.open(_ROLLUP, os.O_RDONLY | os.O_CLOEXEC)
    return os.pread(_opened[process], _LONGEST, 0)
