"""What is held and how it is left: plans, positions, round trips."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from investbot.domain.market import Millis


@dataclass(frozen=True, slots=True)
class ExitPlan:
    """The barriers a position is born with.

    `stop_distance` and the ladder's distances are fractions of the average entry price; each rung is (distance,
    part of the
    position); `trailing_fraction` 0 means no trail; `max_age_ms` 0 means no time barrier; `planned_risk` in quote.
    """

    plan_id: str
    symbol: str
    signal_id: str
    stop_distance: Decimal
    ladder: tuple[tuple[Decimal, Decimal], ...]
    trailing_fraction: Decimal
    max_age_ms: Millis
    planned_risk: Decimal
    setup: str = ""
    """The kind of opportunity it was entered for."""
    config_version: int = 0
    """Which version of the configuration decided the entry; 0 where that is not known."""


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """Entry to flat, net of every cost.

    `quantity` in base; prices are averages in quote per base; `costs` (fees) and `net_pnl` in quote; `r` is net
    result over
    the risk planned at entry; `mae` and `mfe` are the worst and best excursion as fractions of the entry price;
    `gapped` says that the market jumped over the stop.
    """

    plan_id: str
    opened_at: Millis
    closed_at: Millis
    symbol: str
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    costs: Decimal
    net_pnl: Decimal
    r: Decimal
    mae: Decimal
    mfe: Decimal
    exit_reason: str
    gapped: bool
    setup: str = ""
    """The kind of opportunity it was entered for."""
    config_version: int = 0
    """Which version of the configuration decided the entry; 0 where that is not known."""
