"""Items of the world outside, weighed into one number for one symbol at one moment. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from investbot.domain.intelligence import IntelligenceItem
from investbot.domain.market import Millis
from investbot.domain.reading import Bias, Reading

_TOLD = 3
"""How many items the evidence names."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What all items that still count say together: `value` from -1 (falls) to 1 (rises), made of `items` items."""

    value: float
    items: int
    evidence: str

    def reading(self, at: Millis, weight: float = 1.0) -> Reading:
        """Give it as a reading of strength |value| * weight, known at `at` (milliseconds UTC)."""
        bias = Bias.BULLISH if self.value > 0.0 else Bias.BEARISH if self.value < 0.0 else Bias.NEUTRAL
        return Reading("intelligence", bias, min(1.0, abs(self.value) * weight), self.evidence, at)


def outlook(items: Iterable[IntelligenceItem], symbol: str, at: Millis) -> Outlook | None:
    """Weigh the items about `symbol` at a moment (milliseconds UTC); None where none weighs anything.

    value = sum(weight * bias) / max(1, sum(weight)), with the weight of each item as `IntelligenceItem.weight` has it:
    a few doubtful or old items say little, many sure ones their mean.
    """
    told = [(item.weight(at), item) for item in items if item.concerns(symbol)]
    counting = [(weight, item) for weight, item in told if weight > 0.0]
    if not counting:
        return None
    total = sum(weight for weight, _ in counting)
    value = sum(weight * item.bias for weight, item in counting) / max(1.0, total)
    value = max(-1.0, min(1.0, value))  # the last digit of a sum may go beyond
    heaviest = sorted(counting, key=lambda each: -abs(each[0] * each[1].bias))[:_TOLD]
    words = "; ".join(f"{item.source} {item.bias:+.2f}{f' {item.text}' if item.text else ''}" for _, item in heaviest)
    return Outlook(value, len(counting), f"Outside {value:+.2f} of {len(counting)}: {words}")
