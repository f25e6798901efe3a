"""No entry while anybody or anything has paused entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from investbot.domain.rules import RiskRules
from investbot.domain.signal import OrderIntent
from investbot.risk.gate import Denial, RiskView


@dataclass(frozen=True, slots=True)
class EntriesPausedLimit:
    """No entry while anybody or anything has paused entries."""

    name: ClassVar[str] = "entries_paused"

    def review(self, intent: OrderIntent, view: RiskView, rules: RiskRules) -> Denial | None:
        """Refuse while at least one cause of a pause stands."""
        if not view.paused:
            return None
        causes = ", ".join(view.paused)
        return Denial(self.name, f"Entries are paused ({causes}); none may be paused for an entry.", causes, "none")
