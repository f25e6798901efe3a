"""Orders and fills: what was asked of a venue and what it did."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from investbot.domain.market import Millis


class Side(StrEnum):
    """Which way base moves."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """How a venue is asked to execute."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    """A market order that sleeps until the price reaches `stop_price`."""


class TimeInForce(StrEnum):
    """How long an order waits."""

    GTC = "gtc"
    IOC = "ioc"


class Role(StrEnum):
    """Why an order exists."""

    ENTRY = "entry"
    STOP = "stop"
    TARGET = "target"
    EXIT = "exit"
    FLATTEN = "flatten"


class OrderState(StrEnum):
    """The life of one order; INTENDED is durable before anything is sent."""

    INTENDED = "INTENDED"
    SENT = "SENT"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    PARTLY_FILLED = "PARTLY_FILLED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"


DONE = frozenset({OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED})


@dataclass(frozen=True, slots=True)
class Order:
    """An approved intent, written to the ledger before it is sent.

    `order_id` is unique in the instance (`7-stop-2`: plan, role, sequence), `client_order_id` on the venue;
    `quantity` in
    base, `price` (limit) and `stop_price` (trigger) in quote per base; `replaces` names the order this one takes
    the place of.
    """

    order_id: str
    client_order_id: str
    plan_id: str
    placed_at: Millis
    symbol: str
    side: Side
    type: OrderType
    role: Role
    quantity: Decimal
    reason: str
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Fill:
    """What the venue did: quantity in base, price in quote per base, the fee in `fee_currency`.

    `at` in milliseconds UTC; `trade_id` is the venue's and books a fill only once. Where a venue takes two fees,
    `fee` is the one in base and `fee_quote` what was taken from quote cash beside it.
    """

    at: Millis
    order_id: str
    trade_id: str
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str
    fee_quote: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What the venue says of an order besides fills: acknowledged, cancelled, rejected, expired or unknown."""

    at: Millis
    order_id: str
    state: OrderState
    venue_order_id: str | None = None
    reason: str = ""
