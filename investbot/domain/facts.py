"""Facts: anything that happens to an instance, in the order it arrives. All moments in milliseconds UTC."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from investbot.domain.intelligence import IntelligenceItem
from investbot.domain.market import Candle, Millis
from investbot.domain.order import Fill, OrderReport
from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.domain.signal import Signal


class Action(StrEnum):
    """What an operator can ask of a running instance."""

    PAUSE = "pause"
    RESUME = "resume"
    FLATTEN = "flatten"
    CLOSE = "close"
    ALLOCATE = "allocate"


@dataclass(frozen=True, slots=True)
class OperatorRequest:
    """A human's wish; goes through the same engine as everything else. `amount` (ALLOCATE) in quote.

    `cause` is what PAUSE pauses for and RESUME lifts: an operator's hand, or a limit of the fleet (`fleet:…`).
    """

    at: Millis
    action: Action
    symbol: str | None = None
    amount: Decimal | None = None
    by: str = "operator"
    cause: str = "operator"


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """Another version of the configuration is in force: its rules, which keys changed, which wait for the next start.

    Each key is told as `key: before -> after`.
    """

    at: Millis
    version: int
    by: str
    costs: CostRules
    risk: RiskRules
    exits: ExitRules
    applied: tuple[str, ...]
    waiting: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Alert:
    """An opinion that came through a door (TradingView and the like) instead of from the strategy.

    One with an `alert_id` is taken once, however often it comes.
    """

    at: Millis
    symbol: str
    source: str
    signal: Signal
    alert_id: str = ""


@dataclass(frozen=True, slots=True)
class Intelligence:
    """What the world outside thinks became known; `at` is when it was received."""

    at: Millis
    items: tuple[IntelligenceItem, ...]


@dataclass(frozen=True, slots=True)
class IntelligenceFailed:
    """A source gave an answer, or part of one, that cannot be used, and why."""

    at: Millis
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Timer:
    """Time has passed on the venue, whether or not a candle closed."""

    at: Millis


@dataclass(frozen=True, slots=True)
class Tick:
    """The last price of a symbol between two closes, in quote per base."""

    at: Millis
    symbol: str
    price: Decimal


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What the ledger and the venue were compared for; each difference is a sentence with both numbers."""

    at: Millis
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DataStale:
    """No fresh candle for too long: entries pause until DataFresh."""

    at: Millis
    symbol: str
    reason: str


@dataclass(frozen=True, slots=True)
class DataFresh:
    """Candles arrive again."""

    at: Millis
    symbol: str


@dataclass(frozen=True, slots=True)
class SupervisorLost:
    """Nobody has watched this instance for the dead man's time."""

    at: Millis


@dataclass(frozen=True, slots=True)
class SupervisorFound:
    """A supervisor watches this instance again."""

    at: Millis


@dataclass(frozen=True, slots=True)
class DiskFull:
    """There is hardly room left for the ledger: entries pause until DiskFreed."""

    at: Millis
    reason: str


@dataclass(frozen=True, slots=True)
class DiskFreed:
    """There is room again."""

    at: Millis


@dataclass(frozen=True, slots=True)
class VenueLost:
    """Orders cannot be sent or asked after, and why: entries pause until VenueFound."""

    at: Millis
    reason: str


@dataclass(frozen=True, slots=True)
class VenueFound:
    """The private side of the venue answers again."""

    at: Millis


@dataclass(frozen=True, slots=True)
class SourceEnded:
    """A replay has reached the end of its file; `close` says whether positions are closed at the last price."""

    at: Millis
    close: bool


Fact = (
    Candle
    | Fill
    | OrderReport
    | Alert
    | Intelligence
    | IntelligenceFailed
    | OperatorRequest
    | SettingsChanged
    | Timer
    | Tick
    | Reconciled
    | DataStale
    | DataFresh
    | SupervisorLost
    | SupervisorFound
    | DiskFull
    | DiskFreed
    | VenueLost
    | VenueFound
    | SourceEnded
)
