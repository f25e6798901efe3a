"""Where the opinions of the world outside come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from investbot.domain.intelligence import IntelligenceItem
from investbot.domain.market import Millis


@dataclass(frozen=True, slots=True)
class Answer:
    """What one look gave: the items that can be used, and one sentence for each that cannot."""

    items: tuple[IntelligenceItem, ...]
    left_out: tuple[str, ...] = ()


class IntelligenceSource(Protocol):
    """One source, asked again and again; whatever it answers takes bounded time and memory."""

    @property
    def name(self) -> str:
        """What its items call it."""
        ...

    @property
    def every_s(self) -> float:
        """Seconds between two looks."""
        ...

    @property
    def timeout_s(self) -> float:
        """Seconds that one look may take."""
        ...

    async def look(self, now: Millis) -> Answer:
        """Give what it says at `now`, milliseconds UTC; DataError, in one sentence without secrets, for no answer."""
        ...

    async def close(self) -> None:
        """Release connections; safe to call twice."""
        ...
