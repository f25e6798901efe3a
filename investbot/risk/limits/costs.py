"""An entry that loses although every target is reached is no opportunity: its costs eat its edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from investbot.domain.rules import RiskRules
from investbot.domain.signal import OrderIntent
from investbot.risk.gate import Denial, RiskView
from investbot.risk.words import plain, rounded


@dataclass(frozen=True, slots=True)
class CostsLimit:
    """An entry that loses although every target is reached is no opportunity: its costs eat its edge."""

    name: ClassVar[str] = "costs"

    def review(self, intent: OrderIntent, view: RiskView, rules: RiskRules) -> Denial | None:
        """Refuse when fees and slippage are at least what the targets bring; without a target nothing is compared."""
        if intent.net_reward > 0 or not intent.targets:
            return None
        quote = view.instrument.quote
        return Denial(
            self.name,
            f"The targets bring {rounded(intent.net_reward + intent.costs)} {quote} and getting in and out there costs "
            f"{rounded(intent.costs)}: {rounded(intent.net_reward)} {quote} is left.",
            plain(intent.costs),
            plain(intent.net_reward + intent.costs),
        )
