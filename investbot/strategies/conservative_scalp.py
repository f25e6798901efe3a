"""Buy a pullback inside an upward trend, with a stop under the pullback and a small target left to the profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from investbot.analysis.indicators import Atr, Ema, IndicatorSpec, Rsi
from investbot.domain.errors import ConfigError
from investbot.domain.signal import Direction, Signal
from investbot.strategies.api import MarketView, check_parameters, parameter
from investbot.strategies.words import plain


@dataclass(frozen=True, slots=True)
class ConservativeScalp:
    """LONG when a trend is up, a pullback ends on this bar, and the market moves neither too little nor too much.

    Trend: fast EMA above slow EMA, the close above the slow one, and the same two on the longer timeframe when there is
    one. Pullback, either of two: the bar dipped to the fast EMA after one that closed below it, and closed above it
    (touch); or RSI turned back up through `rsi_dip` (dip). Sanity: ATR / close inside [atr_min, atr_max]. The stop
    opinion lies `stop_atr` ATR under the lower low of the last two bars. SHORT (leave) on the bar whose fast EMA falls
    below the slow one; nothing else is said while something is held.
    """

    name: ClassVar[str] = "conservative_scalp"
    description: ClassVar[str] = (
        "Buys the end of a pullback in an upward trend (EMA, RSI, ATR); leaves when the trend breaks."
    )

    fast: int = parameter(20, "period of the fast EMA, bars", least=2, most=500)
    slow: int = parameter(50, "period of the slow EMA, bars; longer than fast", least=3, most=2000)
    rsi: int = parameter(14, "period of RSI, bars", least=2, most=500)
    rsi_dip: float = parameter(45.0, "RSI level that a dip must turn up through, 0..100", least=1.0, most=99.0)
    rsi_high: float = parameter(70.0, "RSI at or above which nothing is bought, 0..100", least=1.0, most=100.0)
    atr: int = parameter(14, "period of ATR, bars", least=1, most=500)
    atr_min: float = parameter(0.0008, "least ATR / close: below it costs eat the move, fraction", least=0.0, most=1.0)
    atr_max: float = parameter(0.02, "most ATR / close: above it a tight stop is noise, fraction", least=0.0, most=1.0)
    stop_atr: float = parameter(0.5, "how far under the pullback's low the stop lies, ATR", least=0.0, most=10.0)

    def __post_init__(self) -> None:
        """ConfigError when a parameter is out of its bounds or a pair of them is the wrong way round."""
        check_parameters(self)
        if self.fast >= self.slow:
            message = f"conservative_scalp needs fast < slow, not fast = {self.fast} and slow = {self.slow}."
            raise ConfigError(message)
        if self.atr_min >= self.atr_max:
            message = (
                f"conservative_scalp needs atr_min < atr_max, not atr_min = {self.atr_min} and "
                f"atr_max = {self.atr_max}."
            )
            raise ConfigError(message)

    @property
    def warmup(self) -> int:
        """Bars before opinions count: the longest period, three times, so that its seed has faded."""
        return 3 * max(self.slow, self.rsi, self.atr)

    def indicators(self) -> Mapping[str, IndicatorSpec]:
        """Two EMAs, RSI and ATR."""
        return {"fast": Ema(self.fast), "slow": Ema(self.slow), "rsi": Rsi(self.rsi), "atr": Atr(self.atr)}

    def confirm_indicators(self) -> Mapping[str, IndicatorSpec]:
        """The same two EMAs on the longer timeframe."""
        return {"fast": Ema(self.fast), "slow": Ema(self.slow)}

    def evaluate(self, view: MarketView) -> Signal | None:
        """Form the opinion described above; a missing value (NaN) compares false and gives none."""
        now = view.now
        fast = now["fast"]
        slow = now["slow"]
        if not fast > slow:
            if fast < slow and view.previous["fast"] >= view.previous["slow"]:
                return Signal(Direction.SHORT, 0.5, self._broken(view))
            return None
        _, _, low, close, _ = view.bar
        if view.holding or not close > slow:
            return None
        previous = view.previous
        touched = view.previous_bar.close < previous["fast"] and low <= fast < close
        rsi = now["rsi"]
        dipped = previous["rsi"] < self.rsi_dip <= rsi
        if not (touched or dipped) or not rsi < self.rsi_high:
            return None
        if not self.atr_min <= now["atr"] / close <= self.atr_max or not self._confirmed(view):
            return None
        return self._long(view, touched=touched, dipped=dipped)

    def _confirmed(self, view: MarketView) -> bool:
        """Tell whether the longer timeframe, where there is one, trends up as well; not before it is warm."""
        longer = view.confirm
        return longer is None or longer.now["fast"] > longer.now["slow"]

    def _long(self, view: MarketView, *, touched: bool, dipped: bool) -> Signal:
        """Put the opinion in words and numbers; more evidence, more confidence (0.5, 0.65, 0.8)."""
        now, close = view.now, view.bar.close
        stop = min(view.bar.low, view.previous_bar.low) - self.stop_atr * now["atr"]
        parts = [f"trend up: EMA({self.fast}) {plain(now['fast'])} above EMA({self.slow}) {plain(now['slow'])}"]
        if view.confirm is not None:
            longer = view.confirm.now
            parts.append(f"longer timeframe agrees: {plain(longer['fast'])} above {plain(longer['slow'])}")
        if touched:
            parts.append(f"pullback to {plain(view.bar.low)} closed back above the fast EMA at {plain(close)}")
        if dipped:
            parts.append(f"RSI({self.rsi}) turned up from {view.previous['rsi']:.1f} to {now['rsi']:.1f}")
        parts.append(f"ATR({self.atr}) is {now['atr'] / close:.4f} of the price")
        confidence = 0.5 + 0.15 * ((touched and dipped) + (view.confirm is not None))
        setup = "dip+rsi" if touched and dipped else "dip" if touched else "rsi"
        reason = "; ".join(parts) + "."
        return Signal(Direction.LONG, confidence, reason, stop=stop if stop > 0.0 else None, setup=setup)

    def _broken(self, view: MarketView) -> str:
        """Say how the trend broke."""
        now = view.now
        return f"Trend broken: EMA({self.fast}) {plain(now['fast'])} fell below EMA({self.slow}) {plain(now['slow'])}."
