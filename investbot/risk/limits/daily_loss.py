"""No entry on a UTC day that has lost its share of the capital."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from investbot.domain.rules import RiskRules
from investbot.domain.signal import OrderIntent
from investbot.risk.breaches import floors
from investbot.risk.gate import Denial, RiskView
from investbot.risk.words import plain


@dataclass(frozen=True, slots=True)
class DailyLossLimit:
    """No entry on a UTC day that has lost its share of the capital."""

    name: ClassVar[str] = "daily_loss"

    def review(self, intent: OrderIntent, view: RiskView, rules: RiskRules) -> Denial | None:
        """Refuse at or under day start - daily_loss_fraction * capital."""
        bounds = floors(capital=view.capital, day_start_equity=view.day_start_equity, peak=view.peak, rules=rules)
        if view.equity > bounds.daily_loss:
            return None
        lost = view.day_start_equity - view.equity
        allowed = rules.daily_loss_fraction * view.capital
        return Denial(
            self.name,
            f"This day has lost {plain(lost)} {view.instrument.quote}; daily_loss_fraction "
            f"{plain(rules.daily_loss_fraction)} of {plain(view.capital)} allows less than {plain(allowed)}.",
            plain(lost),
            plain(allowed),
        )
