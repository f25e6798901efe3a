"""No entry once equity has fallen too far from its peak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from investbot.domain.rules import RiskRules
from investbot.domain.signal import OrderIntent
from investbot.risk.breaches import floors
from investbot.risk.gate import Denial, RiskView
from investbot.risk.words import plain


@dataclass(frozen=True, slots=True)
class DrawdownLimit:
    """No entry once equity has fallen too far from its peak."""

    name: ClassVar[str] = "drawdown"

    def review(self, intent: OrderIntent, view: RiskView, rules: RiskRules) -> Denial | None:
        """Refuse at or under peak * (1 - max_drawdown_fraction)."""
        bounds = floors(capital=view.capital, day_start_equity=view.day_start_equity, peak=view.peak, rules=rules)
        if view.equity > bounds.drawdown:
            return None
        return Denial(
            self.name,
            f"Equity is {plain(view.equity)} {view.instrument.quote}; max_drawdown_fraction "
            f"{plain(rules.max_drawdown_fraction)} of the peak {plain(view.peak)} needs more than "
            f"{plain(bounds.drawdown)}.",
            plain(view.equity),
            plain(bounds.drawdown),
        )
