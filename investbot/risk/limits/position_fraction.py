"""One position costs at most its share of the capital, at the entry's limit price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from investbot.domain.rules import RiskRules
from investbot.domain.signal import OrderIntent
from investbot.risk.gate import Denial, RiskView
from investbot.risk.words import plain


@dataclass(frozen=True, slots=True)
class PositionFractionLimit:
    """One position costs at most its share of the capital, at the entry's limit price."""

    name: ClassVar[str] = "position_fraction"

    def review(self, intent: OrderIntent, view: RiskView, rules: RiskRules) -> Denial | None:
        """Refuse over position_fraction * capital."""
        allowed = rules.position_fraction * view.capital
        if intent.notional <= allowed:
            return None
        return Denial(
            self.name,
            f"The position would cost {plain(intent.notional)} {view.instrument.quote}; position_fraction "
            f"{plain(rules.position_fraction)} of {plain(view.capital)} allows {plain(allowed)}.",
            plain(intent.notional),
            plain(allowed),
        )
