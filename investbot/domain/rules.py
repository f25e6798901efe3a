"""The numbers of a profile that the pure floors need: costs, risk rules, exit rules. Fractions, never percentages."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from investbot.domain.market import HOUR, MINUTE, Millis

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class CostRules:
    """What trading costs: fees and slippage as fractions of notional or price.

    `latency_ms` delays every simulated order; `bar_share` is the part of a bar's volume one order may take (0 =
    no bound).
    """

    taker_fee: Decimal = Decimal("0.001")
    maker_fee: Decimal = Decimal("0.001")
    slippage: Decimal = Decimal("0.0005")
    latency_ms: Millis = 0
    bar_share: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class RiskRules:
    """The limits of the gate: fractions of capital, counts, and durations in milliseconds."""

    position_fraction: Decimal = Decimal("0.02")
    risk_fraction: Decimal = Decimal("0.01")
    max_open_positions: int = 1
    max_entries_per_hour: int = 4
    max_entries_per_day: int = 20
    daily_loss_fraction: Decimal = Decimal("0.03")
    max_drawdown_fraction: Decimal = Decimal("0.10")
    cooldown_ms: Millis = 5 * MINUTE
    min_net_reward_risk: Decimal = Decimal("1.0")
    duplicate_window_ms: Millis = MINUTE
    entry_band: Decimal = Decimal("0.002")
    """How far above the signal's price an entry may pay, as a fraction; beyond it the entry is not filled."""
    kelly_fraction: Decimal = ZERO
    """The part of full Kelly that one entry may risk, never over risk_fraction; 0 switches it off."""
    kelly_trips: int = 30
    """Results there must be before Kelly is asked."""


@dataclass(frozen=True, slots=True)
class ExitRules:
    """The barriers of a position as fractions of its entry price; `targets` are (distance, part of the position).

    `stop_atr` is a multiple of ATR(14) (None = not used); `stop_structure` uses the signal's own stop; both are
    clamped.
    """

    stop_fraction: Decimal = Decimal("0.01")
    stop_min: Decimal = Decimal("0.005")
    stop_max: Decimal = Decimal("0.01")
    stop_atr: Decimal | None = None
    stop_structure: bool = False
    targets: tuple[tuple[Decimal, Decimal], ...] = ((Decimal("0.02"), Decimal(1)),)
    target_min: Decimal = Decimal("0.01")
    target_max: Decimal = Decimal("0.05")
    """A signal's own targets are clamped to these distances; the profile's ladder is taken as it is."""
    trailing_fraction: Decimal = ZERO
    max_age_ms: Millis = 4 * HOUR
