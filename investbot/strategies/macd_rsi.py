"""MACD gives the moment, RSI the room, and the longer timeframe has to agree with both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from investbot.analysis.indicators import Atr, Declared, Macd, Rsi, line
from investbot.domain.errors import ConfigError
from investbot.domain.signal import Direction, Signal
from investbot.strategies.api import MarketView, check_parameters, parameter
from investbot.strategies.words import plain


@dataclass(frozen=True, slots=True)
class MacdRsi:
    """LONG on the bar whose MACD rises above its signal line, with RSI inside [rsi_low, rsi_high].

    On the longer timeframe, where there is one, MACD has to be above its signal and RSI at least `rsi_confirm`. The
    stop opinion lies `stop_atr` ATR under the close. SHORT (leave) on the bar whose MACD falls below its signal.
    """

    name: ClassVar[str] = "macd_rsi"
    description: ClassVar[str] = "Long when MACD crosses above its signal with RSI in range, on two timeframes."

    fast: int = parameter(12, "period of MACD's fast EMA, bars", least=2, most=500)
    slow: int = parameter(26, "period of MACD's slow EMA, bars; longer than fast", least=3, most=2000)
    signal: int = parameter(9, "period of MACD's signal line, bars", least=2, most=500)
    rsi: int = parameter(14, "period of RSI, bars", least=2, most=500)
    rsi_low: float = parameter(40.0, "RSI under which nothing is bought, 0..100", least=0.0, most=100.0)
    rsi_high: float = parameter(70.0, "RSI over which nothing is bought, 0..100", least=0.0, most=100.0)
    rsi_confirm: float = parameter(50.0, "least RSI on the longer timeframe, 0..100", least=0.0, most=100.0)
    atr: int = parameter(14, "period of ATR, bars", least=1, most=500)
    stop_atr: float = parameter(1.5, "how far under the close the stop lies, ATR", least=0.1, most=10.0)

    def __post_init__(self) -> None:
        """ConfigError when a parameter is out of its bounds or a pair of them is the wrong way round."""
        check_parameters(self)
        if self.fast >= self.slow:
            raise ConfigError(f"macd_rsi needs fast < slow, not fast = {self.fast} and slow = {self.slow}.")
        if self.rsi_low >= self.rsi_high:
            raise ConfigError(
                f"macd_rsi needs rsi_low < rsi_high, not rsi_low = {self.rsi_low} and rsi_high = {self.rsi_high}."
            )

    @property
    def warmup(self) -> int:
        """Bars before opinions count: MACD's slow EMA and its signal, three times, so that the seed has faded."""
        return 3 * max(self.slow + self.signal, self.rsi, self.atr)

    def indicators(self) -> Mapping[str, Declared]:
        """MACD and its signal, RSI and ATR."""
        return {**self.confirm_indicators(), "atr": Atr(self.atr)}

    def confirm_indicators(self) -> Mapping[str, Declared]:
        """MACD and its signal, and RSI."""
        macd = Macd(self.fast, self.slow, self.signal)
        return {"macd": line(macd, "macd"), "signal": line(macd, "signal"), "rsi": Rsi(self.rsi)}

    def evaluate(self, view: MarketView) -> Signal | None:
        """Form the opinion described above; a missing value (NaN) compares false and gives none."""
        now, previous = view.now, view.previous
        macd, signal = now["macd"], now["signal"]
        if macd < signal and previous["macd"] >= previous["signal"]:
            reason = f"MACD {plain(macd)} fell below its signal {plain(signal)}."
            return Signal(Direction.SHORT, 0.5, reason)
        crossed = macd > signal and previous["macd"] <= previous["signal"]
        if view.holding or not crossed or not self.rsi_low <= now["rsi"] <= self.rsi_high:
            return None
        longer = None if view.confirm is None else view.confirm.now
        if longer is not None and not (longer["macd"] > longer["signal"] and longer["rsi"] >= self.rsi_confirm):
            return None
        close = view.bar.close
        stop = close - self.stop_atr * now["atr"]
        parts = [
            f"MACD({self.fast},{self.slow},{self.signal}) {plain(macd)} rose above its signal {plain(signal)}",
            f"RSI({self.rsi}) {now['rsi']:.1f} is within {self.rsi_low:g} and {self.rsi_high:g}",
        ]
        if longer is not None:
            parts.append(f"longer timeframe agrees: MACD {plain(longer['macd'])}, RSI {longer['rsi']:.1f}")
        confidence = 0.5 + 0.15 * (longer is not None) + 0.1 * (macd < 0.0)
        return Signal(Direction.LONG, confidence, "; ".join(parts) + ".", stop=stop if stop > 0.0 else None)
