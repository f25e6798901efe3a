"""The gate every entry passes: an ordered list of reasons to refuse, of which the first one wins and says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Protocol

from investbot.domain.market import Instrument, Millis, Quality
from investbot.domain.rules import CostRules, RiskRules
from investbot.domain.signal import OrderIntent
from investbot.domain.states import TradingState


@dataclass(frozen=True, slots=True)
class Denial:
    """A refusal: the limit's name, one sentence for a human, and the number that was compared with its bound."""

    limit: str
    reason: str
    value: str
    bound: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskView:
    """What the gate may know of an instance at one moment; made by the engine for each review.

    Moments in milliseconds UTC, money in quote. `entry_times` are the moments of this instance's entries of at least
    the last 24 hours, ascending; `last_entry_at` and `last_exit_at` are those of the intent's symbol and timeframe;
    `last_intent_at` is when an equal intent (symbol and direction) last passed the gate, from whatever door;
    `paused` names the causes for which entries are paused; `quality` is that of the bar the intent was formed on.
    """

    at: Millis
    instrument: Instrument
    costs: CostRules
    capital: Decimal
    cash: Decimal
    equity: Decimal
    peak: Decimal
    day_start_equity: Decimal
    open_positions: int = 0
    pending_entries: int = 0
    entry_times: tuple[Millis, ...] = ()
    last_entry_at: Millis | None = None
    last_exit_at: Millis | None = None
    last_intent_at: Millis | None = None
    trading_state: TradingState = TradingState.ACTIVE
    paused: tuple[str, ...] = ()
    symbol_held: bool = False
    quality: Quality = Quality.GOOD


class Limit(Protocol):
    """One reason to refuse an entry."""

    name: ClassVar[str]

    def review(self, intent: OrderIntent, view: RiskView, rules: RiskRules) -> Denial | None:
        """Give a denial with both numbers, or None when this limit has nothing against the intent."""
        ...


class RiskGate:
    """The limits in order."""

    __slots__ = ("limits",)

    def __init__(self, limits: Sequence[Limit]) -> None:
        """Keep the limits; see `default_limits` in the room `limits` for the usual order."""
        self.limits: tuple[Limit, ...] = tuple(limits)

    def review(self, intent: OrderIntent, view: RiskView, rules: RiskRules) -> Denial | None:
        """Ask each limit in order; the first denial wins, None means the entry may be placed."""
        for limit in self.limits:
            denial = limit.review(intent, view, rules)
            if denial is not None:
                return denial
        return None
