"""How the questions to one venue went: answers, errors and response times by kind of question."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

KEPT = 200
"""Answers an endpoint's quantiles are taken from."""
ALL = "all"
"""Stands for all kinds together."""


@dataclass(slots=True)
class Endpoint:
    """How one kind of question went: answers, errors, and the last response times in milliseconds."""

    answers: int = 0
    errors: int = 0
    times_ms: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))


class Endpoints:
    """The kinds of questions that were asked of one venue."""

    def __init__(self) -> None:
        self._kinds: dict[str, Endpoint] = {}

    def answered(self, name: str, seconds: float) -> None:
        """Count an answer that took so long."""
        endpoint = self._kinds.setdefault(name, Endpoint())
        endpoint.answers += 1
        endpoint.times_ms.append(seconds * 1000.0)

    def failed(self, name: str) -> None:
        """Count an error."""
        self._kinds.setdefault(name, Endpoint()).errors += 1

    def figures(self) -> dict[str, dict[str, float]]:
        """Sum each kind up, and all of them under `all`: counts, median and 99th percentile in milliseconds."""
        found = {name: _figures([endpoint]) for name, endpoint in self._kinds.items()}
        return {ALL: _figures(self._kinds.values()), **found} if found else {}


def _figures(endpoints: Iterable[Endpoint]) -> dict[str, float]:
    chosen = list(endpoints)
    told: dict[str, float] = {
        "answers": sum(each.answers for each in chosen),
        "errors": sum(each.errors for each in chosen),
    }
    ranked = sorted(took for each in chosen for took in each.times_ms)
    if ranked:
        last = ranked[min(len(ranked) - 1, round(0.99 * (len(ranked) - 1)))]
        told |= {"p50_ms": round(statistics.median(ranked), 1), "p99_ms": round(last, 1)}
    return told


def told(figures: dict[str, dict[str, float]]) -> dict[str, str]:
    """Put figures into words for the operator, one text a kind."""
    return {
        f"endpoint {name}": " ".join(f"{word}={value:g}" for word, value in each.items())
        for name, each in figures.items()
    }
