"""So many positions at once, and one a symbol; entries on their way count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from investbot.domain.rules import RiskRules
from investbot.domain.signal import OrderIntent
from investbot.risk.gate import Denial, RiskView


@dataclass(frozen=True, slots=True)
class OpenPositionsLimit:
    """So many positions at once, and one a symbol; entries on their way count."""

    name: ClassVar[str] = "open_positions"

    def review(self, intent: OrderIntent, view: RiskView, rules: RiskRules) -> Denial | None:
        """Refuse a second position in a symbol and one more than `max_open_positions`."""
        if view.symbol_held:
            return Denial(self.name, f"{intent.symbol} is held already; 1 position a symbol is allowed.", "2", "1")
        count = view.open_positions + view.pending_entries + 1
        if count <= rules.max_open_positions:
            return None
        return Denial(
            self.name,
            f"This would be open position number {count}; max_open_positions is {rules.max_open_positions}.",
            str(count),
            str(rules.max_open_positions),
        )
