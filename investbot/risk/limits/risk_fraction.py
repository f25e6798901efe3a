"""One position loses at most its share of the capital at its stop, costs included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from investbot.domain.rules import RiskRules
from investbot.domain.signal import OrderIntent
from investbot.risk.gate import Denial, RiskView
from investbot.risk.words import plain


@dataclass(frozen=True, slots=True)
class RiskFractionLimit:
    """One position loses at most its share of the capital at its stop, costs included."""

    name: ClassVar[str] = "risk_fraction"

    def review(self, intent: OrderIntent, view: RiskView, rules: RiskRules) -> Denial | None:
        """Refuse over risk_fraction * capital."""
        allowed = rules.risk_fraction * view.capital
        if intent.worst_loss <= allowed:
            return None
        return Denial(
            self.name,
            f"The position could lose {plain(intent.worst_loss)} {view.instrument.quote} at its stop; risk_fraction "
            f"{plain(rules.risk_fraction)} of {plain(view.capital)} allows {plain(allowed)}.",
            plain(intent.worst_loss),
            plain(allowed),
        )
