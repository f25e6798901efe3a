"""Samples of a fleet over time, and what they say about growth. Pure: it is told all numbers."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

SECONDS_AN_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one process: seconds since the run began, MiB of its own, open descriptors, threads."""

    at: float
    private_mb: float
    descriptors: int
    threads: int


def settled(samples: Sequence[Sample], part: float = 0.2) -> Sequence[Sample]:
    """Leave out the first `part` (0..1) of the time, in which caches fill."""
    if not samples:
        return samples
    first, last = samples[0].at, samples[-1].at
    return [sample for sample in samples if sample.at >= first + part * (last - first)]


def slope_mb_an_hour(samples: Sequence[Sample]) -> float:
    """Give how fast memory grows (Theil-Sen: the median of all slopes, so that one peak says nothing)."""
    slopes = [
        (late.private_mb - early.private_mb) / (late.at - early.at)
        for number, early in enumerate(samples)
        for late in samples[number + 1 :]
        if late.at > early.at
    ]
    return statistics.median(slopes) * SECONDS_AN_HOUR if slopes else 0.0


def grown(counts: Sequence[int]) -> int:
    """Give by how many a count has grown: the least of the last third over the most of the first."""
    third = max(1, len(counts) // 3)
    return max(0, min(counts[-third:]) - max(counts[:third])) if len(counts) > 1 else 0
