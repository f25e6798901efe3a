"""News for people who are elsewhere: what a notice is, and the way out that carries it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum
from typing import Protocol

from investbot.domain.market import Millis


class Kind(StrEnum):
    """What news is about; the `[notify]` table chooses among these."""

    TRADES = "trades"
    SIGNALS = "signals"
    ORDERS = "orders"
    LIMITS = "limits"
    LIFECYCLE = "lifecycle"
    ERRORS = "errors"
    DAILY = "daily"
    WEEKLY = "weekly"


class Weight(IntEnum):
    """How much a notice matters: the light ones go first when there is no room, ALARM asks an operator to act."""

    LIGHT = 1
    GRAVE = 2
    ALARM = 3


class Tone(StrEnum):
    """What the colour of a notice says."""

    LONG = "long"
    SHORT = "short"
    GAIN = "gain"
    LOSS = "loss"
    GOOD = "good"
    PLAIN = "plain"
    WARNING = "warning"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Notice:
    """One piece of news; `at` and `due` in milliseconds UTC, `due` 0 = at once.

    `name` is the instance, empty for the fleet; `mode` is whose money (paper, sandbox, live), empty for the fleet;
    `key` names the event it tells of (`alpha#12`: instance and seq), empty for what no ledger holds; notices of one
    `topic` that come thick and fast are counted in `count` instead of told one by one.
    """

    at: Millis
    kind: Kind
    title: str
    name: str = ""
    mode: str = ""
    text: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    weight: Weight = Weight.LIGHT
    tone: Tone = Tone.PLAIN
    key: str = ""
    topic: str = ""
    count: int = 1
    due: Millis = 0


class Fate(Enum):
    """What became of a message: SENT, LATER (try again), UNFIT (never will be taken), REFUSED (nobody lives there)."""

    SENT = "sent"
    LATER = "later"
    UNFIT = "unfit"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one message fared; `pause_s` seconds must pass before the next one, `why` is a sentence without secrets.

    `pause_s` None leaves the wait to the caller's own backoff.
    """

    fate: Fate
    pause_s: float | None = 0.0
    why: str = ""


class Board(Protocol):
    """One message at an address that is edited again and again; calls block and must not overlap."""

    def show(self, notice: Notice, message: str) -> tuple[Delivery, str]:
        """Let the message with that id say this, a new one where `message` is empty; give the id.

        The id is empty where there is no such message any more. Never raises for what the other side does.
        """
        ...


class Notifier(Protocol):
    """One address that takes messages; calls block and must not overlap."""

    def fitting(self, notices: Sequence[Notice]) -> int:
        """Say how many of these, from the first on, go into one message: at least one."""
        ...

    def deliver(self, notices: Sequence[Notice]) -> Delivery:
        """Send them as one message and say what became of it; never raises for what the other side does."""
        ...
