"""A ledger in memory, for hosts and runners that are tested without a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from investbot.domain.codec import decode, encode, kind
from investbot.domain.errors import LedgerError
from investbot.domain.events import Event
from investbot.domain.market import Cursor
from investbot.ports.ledger import Recorded


class MemoryLedger:
    """`ports.Ledger` without a disk; `fail_next` makes one append fail as a full disk does."""

    def __init__(self) -> None:
        self.fail_next = False
        self._events: list[Recorded] = []
        self._cursor: Cursor | None = None
        self._closed = False

    def append(self, events: Sequence[Event], cursor: Cursor | None) -> int:
        self._demand_open()
        if self.fail_next:
            self.fail_next = False
            raise LedgerError("The disk is full and the ledger cannot be written; free some space and start again.")
        copies = [decode(kind(event), encode(event)) for event in events]
        self._events += [Recorded(seq, event) for seq, event in enumerate(copies, len(self._events) + 1)]
        self._cursor = self._cursor if cursor is None else cursor
        return len(self._events)

    def cursor(self) -> Cursor | None:
        self._demand_open()
        return self._cursor

    def events(self, after: int = 0) -> Iterator[Recorded]:
        self._demand_open()
        yield from [recorded for recorded in self._events if recorded.seq > after]

    def close(self) -> None:
        self._closed = True

    def _demand_open(self) -> None:
        if self._closed:
            raise LedgerError("The ledger is closed.")
