"""The states an operator sees: of trading inside an instance, and of the instance as a process."""

from __future__ import annotations

from enum import StrEnum


class TradingState(StrEnum):
    """ACTIVE trades; REDUCING only exits; HALTED is flat and waits for an operator."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


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
