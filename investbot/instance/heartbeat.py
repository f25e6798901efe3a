"""What an instance says of itself each second: its row of `status`, from the trading loop's own thread."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from investbot.control.rows import told
from investbot.domain.states import InstanceState
from investbot.instance.memory import OWN

BEAT_S = 2.0
"""Seconds between two heartbeats."""

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
    "config_version": None,
    "settings_waiting": [],
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
    tags: tuple[str, ...] = ()

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
            "tags": list(self.tags),
            "isolation": None if self.isolation is None else dict(self.isolation),
        }


@dataclass(frozen=True, slots=True)
class Pulse:
    """Figures of the process: `uptime_s` in seconds, `lag_ms` by how much the last beat was late, queue length.

    `pace` is what the loop tells of facts and times.
    """

    uptime_s: float
    lag_ms: float
    waiting: int
    candles: int
    pace: Mapping[str, Any] = field(default_factory=dict)


def idle_row(identity: Identity) -> dict[str, Any]:
    """Give every key of a status row with what is known of an instance that does not run."""
    return identity.row() | {
        **_EMPTY,
        "uptime_s": None,
        "heartbeat_age_s": None,
        "pid": None,
        "rss_mb": None,
        "pss_mb": None,
        "private_mb": None,
        "restarts": 0,
        "error": None,
        **_asking({}),
    }


def status_row(
    identity: Identity, phase: Phase, summary: Mapping[str, Any] | None, pulse: Pulse, health: Mapping[str, str]
) -> dict[str, Any]:
    """Put a row of `status` together; `summary` is the engine's share, None before there is an engine."""
    memory = OWN.look()
    return (
        idle_row(identity)
        | told(dict(summary or {}))
        | {
            "state": _STATES[phase].value,
            "uptime_s": round(pulse.uptime_s, 1),
            "heartbeat_age_s": 0.0,
            "pid": os.getpid(),
            "rss_mb": memory.rss_mb,
            "pss_mb": memory.pss_mb,
            "private_mb": memory.private_mb,
            "phase": phase.value,
            "candles": pulse.candles,
            "waiting": pulse.waiting,
            "loop_lag_ms": round(pulse.lag_ms, 1),
            "cpu_s": round(sum(os.times()[:2]), 2),
            "health": dict(health),
            **_asking(health),
            **pulse.pace,
        }
    )


def _asking(health: Mapping[str, str]) -> dict[str, Any]:
    """Tell how asking the venue goes: its circuit breaker, failed questions, median and slow answers (ms)."""
    told = dict(part.split("=", 1) for part in health.get("endpoint all", "").split() if "=" in part)
    median, slow = (float(told[name]) if name in told else None for name in ("p50_ms", "p99_ms"))
    return {
        "breaker": health.get("circuit"),
        "api_errors": int(told["errors"]) if "errors" in told else None,
        "api_p50_ms": median,
        "api_p99_ms": slow,
    }
