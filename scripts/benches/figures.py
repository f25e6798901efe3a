"""One measured figure, and how a set of them is told."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its unit and, where there is one, its goal; `better` is higher or lower."""

    bench: str
    figure: str
    value: float
    unit: str
    goal: float | None
    better: str

    @property
    def met(self) -> bool:
        """Whether the goal is reached; a figure without a goal always is."""
        if self.goal is None:
            return True
        return self.value >= self.goal if self.better == "higher" else self.value <= self.goal

    def row(self) -> dict[str, Any]:
        """Tell the figure as programs read it."""
        value = float(f"{self.value:.6g}")
        return {**asdict(self), "value": value, "met": self.met, "command": f"scripts/bench {self.bench}"}

    def line(self) -> str:
        """Tell the figure as a person reads it."""
        goal = "" if self.goal is None else f"  goal {'≥' if self.better == 'higher' else '≤'} {self.goal:g}"
        verdict = "" if self.goal is None else ("  met" if self.met else "  NOT MET")
        return f"{self.bench:10} {self.figure:44} {self.value:>14,.4g} {self.unit}{goal}{verdict}"


def best_seconds(work: Callable[[], object], rounds: int = 5) -> float:
    """Give the shortest processor time of several rounds, in seconds: what the code costs when nothing disturbs it."""
    shortest = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        work()
        shortest = min(shortest, time.process_time() - started)
    return shortest


def percentile(values: Sequence[float], part: float) -> float:
    """Give the `part` (0..1) quantile of some values."""
    return statistics.quantiles(values, n=1000, method="inclusive")[round(part * 1000) - 1]
