"""Buy a breakout of the channel, but only in the kinds of market where breakouts go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from investbot.analysis.candles import CandleLayers
from investbot.analysis.indicators import Atr, Declared, Donchian, line
from investbot.analysis.regime import Regime, Regimes
from investbot.domain.signal import Direction, Signal
from investbot.strategies.api import MarketView, check_parameters, parameter
from investbot.strategies.words import plain


@dataclass(frozen=True, slots=True)
class BreakoutRegime:
    """LONG on the first close above the highest high of the `channel` bars before, on volume, in a fitting regime.

    The regime is trending, or volatile where `volatile` allows it; the volume at least `volume` times the mean of the
    20 bars before. The stop opinion lies `stop_atr` ATR under the close. SHORT (leave) on the first close below the
    middle of the channel.
    """

    name: ClassVar[str] = "breakout_regime"
    description: ClassVar[str] = "Buys breakouts of a channel in trending markets; leaves at its middle."

    channel: int = parameter(20, "bars of the channel", least=2, most=500)
    volume: float = parameter(1.2, "least volume of the breakout, times the mean", least=0.0, most=50.0)
    volatile: bool = parameter(False, "whether volatile markets count too")
    atr: int = parameter(14, "period of ATR, bars", least=1, most=500)
    stop_atr: float = parameter(2.0, "how far under the close the stop lies, ATR", least=0.1, most=10.0)

    def __post_init__(self) -> None:
        """ConfigError when a parameter is out of its bounds."""
        check_parameters(self)

    @property
    def warmup(self) -> int:
        """Bars before opinions count: until the first regime is known, or the longest period, three times."""
        return max(Regimes().lookback + 1, 3 * max(self.channel, self.atr))

    def indicators(self) -> Mapping[str, Declared]:
        """The channel, the regime, relative volume and ATR."""
        channel = Donchian(self.channel)
        return {
            "upper": line(channel, "upper"),
            "middle": line(channel, "middle"),
            "regime": line(Regimes(), "regime"),
            "volume": line(CandleLayers(), "volume"),
            "atr": Atr(self.atr),
        }

    def confirm_indicators(self) -> Mapping[str, Declared]:
        """Nothing is read on a longer timeframe."""
        return {}

    def evaluate(self, view: MarketView) -> Signal | None:
        """Form the opinion described above; a missing value (NaN) compares false and gives none."""
        now, previous, close = view.now, view.previous, view.bar.close
        before = view.previous_bar.close
        if close < now["middle"] and before >= previous["middle"]:
            reason = f"Close {plain(close)} fell below the middle of the channel, {plain(now['middle'])}."
            return Signal(Direction.SHORT, 0.5, reason)
        if view.holding or not (close > previous["upper"] and now["volume"] >= self.volume):
            return None
        regime = now["regime"]
        if regime != Regime.TREND and not (self.volatile and regime == Regime.VOLATILE):
            return None
        stop = close - self.stop_atr * now["atr"]
        reason = (
            f"Close {plain(close)} broke out over the highest high of {self.channel} bars, {plain(previous['upper'])}; "
            f"regime {Regime(int(regime)).name.lower()}; volume {now['volume']:.1f} times the mean."
        )
        confidence = 0.55 + 0.1 * (now["volume"] >= 2.0 * self.volume)
        setup = f"{Regime(int(regime)).name.lower()} breakout"
        return Signal(Direction.LONG, confidence, reason, stop=stop if stop > 0.0 else None, setup=setup)
