"""The rules of impulses and corrections, over turns of the market given as prices."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from enum import StrEnum

SPREAD = 0.25
"""Distance from a Fibonacci ratio, as a part of it, at which a guideline counts for nothing."""
FLAT_B = (0.8, 1.0)
"""Part of A that wave B of a flat gives back."""
FLAT_C = (1.0, 1.618)
"""Length of wave C of a flat, in lengths of A."""
ZIGZAG_B = 0.786
"""Most of A that wave B of a zigzag gives back."""
ZIGZAG_C = (0.618, 1.618)


class Form(StrEnum):
    """What a count takes the turns for."""

    IMPULSE = "impulse"
    ZIGZAG = "zigzag"
    FLAT = "flat"
    TRIANGLE = "triangle"


def nearness(ratio: float, *aims: float) -> float:
    """Tell how near a ratio is to the nearest of some Fibonacci ratios: 1 at it, 0 from a quarter of it away."""
    nearest = 0.0
    for aim in aims:
        nearest = max(nearest, 1.0 - abs(ratio - aim) / (SPREAD * aim))
    return nearest


def impulse_breaks(prices: Sequence[float]) -> str:
    """Name the hard rule that 3 to 6 turns (start, ends of waves 1, 2, …) break as an impulse, "" when they keep all.

    Prices in quote per base; a falling impulse is given with its prices negated. Rules (R. N. Elliott, The Wave
    Principle, 1938; A. Frost, R. Prechter, 1978): wave 2 gives back at most all of wave 1; wave 3 ends beyond wave 1
    and is not the shortest of 1, 3 and 5; wave 4 does not enter the prices of wave 1; wave 5 goes with the impulse.
    """
    start, one, two = prices[:3]
    if one <= start or two >= one:
        return "waves 1 and 2 go the wrong way"
    if two < start:
        return "wave 2 gives back more than wave 1"
    if len(prices) > 3 and prices[3] <= one:
        return "wave 3 does not go beyond wave 1"
    if len(prices) > 4 and prices[4] <= one:
        return "wave 4 enters the prices of wave 1"
    if len(prices) > 5:
        first, third, fifth = one - start, prices[3] - two, prices[5] - prices[4]
        if fifth <= 0.0:
            return "wave 5 goes the wrong way"
        if third < first and third < fifth:
            return "wave 3 is the shortest"
    return ""


def impulse_score(prices: Sequence[float]) -> float:
    """Score 3 to 6 turns that keep the rules by the guidelines, 0..1: the mean of those that can be judged already.

    Wave 2 gives back 0.5 or 0.618 of wave 1; wave 3 is 1.618 (or 2.618) times wave 1; wave 4 gives back 0.382 of wave
    3; wave 5 is as long as wave 1, or 1.618 times it; waves 2 and 4 alternate: one deep, one shallow (0.2 apart counts
    fully).
    """
    start, one, two = prices[:3]
    first = one - start
    back = (one - two) / first
    parts = [nearness(back, 0.5, 0.618)]
    if len(prices) > 3:
        third = prices[3] - two
        parts.append(nearness(third / first, 1.618, 2.618))
        if len(prices) > 4:
            given = (prices[3] - prices[4]) / third
            parts += [nearness(given, 0.382), min(1.0, abs(back - given) / 0.2)]
            if len(prices) > 5:
                parts.append(nearness((prices[5] - prices[4]) / first, 1.0, 1.618))
    return sum(parts) / len(parts)


def zigzag_score(prices: Sequence[float]) -> float | None:
    """Score four turns (start, ends of A, B and C) that fall as a zigzag, 0..1; None when they are none.

    B gives back at most 0.786 of A, C ends beyond A and is 0.618 to 1.618 times A; best with B near 0.5 or 0.618 and C
    near A. A rising one is given with its prices negated. Source: Frost and Prechter.
    """
    start, a, b, c = prices
    first, back, third = start - a, b - a, b - c
    if min(first, back, third) <= 0.0 or back > ZIGZAG_B * first or c >= a:
        return None
    ratio = third / first
    if not ZIGZAG_C[0] <= ratio <= ZIGZAG_C[1]:
        return None
    return (nearness(back / first, 0.5, 0.618) + nearness(ratio, 1.0)) / 2


def flat_score(prices: Sequence[float]) -> float | None:
    """Score four turns (start, ends of A, B and C) that fall as a flat, 0..1; None when they are none.

    B gives back 0.8 to 1.0 of A, C is 1.0 to 1.618 times A; best with B at 1.0 and C at 1.0 or 1.618. Source: Frost and
    Prechter.
    """
    start, a, b, c = prices
    first, back, third = start - a, b - a, b - c
    if min(first, back, third) <= 0.0:
        return None
    if not (FLAT_B[0] <= back / first <= FLAT_B[1] and FLAT_C[0] <= third / first <= FLAT_C[1]):
        return None
    return (nearness(back / first, 1.0) + nearness(third / first, 1.0, 1.618)) / 2


def triangle_score(prices: Sequence[float]) -> float | None:
    """Score six turns (start, ends of A to E) as a contracting triangle, 0..1; None when they are none.

    Each of the legs B to E is shorter than the one before; best when each is 0.618 of it. Source: Frost and Prechter.
    """
    legs = [abs(prices[1] - prices[0])]
    for before, after in itertools.pairwise(prices[1:]):
        legs.append(abs(after - before))
        if legs[-1] >= legs[-2]:
            return None
    if legs[-1] <= 0.0:
        return None
    ratios = [after / before for before, after in itertools.pairwise(legs)]
    return sum([nearness(ratio, 0.618) for ratio in ratios]) / len(ratios)
