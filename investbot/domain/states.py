"""The states an operator sees: of trading inside an instance, and of the instance as a process."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class TradingState(StrEnum):
    """ACTIVE trades; REDUCING only exits; HALTED is flat and waits for an operator."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


SUPERVISOR, DISK = "supervisor", "disk"
"""Causes of a pause that leave an instance nothing but its exits: nobody watches it, nothing more can be written."""


def seen(state: TradingState, reduced_by: str, causes: Iterable[str]) -> tuple[TradingState, str]:
    """Give the trading state and its cause as an operator sees them: who may only exit is REDUCING, whatever for."""
    host = [cause for cause in (SUPERVISOR, DISK) if cause in set(causes)]
    return (TradingState.REDUCING, host[0]) if host and state is TradingState.ACTIVE else (state, reduced_by)


class Mode(StrEnum):
    """Whose money: simulated fills, a venue's sandbox, or real money."""

    PAPER = "paper"
    SANDBOX = "sandbox"
    LIVE = "live"


class InstanceState(StrEnum):
    """The life of an instance process, in the words operators know from supervisord."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    BACKOFF = "BACKOFF"
    STOPPING = "STOPPING"
    EXITED = "EXITED"
    FATAL = "FATAL"
