"""What the targets bring, net of costs, is worth what the stop may cost; 0 switches it off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from investbot.domain.rules import RiskRules
from investbot.domain.signal import OrderIntent
from investbot.risk.gate import Denial, RiskView
from investbot.risk.words import plain, rounded


@dataclass(frozen=True, slots=True)
class NetRewardRiskLimit:
    """What the targets bring, net of costs, is worth what the stop may cost; 0 switches it off."""

    name: ClassVar[str] = "net_reward_risk"

    def review(self, intent: OrderIntent, view: RiskView, rules: RiskRules) -> Denial | None:
        """Refuse when net reward < min_net_reward_risk * worst loss; an entry without a target promises nothing."""
        least = rules.min_net_reward_risk
        if least <= 0 or intent.net_reward >= least * intent.worst_loss:
            return None
        ratio = rounded(intent.net_reward / intent.worst_loss)
        return Denial(
            self.name,
            f"Net of costs the targets bring {rounded(intent.net_reward)} {view.instrument.quote} for a risk of "
            f"{rounded(intent.worst_loss)}, a ratio of {ratio}; min_net_reward_risk is {plain(least)}.",
            ratio,
            plain(least),
        )
