"""The ledger: append-only truth of one instance, and the read-only way into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from investbot.domain.events import Event
from investbot.domain.market import Cursor, Millis


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with its place in the ledger: `seq` counts from 1 without holes."""

    seq: int
    event: Event


class Ledger(Protocol):
    """Written by the one process that holds the instance's lock."""

    def append(self, events: Sequence[Event], cursor: Cursor | None) -> int:
        """Make `events` durable with projections and `cursor` in one transaction; return the last seq. LedgerError."""
        ...

    def cursor(self) -> Cursor | None:
        """The candle the last append had reached."""
        ...

    def events(self, after: int = 0) -> Iterator[Recorded]:
        """All events with seq > `after`, oldest first."""
        ...

    def close(self) -> None:
        """Checkpoint and close; safe to call twice."""
        ...


class LedgerReader(Protocol):
    """A query-only handle, safe beside a running writer."""

    def events(self, after: int = 0, since: Millis | None = None) -> Iterator[Recorded]:
        """Events with seq > `after` and at >= `since`, oldest first."""
        ...

    def rows(self, table: str, since: Millis | None = None) -> list[Mapping[str, Any]]:
        """Rows of a projection (`trips`, `equity`, `daily`, `market_data`), oldest first; money as decimal text."""
        ...

    def close(self) -> None:
        """Close the handle; safe to call twice."""
        ...
