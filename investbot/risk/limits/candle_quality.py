"""No entry on a bar that looks wrong or came late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from investbot.domain.market import Quality
from investbot.domain.rules import RiskRules
from investbot.domain.signal import OrderIntent
from investbot.risk.gate import Denial, RiskView


@dataclass(frozen=True, slots=True)
class CandleQualityLimit:
    """No entry on a bar that looks wrong or came late."""

    name: ClassVar[str] = "candle_quality"

    def review(self, intent: OrderIntent, view: RiskView, rules: RiskRules) -> Denial | None:
        """Refuse unless the bar is GOOD."""
        if view.quality is Quality.GOOD:
            return None
        return Denial(
            self.name,
            f"The bar is {view.quality.value}; entries need a {Quality.GOOD.value} one.",
            view.quality.value,
            Quality.GOOD.value,
        )
