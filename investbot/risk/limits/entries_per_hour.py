"""So many entries in any 60 minutes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from investbot.domain.market import HOUR
from investbot.domain.rules import RiskRules
from investbot.domain.signal import OrderIntent
from investbot.risk.gate import Denial, RiskView


@dataclass(frozen=True, slots=True)
class EntriesPerHourLimit:
    """So many entries in any 60 minutes."""

    name: ClassVar[str] = "entries_per_hour"

    def review(self, intent: OrderIntent, view: RiskView, rules: RiskRules) -> Denial | None:
        """Refuse the entry that would be one too many of the last 60 minutes, this moment included."""
        count = sum(1 for entered_at in view.entry_times if entered_at > view.at - HOUR) + 1
        if count <= rules.max_entries_per_hour:
            return None
        return Denial(
            self.name,
            f"This entry would be number {count} of this hour; max_entries_per_hour is {rules.max_entries_per_hour}.",
            str(count),
            str(rules.max_entries_per_hour),
        )
