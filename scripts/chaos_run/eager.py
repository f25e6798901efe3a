"""A strategy that wants in whenever it is out: it has no opinion of the market, it makes orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from investbot.analysis.indicators import IndicatorSpec
from investbot.domain.signal import Direction, Signal
from investbot.strategies.api import MarketView, parameter


@dataclass(frozen=True, slots=True)
class Eager:
    """LONG on every bar on which nothing is held, SHORT on every `patience`th one otherwise."""

    name: ClassVar[str] = "eager"
    description: ClassVar[str] = "In on every bar, out again soon; for trying out orders, not for money."
    warmup: ClassVar[int] = 2

    patience: int = parameter(2, "bars between two opinions that it is time to leave", least=1, most=10_000)

    def indicators(self) -> Mapping[str, IndicatorSpec]:
        """Read nothing."""
        return {}

    def confirm_indicators(self) -> Mapping[str, IndicatorSpec]:
        """Read nothing on a longer timeframe."""
        return {}

    def evaluate(self, view: MarketView) -> Signal | None:
        """Want the other side of what is."""
        if not view.holding:
            return Signal(Direction.LONG, 0.5, "nothing is held")
        return Signal(Direction.SHORT, 0.5, "held long enough") if view.bars_seen % self.patience == 0 else None
