"""What an analyser found, in a form that can be weighed with others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from investbot.domain.market import Millis


class Bias(StrEnum):
    """Which way a reading leans."""

    BULLISH = "bullish"
    BEARISH = "bearish"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Reading:
    """One analyser's finding: `strength` 0..1, `evidence` one sentence with its numbers.

    `source` names the analyser and the rule (`candles.engulfing`); `known_at` is the close of the bar by which it was
    certain, milliseconds UTC.
    """

    source: str
    bias: Bias
    strength: float
    evidence: str
    known_at: Millis
