"""Two moving averages: in when the fast one crosses above the slow one, out when it crosses below."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from investbot.analysis.indicators import Ema, IndicatorSpec, Sma
from investbot.domain.errors import ConfigError
from investbot.domain.signal import Direction, Signal
from investbot.strategies.api import MarketView, check_parameters, parameter
from investbot.strategies.words import plain


@dataclass(frozen=True, slots=True)
class MovingAverageCross:
    """LONG on the bar whose fast average rises above the slow one, SHORT on the bar where it falls below."""

    name: ClassVar[str] = "ma_cross"
    description: ClassVar[str] = "Long when the fast moving average crosses above the slow one, out when below."

    fast: int = parameter(9, "period of the fast average, bars", least=2, most=1000)
    slow: int = parameter(21, "period of the slow average, bars; longer than fast", least=3, most=5000)
    kind: str = parameter("ema", "exponential or simple averages", choices=("ema", "sma"))

    def __post_init__(self) -> None:
        """ConfigError when a parameter is out of its bounds or fast is not shorter than slow."""
        check_parameters(self)
        if self.fast >= self.slow:
            message = f"ma_cross needs fast < slow, not fast = {self.fast} and slow = {self.slow}."
            raise ConfigError(message)

    @property
    def warmup(self) -> int:
        """Bars before opinions count: the slow average, twice, so that its seed has faded."""
        return 2 * self.slow

    def indicators(self) -> Mapping[str, IndicatorSpec]:
        """Both averages of the close."""
        if self.kind == "sma":
            return {"fast": Sma(self.fast), "slow": Sma(self.slow)}
        return {"fast": Ema(self.fast), "slow": Ema(self.slow)}

    def confirm_indicators(self) -> Mapping[str, IndicatorSpec]:
        """Nothing is read on a longer timeframe."""
        return {}

    def evaluate(self, view: MarketView) -> Signal | None:
        """LONG: previous fast <= slow and now fast > slow. SHORT: the mirror. A missing value compares false."""
        now = view.now
        fast = now["fast"]
        slow = now["slow"]
        if fast > slow:
            previous = view.previous
            if previous["fast"] <= previous["slow"]:
                return Signal(Direction.LONG, 0.5, self._reason("above", view))
        elif fast < slow:
            previous = view.previous
            if previous["fast"] >= previous["slow"]:
                return Signal(Direction.SHORT, 0.5, self._reason("below", view))
        return None

    def _reason(self, way: str, view: MarketView) -> str:
        """Say what crossed, with the numbers of this bar and the one before."""
        now, previous, kind = view.now, view.previous, self.kind.upper()
        return (
            f"{kind}({self.fast}) crossed {way} {kind}({self.slow}): {plain(now['fast'])} against "
            f"{plain(now['slow'])}, before {plain(previous['fast'])} against {plain(previous['slow'])}."
        )
