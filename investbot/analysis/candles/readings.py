"""The patterns of a candle as readings, weighed by its other layers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from investbot.analysis.analyser import Bars, Stream
from investbot.analysis.candles.layers import CandleLayers
from investbot.analysis.candles.patterns import FITTING, RULES, Rule, Shape, shape_of, shapes_of
from investbot.domain.market import Bar, Millis
from investbot.domain.reading import Bias, Reading

LARGE = 1.0
"""A candle is large from one ATR of range on."""
BUSY = 1.5
"""A candle is busy from 1.5 times the mean volume on."""
LOW_THIRD, HIGH_THIRD = 1.0 / 3.0, 2.0 / 3.0

_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class CandlePatterns:
    """Every pattern that a candle completes, as readings `candles.<pattern>`, known at its close.

    strength = 0.4 for the pattern, and 0.2 each when the candle is large (size >= 1), busy (volume >= 1.5), and in
    place: a bullish one in the lowest third of its context, a bearish one in the highest; a neutral one in neither. A
    layer that is not known yet adds nothing. Rules: `patterns.RULES`; layers: `CandleLayers`.
    """

    layers: CandleLayers = field(default_factory=CandleLayers)

    def stream(self) -> Stream[tuple[Reading, ...]]:
        """Begin a stream at the next bar."""
        return _PatternStream(self.layers)

    def over(self, bars: Bars) -> tuple[Reading, ...]:
        """Give all readings of whole columns, oldest first."""
        whole, lines = shapes_of(*bars[:4]), self.layers.over(bars)
        size, volume, context = lines[4], lines[5], lines[7]
        agreeing = (size >= LARGE) + 2 * (volume >= BUSY)
        places = {
            Bias.BULLISH: agreeing + 4 * (context <= LOW_THIRD),
            Bias.BEARISH: agreeing + 4 * (context >= HIGH_THIRD),
            Bias.NEUTRAL: agreeing,
        }
        ats, told = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
        for number, rule in enumerate(RULES):
            first = rule.candles - 1
            if bars.size > first:
                shapes = [
                    Shape(*(column[first - back : bars.size - back] for column in whole))
                    for back in range(rule.candles)
                ]
                holds = rule.holds(*shapes)
                for shape, way in zip(shapes, rule.ways, strict=True):
                    holds = holds & (shape.way == way) if way else holds
                hits = np.flatnonzero(holds) + first
                ats.append(hits)
                told.append(8 * number + places[rule.bias][hits])
        at, which = np.concatenate(ats), np.concatenate(told)
        order = np.lexsort((which, at))
        codes: list[int] = which[order].tolist()
        known: list[Millis] = bars.closed_at[at[order]].tolist()
        return tuple([Reading(*_TOLD[code], when) for code, when in zip(codes, known, strict=True)])


class _PatternStream:
    """The shapes of the last three candles and the layers of the newest."""

    __slots__ = ("_layers", "_shapes", "_ways")

    def __init__(self, layers: CandleLayers) -> None:
        self._layers = layers.stream().update
        self._shapes: tuple[Shape, ...] = ()
        self._ways: tuple[int, ...] = ()

    def update(self, bar: Bar, closed_at: Millis) -> tuple[Reading, ...]:
        """Take one closed bar and give the patterns it completes."""
        shape = shape_of(bar)
        shapes = self._shapes = (shape, *self._shapes[:2])
        ways = self._ways = (shape.way, *self._ways[:2])
        _, _, _, _, size, volume, _, context = self._layers(bar, closed_at)
        return tuple(
            [
                _reading(number, rule, size, volume, context, closed_at)
                for rules, candles in zip(FITTING[ways], (shapes[:1], shapes[:2], shapes), strict=True)
                for number, rule in rules
                if rule.holds(*candles)
            ]
        )


def _told(rule: Rule, agreeing: int) -> tuple[str, Bias, float, str]:
    """Put a pattern and the layers that agree (one bit each) into words, once."""
    place = "in the lowest third" if rule.bias is Bias.BULLISH else "in the highest third"
    words = (
        f"a range of at least {LARGE:g} ATR",
        f"a volume of at least {BUSY:g} times the mean",
        f"a close {place} of its context",
    )
    seen = [word for bit, word in enumerate(words) if agreeing >> bit & 1]
    evidence = f"{rule.words}; with {', '.join(seen)}" if seen else f"{rule.words}; no other layer agrees"
    return f"candles.{rule.name}", rule.bias, 0.4 + _SHARE * len(seen), evidence


_TOLD = tuple(_told(rule, agreeing) for rule in RULES for agreeing in range(8))
"""The words of rule number n with layers a agreeing stand at 8 n + a."""


def _reading(number: int, rule: Rule, size: float, volume: float, context: float, closed_at: Millis) -> Reading:
    in_place = (rule.bias is Bias.BULLISH and context <= LOW_THIRD) or (
        rule.bias is Bias.BEARISH and context >= HIGH_THIRD
    )
    return Reading(*_TOLD[8 * number + (size >= LARGE) + 2 * (volume >= BUSY) + 4 * in_place], closed_at)
