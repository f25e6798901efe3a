"""Events: what the engine concluded, in the past tense. The ledger keeps them all; everything else derives from them.

Every event has `at`, the moment of the fact that caused it (milliseconds UTC). Money in quote, prices in quote per
base, quantities in base.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from investbot.domain.intelligence import IntelligenceHeard, IntelligenceRefused
from investbot.domain.market import Millis
from investbot.domain.order import Order, OrderState, Side
from investbot.domain.position import ExitPlan, RoundTrip
from investbot.domain.signal import Direction, SignalLevel, SignalPart
from investbot.domain.states import TradingState


@dataclass(frozen=True, slots=True)
class CapitalAllocated:
    """The allocation changed: `amount` is the whole allocation now, `change` what cash gained or lost by it."""

    at: Millis
    amount: Decimal
    change: Decimal


@dataclass(frozen=True, slots=True)
class SettingsApplied:
    """Another version of the configuration decides from here on; what it changed, and what waits for the next start.

    Each key is told as `key: before -> after`. The first version of an instance is not told.
    """

    at: Millis
    version: int
    by: str
    applied: tuple[str, ...]
    waiting: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SeriesAnchored:
    """The first candle of a series was seen: indicators are counted from here for ever."""

    at: Millis
    symbol: str
    timeframe: str
    opened_at: Millis


@dataclass(frozen=True, slots=True)
class CandleFlagged:
    """A bar looked wrong (see `reason`): no entry on it, exits still act."""

    at: Millis
    symbol: str
    timeframe: str
    opened_at: Millis
    reason: str


@dataclass(frozen=True, slots=True)
class SignalRaised:
    """The strategy (or another `source`) had an opinion, with the candle it was formed on.

    `price` is the close the opinion refers to; `confidence` 0..1; `candle` is (opened_at, open, high, low, close,
    volume). `alert_id` names the alert it came by.
    """

    at: Millis
    signal_id: str
    symbol: str
    timeframe: str
    source: str
    direction: Direction
    confidence: float
    price: Decimal
    stop: Decimal | None
    targets: tuple[Decimal, ...]
    reason: str
    candle: tuple[Millis, Decimal, Decimal, Decimal, Decimal, float]
    setup: str = ""
    parts: tuple[SignalPart, ...] = ()
    levels: tuple[SignalLevel, ...] = ()
    alert_id: str = ""


@dataclass(frozen=True, slots=True)
class IntentDenied:
    """The gate refused: which limit, why in words, and the numbers it compared."""

    at: Millis
    signal_id: str
    symbol: str
    limit: str
    reason: str
    value: str
    bound: str


@dataclass(frozen=True, slots=True)
class PlanMade:
    """An entry was approved, with the barriers its position will have."""

    at: Millis
    plan: ExitPlan


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """An order was decided; durable before it is sent."""

    at: Millis
    order: Order


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """An order moved to another state without a fill."""

    at: Millis
    order_id: str
    state: OrderState
    venue_order_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The engine wants an order withdrawn; durable before the venue is asked."""

    at: Millis
    order_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class OrderFilled:
    """The venue executed (part of) an order. `fee_quote` is what the fee took from quote cash."""

    at: Millis
    order_id: str
    plan_id: str
    trade_id: str
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str
    fee_quote: Decimal
    gapped: bool


@dataclass(frozen=True, slots=True)
class PositionOpened:
    """The first fill of an entry: something is held now."""

    at: Millis
    plan_id: str
    symbol: str


@dataclass(frozen=True, slots=True)
class TargetReached:
    """The price reached a rung that the instance keeps itself: `rung` counts from 1, `price` is the rung's."""

    at: Millis
    plan_id: str
    symbol: str
    rung: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class CloseRequested:
    """A position is to be left at the market, and why."""

    at: Millis
    plan_id: str
    symbol: str
    reason: str


@dataclass(frozen=True, slots=True)
class PositionClosed:
    """A position is flat; the whole story of it."""

    at: Millis
    trip: RoundTrip


@dataclass(frozen=True, slots=True)
class DustLeft:
    """Less than one lot was left over and cannot be sold."""

    at: Millis
    symbol: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class PeakRaised:
    """Equity reached a new high; drawdown counts from here."""

    at: Millis
    equity: Decimal


@dataclass(frozen=True, slots=True)
class PeakReset:
    """An operator resumed after a drawdown: `equity` is the new height that drawdown counts from."""

    at: Millis
    equity: Decimal


@dataclass(frozen=True, slots=True)
class DayRolled:
    """A UTC day ended: `day` is that one, in days since the epoch; `equity` is what the next one starts with."""

    at: Millis
    day: int
    equity: Decimal


@dataclass(frozen=True, slots=True)
class TradingStateChanged:
    """Trading became ACTIVE, REDUCING or HALTED, and why."""

    at: Millis
    state: TradingState
    reason: str


@dataclass(frozen=True, slots=True)
class EntriesPaused:
    """No new entries for this `cause` (operator, stale:SYMBOL, supervisor); exits go on."""

    at: Millis
    cause: str
    reason: str


@dataclass(frozen=True, slots=True)
class EntriesResumed:
    """The `cause` of a pause is gone."""

    at: Millis
    cause: str


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """An operator's request could not be met, and why."""

    at: Millis
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class SourceFinished:
    """A replay came to the end of its candles."""

    at: Millis


Event = (
    CapitalAllocated
    | SettingsApplied
    | SeriesAnchored
    | CandleFlagged
    | SignalRaised
    | IntelligenceHeard
    | IntelligenceRefused
    | IntentDenied
    | PlanMade
    | OrderPlaced
    | OrderChanged
    | CancelRequested
    | OrderFilled
    | PositionOpened
    | TargetReached
    | CloseRequested
    | PositionClosed
    | DustLeft
    | PeakRaised
    | PeakReset
    | DayRolled
    | TradingStateChanged
    | EntriesPaused
    | EntriesResumed
    | RequestRefused
    | SourceFinished
)
