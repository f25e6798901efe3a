"""Shipping: what a ledger has gained since the last time goes out as the next segment of its chain.

The state says what went out last. It is written once a segment is durable and before it gets its name, so that a kill
between the two leaves something to finish. Where the state is lost, or the ledger is another one than it speaks of (a
restore), a new chain begins with the first event: each chain tells a whole history by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from investbot.backup.chain import BEGINNING, EventRow, Segment, SegmentName, Step, digest, parse, write
from investbot.domain.market import SECOND, Millis

MOST_EVENTS = 5000
"""Events of one segment at most: what is worked on at a time stays small."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """What went out last: chain and number, the last event, that segment's HMAC, the digest of all history (hex)."""

    chain: int
    number: int
    first: int
    last: int
    mac: str
    history: str
    row: str
    """The digest of the last event alone (hex)."""

    @property
    def name(self) -> SegmentName:
        """What that segment is called."""
        return SegmentName(self.chain, self.number, self.first, self.last)


class Source(Protocol):
    """A ledger's events as rows."""

    def batch(self, after: int, limit: int) -> tuple[list[EventRow], list[tuple[int, str, int]]]:
        """Give events behind `after`, and the steps among them."""
        ...


class Shelf(Protocol):
    """Where segments go."""

    def names(self) -> list[str]:
        """Name those that are there."""
        ...

    def put(self, name: str, text: bytes, recipients: Iterable[str], durable: Callable[[], None]) -> None:
        """Write one, call `durable` once it cannot be lost any more, and give it its name; BackupError."""
        ...

    def finish(self, name: str) -> bool:
        """Give its name to one for which `durable` was called; tell whether there is one of that name now."""
        ...


def ship(
    instance: str,
    source: Source,
    shelf: Shelf,
    state: Shipped | None,
    seal: bytes,
    recipients: Iterable[str],
    at: Millis,
    remember: Callable[[Shipped], None],
) -> int:
    """Ship all that is new and give how many events that was; `remember` makes each new state durable.

    `seal` is the instance's 32-byte seal, `at` the moment in milliseconds UTC. LedgerError, BackupError.
    """
    given = tuple(recipients)
    known = state is not None and shelf.finish(str(state.name)) and _follows(source, state)
    now = state if state is not None and known else _new_chain(shelf, at)
    count = 0
    while True:
        rows, steps = source.batch(now.last, MOST_EVENTS)
        if not rows:
            return count
        name = SegmentName(now.chain, now.number + 1, rows[0][0], rows[-1][0])
        told = tuple(Step(*each) for each in steps)
        text, mac = write(Segment(name, instance, at, now.mac, now.history, told, tuple(rows)), seal)
        history, row = digest(now.history, rows), digest(BEGINNING, rows[-1:])
        now = Shipped(name.chain, name.number, name.first, name.last, mac, history, row)
        shelf.put(str(name), text, given, partial(remember, now))
        count += len(rows)


def _follows(source: Source, state: Shipped) -> bool:
    """Tell whether a ledger still has the event that was shipped last."""
    rows, _ = source.batch(state.last - 1, 1)
    return digest(BEGINNING, rows) == state.row


def _new_chain(shelf: Shelf, at: Millis) -> Shipped:
    chains = [name.chain for name in map(parse, shelf.names()) if name is not None]
    return Shipped(max(at // SECOND, max(chains, default=0) + 1), 0, 0, 0, BEGINNING, BEGINNING, "")
