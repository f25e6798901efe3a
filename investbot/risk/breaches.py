"""When trading has lost too much: the equity at which entries stop for the day, or until an operator resumes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol

from investbot.domain.rules import RiskRules

Breach = Literal["daily_loss", "drawdown"]


class Wealth(Protocol):
    """Whatever knows these four sums in quote: the gate's view, or the engine's state."""

    @property
    def capital(self) -> Decimal:
        """The allocation."""
        ...

    @property
    def equity(self) -> Decimal:
        """Cash plus positions at the mark."""
        ...

    @property
    def peak(self) -> Decimal:
        """The highest equity so far."""
        ...

    @property
    def day_start_equity(self) -> Decimal:
        """What the UTC day began with."""
        ...


@dataclass(frozen=True, slots=True)
class Floors:
    """Equity in quote at or below which a limit is breached; they change only with capital, peak, day and rules."""

    daily_loss: Decimal
    drawdown: Decimal


def floors(*, capital: Decimal, day_start_equity: Decimal, peak: Decimal, rules: RiskRules) -> Floors:
    """Daily loss: day start - daily_loss_fraction * capital. Drawdown: peak * (1 - max_drawdown_fraction)."""
    return Floors(
        daily_loss=day_start_equity - rules.daily_loss_fraction * capital,
        drawdown=peak * (1 - rules.max_drawdown_fraction),
    )


def breach_at(equity: Decimal, bounds: Floors) -> Breach | None:
    """Name the breached limit at this equity; the drawdown first, because it lasts longer."""
    if equity <= bounds.drawdown:
        return "drawdown"
    if equity <= bounds.daily_loss:
        return "daily_loss"
    return None


def breach(view: Wealth, rules: RiskRules) -> Breach | None:
    """Name the breached limit, if any; a host that marks every candle keeps `floors` and asks `breach_at`."""
    bounds = floors(capital=view.capital, day_start_equity=view.day_start_equity, peak=view.peak, rules=rules)
    return breach_at(view.equity, bounds)
