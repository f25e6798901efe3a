"""A burst of volume in a thin, fast market: in and out quickly, and only where there is enough to sell into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from investbot.analysis.candles import CandleLayers
from investbot.analysis.indicators import Atr, Declared, Ema, Mfi, line
from investbot.domain.errors import ConfigError
from investbot.domain.signal import Direction, Signal
from investbot.strategies.api import MarketView, check_parameters, parameter
from investbot.strategies.words import plain


@dataclass(frozen=True, slots=True)
class MemecoinScalp:
    """LONG on a rising bar on `burst` times the mean volume that closes near its high, above both averages.

    Guards: liquidity: the bar traded at least `least_turnover` (quote); chase: the close is at most `chase` ATR above
    the slow EMA; wick: the close is in the upper `location` of the bar's range; heat: MFI under `mfi_high`; calm: ATR /
    close inside [atr_min, atr_max]. The stop opinion is the bar's low, less `stop_atr` ATR. SHORT (leave) on a falling
    bar on as much volume, or when the fast EMA falls below the slow one.
    """

    name: ClassVar[str] = "memecoin_scalp"
    description: ClassVar[str] = "Buys bursts of volume in fast, liquid markets; leaves on the first sign."

    fast: int = parameter(9, "period of the fast EMA, bars", least=2, most=200)
    slow: int = parameter(30, "period of the slow EMA, bars; longer than fast", least=3, most=1000)
    burst: float = parameter(2.5, "volume of the bar, times the mean of the 20 before it", least=1.0, most=100.0)
    least_turnover: float = parameter(10000.0, "least volume times price of the bar, quote", least=0.0, most=1e9)
    location: float = parameter(0.7, "least place of the close in the bar's range, 0..1", least=0.0, most=1.0)
    chase: float = parameter(4.0, "most distance of the close above the slow EMA, ATR", least=0.1, most=50.0)
    mfi: int = parameter(14, "period of the money flow index, bars", least=2, most=200)
    mfi_high: float = parameter(85.0, "MFI at or over which nothing is bought, 0..100", least=1.0, most=100.0)
    atr: int = parameter(14, "period of ATR, bars", least=1, most=200)
    atr_min: float = parameter(0.002, "least ATR / close: below it costs eat the move, fraction", least=0.0, most=1.0)
    atr_max: float = parameter(0.05, "most ATR / close: above it a stop means nothing, fraction", least=0.0, most=1.0)
    stop_atr: float = parameter(0.25, "how far under the bar's low the stop lies, ATR", least=0.0, most=10.0)

    def __post_init__(self) -> None:
        """ConfigError when a parameter is out of its bounds or a pair of them is the wrong way round."""
        check_parameters(self)
        if self.fast >= self.slow:
            raise ConfigError(f"memecoin_scalp needs fast < slow, not fast = {self.fast} and slow = {self.slow}.")
        if self.atr_min >= self.atr_max:
            raise ConfigError(
                f"memecoin_scalp needs atr_min < atr_max, not atr_min = {self.atr_min} and atr_max = {self.atr_max}."
            )

    @property
    def warmup(self) -> int:
        """Bars before opinions count: the longest period, three times, so that its seed has faded."""
        return 3 * max(self.slow, self.mfi, self.atr, 20)

    def indicators(self) -> Mapping[str, Declared]:
        """Two EMAs, ATR, MFI, and the layers of the candle."""
        layers = CandleLayers()
        return {
            "fast": Ema(self.fast),
            "slow": Ema(self.slow),
            "atr": Atr(self.atr),
            "mfi": Mfi(self.mfi),
            "location": line(layers, "location"),
            "volume": line(layers, "volume"),
        }

    def confirm_indicators(self) -> Mapping[str, Declared]:
        """Nothing is read on a longer timeframe."""
        return {}

    def evaluate(self, view: MarketView) -> Signal | None:
        """Form the opinion described above; a missing value (NaN) compares false and gives none."""
        now, previous, bar = view.now, view.previous, view.bar
        burst = now["volume"] >= self.burst
        if burst and bar.close < bar.open:
            return Signal(Direction.SHORT, 0.6, f"Sold on {now['volume']:.1f} times the mean volume.")
        if now["fast"] < now["slow"] and previous["fast"] >= previous["slow"]:
            return Signal(Direction.SHORT, 0.5, f"EMA({self.fast}) fell below EMA({self.slow}).")
        if view.holding or not (burst and bar.close > bar.open and now["location"] >= self.location):
            return None
        if not (bar.close > now["fast"] > now["slow"] and now["mfi"] < self.mfi_high):
            return None
        return self._guarded(view)

    def _guarded(self, view: MarketView) -> Signal | None:
        """Refuse what is too thin, too far gone, too dull or too wild."""
        now, bar = view.now, view.bar
        atr, turnover = now["atr"], bar.volume * bar.close
        reach = (bar.close - now["slow"]) / atr if atr > 0.0 else float("inf")
        if turnover < self.least_turnover or reach > self.chase:
            return None
        if not self.atr_min <= atr / bar.close <= self.atr_max:
            return None
        stop = bar.low - self.stop_atr * atr
        reason = (
            f"Bought on {now['volume']:.1f} times the mean volume, {plain(turnover)} traded; close {plain(bar.close)} "
            f"{reach:.1f} ATR above EMA({self.slow}); MFI {now['mfi']:.0f}."
        )
        confidence = 0.5 + 0.1 * (now["volume"] >= 2.0 * self.burst) + 0.1 * (reach <= self.chase / 2.0)
        return Signal(Direction.LONG, confidence, reason, stop=stop if stop > 0.0 else None)
