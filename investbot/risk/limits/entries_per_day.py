"""So many entries in one UTC day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from investbot.domain.market import DAY
from investbot.domain.rules import RiskRules
from investbot.domain.signal import OrderIntent
from investbot.risk.gate import Denial, RiskView


@dataclass(frozen=True, slots=True)
class EntriesPerDayLimit:
    """So many entries in one UTC day."""

    name: ClassVar[str] = "entries_per_day"

    def review(self, intent: OrderIntent, view: RiskView, rules: RiskRules) -> Denial | None:
        """Refuse the entry that would be one too many since midnight UTC."""
        today = view.at // DAY
        count = sum(1 for entered_at in view.entry_times if entered_at // DAY == today) + 1
        if count <= rules.max_entries_per_day:
            return None
        return Denial(
            self.name,
            f"This entry would be number {count} of this day; max_entries_per_day is {rules.max_entries_per_day}.",
            str(count),
            str(rules.max_entries_per_day),
        )
