"""A rest after each entry and each exit of a symbol and timeframe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from investbot.domain.rules import RiskRules
from investbot.domain.signal import OrderIntent
from investbot.risk.gate import Denial, RiskView


@dataclass(frozen=True, slots=True)
class CooldownLimit:
    """A rest after each entry and each exit of a symbol and timeframe."""

    name: ClassVar[str] = "cooldown"

    def review(self, intent: OrderIntent, view: RiskView, rules: RiskRules) -> Denial | None:
        """Refuse within `cooldown_ms` milliseconds of the later of the last entry and the last exit."""
        moments = [moment for moment in (view.last_entry_at, view.last_exit_at) if moment is not None]
        if not moments or view.at - max(moments) >= rules.cooldown_ms:
            return None
        age = view.at - max(moments)
        return Denial(
            self.name,
            f"The last entry or exit of {intent.symbol} {intent.timeframe} was {age / 1000:g} s ago; cooldown is "
            f"{rules.cooldown_ms / 1000:g} s.",
            str(age),
            str(rules.cooldown_ms),
        )
