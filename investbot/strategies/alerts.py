"""No opinion of its own: it trades what alerts say, through the same gate and exits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from investbot.analysis.indicators import Declared
from investbot.domain.signal import Signal
from investbot.strategies.api import MarketView, check_parameters


@dataclass(frozen=True, slots=True)
class Alerts:
    """Says nothing at any bar; alerts (from TradingView and the like) raise the signals."""

    name: ClassVar[str] = "alerts"
    description: ClassVar[str] = "Trades what alerts from outside say, through the instance's own limits and exits."

    def __post_init__(self) -> None:
        """There is nothing that could be out of its bounds."""
        check_parameters(self)

    @property
    def warmup(self) -> int:
        """No bar is needed."""
        return 0

    def indicators(self) -> Mapping[str, Declared]:
        """Nothing is read."""
        return {}

    def confirm_indicators(self) -> Mapping[str, Declared]:
        """Nothing is read on a longer timeframe."""
        return {}

    def evaluate(self, view: MarketView) -> Signal | None:
        """No opinion."""
        del view
        return None
