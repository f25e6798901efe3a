"""Entries only while trading is ACTIVE; REDUCING and HALTED only leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from investbot.domain.rules import RiskRules
from investbot.domain.signal import OrderIntent
from investbot.domain.states import TradingState
from investbot.risk.gate import Denial, RiskView


@dataclass(frozen=True, slots=True)
class TradingStateLimit:
    """Entries only while trading is ACTIVE; REDUCING and HALTED only leave."""

    name: ClassVar[str] = "trading_state"

    def review(self, intent: OrderIntent, view: RiskView, rules: RiskRules) -> Denial | None:
        """Refuse unless ACTIVE."""
        if view.trading_state is TradingState.ACTIVE:
            return None
        return Denial(
            self.name,
            f"Trading is {view.trading_state.value}; entries need it to be ACTIVE.",
            view.trading_state.value,
            TradingState.ACTIVE.value,
        )
