"""How fast facts come in, and how long a candle waits until what was decided about it is durable."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from typing import Any

from investbot.domain.market import Millis

BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""Upper bounds of the histogram's parts, milliseconds; a last part holds what takes longer."""
_RATE_OVER_S = 1.0


class Histogram:
    """Counts times in parts; quantiles are the upper bound of the part they fall into."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_MS) + 1)
        self._most_ms = 0.0

    def add(self, taken_ms: float) -> None:
        """Count one time, in milliseconds."""
        self._counts[bisect_left(BOUNDS_MS, taken_ms)] += 1
        self._most_ms = max(self._most_ms, taken_ms)

    def quantile(self, part: float) -> float | None:
        """Give the time that `part` (0..1) of all stayed within, milliseconds; None when there were none."""
        wanted, seen = part * sum(self._counts), 0
        for bound, count in zip((*BOUNDS_MS, self._most_ms), self._counts, strict=True):
            seen += count
            if count and seen >= wanted:
                return float(min(bound, round(self._most_ms, 1)))
        return None

    def data(self) -> dict[str, Any]:
        """Tell count, quantiles and the parts that hold any, by their upper bounds."""
        names = [*map(str, BOUNDS_MS), "more"]
        return {
            "count": sum(self._counts),
            "p50": self.quantile(0.5),
            "p99": self.quantile(0.99),
            "max": round(self._most_ms, 1),
            "parts": {name: count for name, count in zip(names, self._counts, strict=True) if count},
        }


class Pace:
    """Watches one loop; `monotonic` reads seconds that never jump."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.facts = 0
        """How many facts were worked on."""
        self._monotonic = monotonic
        self._arrived: deque[float] = deque()
        self._pending: list[tuple[float, Millis | None]] = []
        self._decision = Histogram()
        self._close_ms: Millis | None = None
        self._counted: tuple[float, int] = (monotonic(), 0)
        self._rate = 0.0

    def arrived(self) -> None:
        """Note that a candle has come to the door."""
        self._arrived.append(self._monotonic())

    def worked(self, closed_at: Millis | None) -> None:
        """Note that the oldest candle was worked on; when it closed, None where it came late."""
        if self._arrived:
            self._pending.append((self._arrived.popleft(), closed_at))

    def durable(self, now: Callable[[], Millis]) -> None:
        """Note that all that was worked on is durable; `now` reads the venue's time in milliseconds UTC."""
        if not self._pending:
            return
        at = self._monotonic()
        for since, _ in self._pending:
            self._decision.add((at - since) * 1000)
        closed_at = self._pending[-1][1]
        if closed_at is not None:
            self._close_ms = max(0, now() - closed_at)
        self._pending.clear()

    def row(self) -> dict[str, Any]:
        """Give its share of a status row; `latency.close_ms` is from the last candle's close to its decision."""
        at = self._monotonic()
        since, before = self._counted
        if at - since >= _RATE_OVER_S:
            self._rate = (self.facts - before) / (at - since)
            self._counted = (at, self.facts)
        return {
            "facts": self.facts,
            "facts_per_s": round(self._rate, 1),
            "latency": {"decision_ms": self._decision.data(), "close_ms": self._close_ms},
        }
