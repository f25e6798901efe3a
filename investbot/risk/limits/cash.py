"""The cash at hand pays for the position and its fee."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from investbot.domain.rules import RiskRules
from investbot.domain.signal import OrderIntent
from investbot.risk.gate import Denial, RiskView
from investbot.risk.rules import FEE_ROUNDING
from investbot.risk.words import plain


@dataclass(frozen=True, slots=True)
class CashLimit:
    """The cash at hand pays for the position and its fee."""

    name: ClassVar[str] = "cash"

    def review(self, intent: OrderIntent, view: RiskView, rules: RiskRules) -> Denial | None:
        """Refuse when notional * (1 + taker fee), with the rounding of fees, is over the cash."""
        needed = intent.notional * (1 + view.costs.taker_fee) + FEE_ROUNDING
        if needed <= view.cash:
            return None
        return Denial(
            self.name,
            f"The entry needs {plain(needed)} {view.instrument.quote} with its fee; cash is {plain(view.cash)}.",
            plain(needed),
            plain(view.cash),
        )
