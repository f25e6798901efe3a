"""Wyckoff's schematics, Elliott's waves and indicators as three methods, fused into one opinion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, cast

from investbot.analysis.analyser import Finding
from investbot.analysis.confluence import Fusion, Level, atr_levels, confirmations, fuse
from investbot.analysis.elliott.counts import Counts, Elliott
from investbot.analysis.findings import Side
from investbot.analysis.indicators import Atr, Declared, Ema, Macd, Rsi, line
from investbot.analysis.wyckoff.events import Name, Phase, Schematic, WyckoffEvent
from investbot.analysis.wyckoff.schematics import Wyckoff
from investbot.domain.market import MINUTE
from investbot.domain.reading import Bias, Reading
from investbot.domain.signal import Direction, Signal, SignalLevel
from investbot.strategies.api import MarketView, check_parameters, parameter
from investbot.strategies.grounds import method_parts

_AGREEING = 3
"""Of the four rules to confirm a rise, how many make a reading."""
_SAYS_NOTHING = {Name.PRELIMINARY_SUPPORT, Name.PRELIMINARY_SUPPLY, Name.FAILURE}


@dataclass(frozen=True, slots=True)
class WyckoffElliott:
    """LONG when the methods that are switched on agree on a rise, at a bar where one of them found something new.

    wyckoff: the last event of a schematic, at most `fresh_minutes` old, with its own confidence. elliott: the best
    count of the last turns, as long as the close is not beyond its invalidation, with its score. indicators: three of
    the four rules of `confirmations` hold and no more of their mirror, strength 0.25 a rule. Fusion: HIGH (two agree)
    or MEDIUM (one over 0.75), with at least `min_confidence`. Stop 2 ATR away, targets at 4, 6 and 8 ATR. SHORT (leave)
    when they agree on a fall.
    """

    name: ClassVar[str] = "wyckoff_elliott"
    description: ClassVar[str] = "Fuses Wyckoff schematics, Elliott counts and indicators into one opinion."

    wyckoff: bool = parameter(True, "whether Wyckoff's schematics are read")
    elliott: bool = parameter(True, "whether Elliott's waves are counted")
    indicators_on: bool = parameter(True, "whether indicators confirm")
    min_confidence: float = parameter(0.5, "least confidence of the fusion, 0..1", least=0.0, most=1.0)
    fresh_minutes: int = parameter(720, "how long a Wyckoff event counts, minutes", least=1, most=100_000)
    width: int = parameter(5, "bars on both sides of an Elliott turn", least=1, most=50)
    window: int = parameter(60, "bars in which a Wyckoff climax is the extreme", least=10, most=1000)
    atr: int = parameter(14, "period of ATR, bars", least=1, most=500)
    weight_intelligence: float = parameter(
        0.0, "what strength of the world outside counts as a method, 0..1; 0: off", least=0.0, most=1.0
    )

    def __post_init__(self) -> None:
        """ConfigError when a parameter is out of its bounds."""
        check_parameters(self)

    @property
    def warmup(self) -> int:
        """Bars before opinions count: EMA(50), three times, or the window of a climax."""
        return max(150, self.window, 3 * self.atr)

    def indicators(self) -> Mapping[str, Declared]:
        """RSI, EMAs, MACD, ATR, and the two finders."""
        macd = Macd()
        return {
            "rsi": Rsi(14),
            "fast": Ema(20),
            "slow": Ema(50),
            "macd": line(macd, "macd"),
            "signal": line(macd, "signal"),
            "atr": Atr(self.atr),
            "wyckoff": Wyckoff(window=self.window),
            "elliott": Elliott(self.width),
        }

    def confirm_indicators(self) -> Mapping[str, Declared]:
        """Nothing is read on a longer timeframe."""
        return {}

    def evaluate(self, view: MarketView) -> Signal | None:
        """Form the opinion described above."""
        if not (self._is_news(view, "wyckoff", on=self.wyckoff) or self._is_news(view, "elliott", on=self.elliott)):
            return None
        readings = self.readings(view)
        fusion = fuse(readings)
        if fusion.level is Level.NONE or fusion.confidence < self.min_confidence:
            return None
        if fusion.bias is Bias.BEARISH:
            return Signal(Direction.SHORT, fusion.confidence, _told(fusion))
        if view.holding or not view.now["atr"] > 0.0:
            return None
        stop, targets = atr_levels(view.bar.close, view.now["atr"], fusion.bias)
        setup, parts = "+".join(reading.source for reading in fusion.agreeing), method_parts(readings)
        least = stop if stop > 0.0 else None
        return Signal(Direction.LONG, fusion.confidence, _told(fusion), least, targets, setup, parts, _levels(view))

    def readings(self, view: MarketView) -> list[Reading | None]:
        """Give what each method that is switched on says at this bar, None where it says nothing."""
        found: list[Reading | None] = []
        if self.wyckoff:
            found.append(self._wyckoff(view))
        if self.elliott:
            found.append(_elliott(view))
        if self.indicators_on:
            found.append(_confirmed(view))
        if self.weight_intelligence:
            outlook = view.outlook
            found.append(None if outlook is None else outlook.reading(view.closed_at, self.weight_intelligence))
        return found

    def _is_news(self, view: MarketView, name: str, *, on: bool) -> bool:
        findings: tuple[Finding, ...] = view.found[name]
        return on and bool(findings) and findings[-1].known_at == view.closed_at

    def _wyckoff(self, view: MarketView) -> Reading | None:
        events = cast("tuple[WyckoffEvent, ...]", view.found["wyckoff"])
        for event in reversed(events):
            if view.closed_at - event.known_at > self.fresh_minutes * MINUTE or event.phase is Phase.NONE:
                return None
            if event.name not in _SAYS_NOTHING:
                bias = Bias.BULLISH if event.schematic is Schematic.ACCUMULATION else Bias.BEARISH
                said = (
                    f"{event.schematic.value}: {event.name.value} in phase {event.phase.value} on "
                    f"{event.volume_ratio:.1f} times the mean volume."
                )
                return Reading(f"wyckoff.{event.name.value}", bias, event.confidence, said, event.known_at)
        return None


def _elliott(view: MarketView) -> Reading | None:
    counts = cast("tuple[Counts, ...]", view.found["elliott"])
    if not counts or not counts[-1].candidates:
        return None
    best = counts[-1].candidates[0]
    if (view.bar.close - best.invalidation) * best.expects < 0.0:
        return None
    wave = f"wave {best.wave}" if best.wave else "the end"
    bias = Bias.BULLISH if best.expects is Side.HIGH else Bias.BEARISH
    said = f"{best.form.value} in {wave}, score {best.score:.2f}, wrong beyond {best.invalidation:g}."
    return Reading(f"elliott.{best.form.value}", bias, best.score, said, counts[-1].known_at)


def _levels(view: MarketView) -> tuple[SignalLevel, ...]:
    """Give the price beyond which the best count is wrong."""
    counts = cast("tuple[Counts, ...]", view.found["elliott"])
    best = counts[-1].candidates[:1] if counts else ()
    return tuple(SignalLevel(f"invalidation of {each.form.value}", each.invalidation, each.score) for each in best)


def _confirmed(view: MarketView) -> Reading | None:
    now = view.now
    rsi, fast, slow, macd, signal = (now[name] for name in ("rsi", "fast", "slow", "macd", "signal"))
    up = sum(confirmations(rsi, view.bar.close, fast, slow, macd, signal))
    down = sum(confirmations(100.0 - rsi, -view.bar.close, -fast, -slow, -macd, -signal))
    if max(up, down) < _AGREEING:
        return None
    bias = Bias.BULLISH if up > down else Bias.BEARISH
    rules = max(up, down)
    said = f"{rules} of 4 rules of RSI, EMA and MACD agree."
    return Reading("indicators", bias, 0.25 * rules, said, view.closed_at)


def _told(fusion: Fusion) -> str:
    """Put a fusion in words."""
    parts = "; ".join(f"{reading.source}: {reading.evidence.rstrip('.')}" for reading in fusion.agreeing)
    return f"{fusion.level.value} agreement, {fusion.bias.value}: {parts}."
