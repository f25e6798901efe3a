"""Opinions before money: signals and the intents that are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from investbot.domain.market import Millis, Timeframe


class Direction(StrEnum):
    """Where the strategy thinks the price goes; on a spot venue SHORT means leave."""

    LONG = "long"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class SignalPart:
    """What one factor brought to an opinion: `points` of -100 (for a fall) to 100, and what was seen."""

    name: str
    points: float
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class SignalLevel:
    """A price that an opinion rests on: `kind` in words, `price` in quote per base, `strength` 0..1.

    `session` is where it comes from in the day (asia, london, new_york), empty for none.
    """

    kind: str
    price: float
    strength: float = 1.0
    session: str = ""


@dataclass(frozen=True, slots=True)
class Signal:
    """An opinion: no quantity, nothing promised.

    `confidence` 0..1; `stop` and `targets` are prices in quote per base, None or empty where the profile's exits
    decide. `setup` names the kind of opportunity, by which results are told apart; `parts` are what it was weighed
    from, `levels` the prices it rests on.
    """

    direction: Direction
    confidence: float
    reason: str
    stop: float | None = None
    targets: tuple[float, ...] = ()
    setup: str = ""
    parts: tuple[SignalPart, ...] = ()
    levels: tuple[SignalLevel, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """A signal with a quantity, up for review.

    `limit_price` is the most an entry may pay and `stop` the protective price (quote per base), `quantity` in base,
    `notional`, `worst_loss` and `net_reward` in quote: at the limit price, at the stop with all costs, at the
    targets net. `costs` in quote: fees and slippage of getting in and out at the targets.
    """

    at: Millis
    signal_id: str
    symbol: str
    timeframe: Timeframe
    direction: Direction
    quantity: Decimal
    limit_price: Decimal
    stop: Decimal
    targets: tuple[tuple[Decimal, Decimal], ...]
    notional: Decimal
    worst_loss: Decimal
    net_reward: Decimal
    costs: Decimal = Decimal(0)
