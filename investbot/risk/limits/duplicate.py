"""No equal intent (symbol and direction) within a short while, whatever door it came by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from investbot.domain.rules import RiskRules
from investbot.domain.signal import OrderIntent
from investbot.risk.gate import Denial, RiskView


@dataclass(frozen=True, slots=True)
class DuplicateLimit:
    """No equal intent (symbol and direction) within a short while, whatever door it came by."""

    name: ClassVar[str] = "duplicate"

    def review(self, intent: OrderIntent, view: RiskView, rules: RiskRules) -> Denial | None:
        """Refuse within `duplicate_window_ms` milliseconds of the last one."""
        if view.last_intent_at is None or view.at - view.last_intent_at >= rules.duplicate_window_ms:
            return None
        age = view.at - view.last_intent_at
        return Denial(
            self.name,
            f"An equal intent for {intent.symbol} was made {age / 1000:g} s ago; duplicate_window is "
            f"{rules.duplicate_window_ms / 1000:g} s.",
            str(age),
            str(rules.duplicate_window_ms),
        )
