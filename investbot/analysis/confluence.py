"""Readings weighed into one score with every part kept, and the rule by which methods are fused. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from investbot.domain.errors import ConfigError
from investbot.domain.reading import Bias, Reading

TIER_WEIGHTS = {1: 3.0, 2: 2.0, 3: 1.0}
"""What a factor of each tier weighs, where nobody says otherwise."""
SURE = 0.75
"""Strength over which one method counts alone."""
UNANIMOUS = 1.2
"""What confidence is multiplied with when all methods agree."""
_SIGN = {Bias.BULLISH: 1.0, Bias.BEARISH: -1.0, Bias.NEUTRAL: 0.0}


@dataclass(frozen=True, slots=True)
class Factor:
    """Something that is looked at: `tier` 1 weighs three times, 2 twice, 3 once; `weight` overrides it (0 = off)."""

    name: str
    tier: int
    weight: float | None = None

    def __post_init__(self) -> None:
        """Refuse a tier that is none and a weight below zero; ConfigError."""
        if self.tier not in TIER_WEIGHTS:
            raise ConfigError(f"The factor {self.name} has tier 1, 2 or 3, not {self.tier}.")
        if self.weight is not None and not 0.0 <= self.weight <= 100.0:
            raise ConfigError(f"The factor {self.name} weighs from 0 to 100, not {self.weight}.")

    @property
    def weighs(self) -> float:
        """Its weight."""
        return TIER_WEIGHTS[self.tier] if self.weight is None else self.weight


@dataclass(frozen=True, slots=True)
class Part:
    """What one factor brought: `points` of the score (below zero: bearish); `reading` None when it found nothing."""

    factor: Factor
    points: float
    reading: Reading | None


@dataclass(frozen=True, slots=True)
class Confluence:
    """All factors in one number: `score` 0..100 towards `bias`, and the part of each factor, in their order."""

    bias: Bias
    score: float
    parts: tuple[Part, ...]

    @property
    def evidence(self) -> str:
        """Name the parts that count, the heaviest first, with their points."""
        told = sorted((part for part in self.parts if part.points and part.reading), key=lambda part: -abs(part.points))
        return "; ".join(
            f"{part.factor.name} {part.points:+.0f} ({part.reading.evidence.rstrip('.')})"
            for part in told
            if part.reading is not None
        )


def weigh(factors: Sequence[Factor], readings: Mapping[str, Reading]) -> Confluence:
    """Weigh readings, by the names of their factors, into a score.

    points = 100 * weight * strength / sum of all weights, with the sign of the bias; score = |sum of points|. A factor
    without a reading brings nothing but still weighs, so that 100 means that every factor agrees at full strength.
    """
    total = sum(factor.weighs for factor in factors)
    parts = []
    for factor in factors:
        reading = readings.get(factor.name)
        points = 0.0
        if reading is not None and total:
            points = 100.0 * factor.weighs * reading.strength * _SIGN[reading.bias] / total
        parts.append(Part(factor, points, reading))
    net = sum(part.points for part in parts)
    bias = Bias.BULLISH if net > 0.0 else Bias.BEARISH if net < 0.0 else Bias.NEUTRAL
    return Confluence(bias, abs(net), tuple(parts))


class Level(StrEnum):
    """How far methods agree."""

    HIGH = "high"
    MEDIUM = "medium"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Fusion:
    """What several methods say together; `confidence` 0..1, `agreeing` are the readings it is made of."""

    level: Level
    bias: Bias
    confidence: float
    agreeing: tuple[Reading, ...]


def fuse(readings: Sequence[Reading | None]) -> Fusion:
    """Fuse one reading a method (None where it says nothing; neutral ones count as nothing).

    Two or more with one bias, and more than with the other: HIGH. Else one alone with a strength over 0.75, against
    which none as strong stands: MEDIUM. Else NONE. Confidence is the mean strength of those that agree, times 1.2 when
    all methods (two at least) agree, at most 1.
    """
    said = [reading for reading in readings if reading is not None and reading.bias is not Bias.NEUTRAL]
    up = tuple(reading for reading in said if reading.bias is Bias.BULLISH)
    down = tuple(reading for reading in said if reading.bias is Bias.BEARISH)
    many, few = (up, down) if len(up) >= len(down) else (down, up)
    if len(many) > max(1, len(few)):
        confidence = sum(reading.strength for reading in many) / len(many)
        if len(many) == len(readings):
            confidence *= UNANIMOUS
        return Fusion(Level.HIGH, many[0].bias, min(1.0, confidence), many)
    sure = [reading for reading in said if reading.strength > SURE]
    if len(sure) == 1:
        return Fusion(Level.MEDIUM, sure[0].bias, sure[0].strength, tuple(sure))
    return Fusion(Level.NONE, Bias.NEUTRAL, 0.0, ())


STOP_ATR = 2.0
TARGETS_ATR = (4.0, 6.0, 8.0)


def atr_levels(price: float, atr: float, bias: Bias) -> tuple[float, tuple[float, float, float]]:
    """Give the stop, 2 ATR away, and the three targets, 4, 6 and 8 ATR away; all in quote per base."""
    sign = -1.0 if bias is Bias.BEARISH else 1.0
    first, second, third = (price + sign * distance * atr for distance in TARGETS_ATR)
    return price - sign * STOP_ATR * atr, (first, second, third)


def confirmations(rsi: float, close: float, fast: float, slow: float, macd: float, signal: float) -> tuple[bool, ...]:
    """Tell which of the four rules to confirm a rise hold: RSI(14) < 40, close > EMA(20), EMA(20) > EMA(50), MACD > its
    signal. Missing values (NaN) confirm nothing.
    """  # noqa: D205 - the rules belong in the first sentence
    return rsi < 40.0, close > fast, fast > slow, macd > signal


def confirm_long(rsi: float, close: float, fast: float, slow: float, macd: float, signal: float) -> bool:
    """Tell whether all four rules to confirm a rise hold."""
    return all(confirmations(rsi, close, fast, slow, macd, signal))


def confirm_short(rsi: float, close: float, fast: float, slow: float, macd: float, signal: float) -> bool:
    """Tell whether the mirrored rules hold: RSI(14) > 60, close < EMA(20), EMA(20) < EMA(50), MACD < its signal."""
    return all(confirmations(100.0 - rsi, -close, -fast, -slow, -macd, -signal))
