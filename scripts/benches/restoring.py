"""Restoring a ledger of 100 MB, with and without segments behind the archive, and what shipping it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from investbot.adapters.backups.sealing import recipient_of
from investbot.adapters.backups.segments import SegmentFolder
from investbot.adapters.storage.history import LedgerHistory
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.backup.placing import Placing
from investbot.backup.restore import Point
from investbot.backup.shipping import Shipped, ship
from investbot.bootstrap.restored_ledger import LedgerBuilder, sources_of
from investbot.ports.backups import Keys
from scripts.benches.figures import Figure
from tests.unit.adapters.storage.samples import Batch, Story

MORE = 5000
"""Batches of events that are shipped behind the archive."""
AT = 1_767_225_600_000
_Found = TypeVar("_Found")


def measure(
    backups: Path, ledger: Path, key: bytes, keys: Keys, story: Story, more: Callable[[Story], Batch]
) -> Iterator[Figure]:
    """Restore the archive below `backups` into the place of an instance; ship all of `ledger`, go on, restore again."""
    shelf, states = SegmentFolder(backups / "alpha" / "segments"), list[Shipped]()
    _, cpu, count = _timed(lambda: _ship(ledger, key, keys, shelf, states))
    size = sum(path.stat().st_size for path in shelf.path.iterdir())
    yield Figure("backups", "ship, a second of the processor", count / cpu, "events", None, "higher")
    yield Figure("backups", "segments", size / count, "bytes an event", None, "lower")
    wall, cpu, _ = _timed(lambda: _restore(backups, key, keys))
    yield Figure("backups", "restore (unpack, both checks, replay, place)", wall, "s", None, "lower")
    yield Figure("backups", "restore, processor", cpu, "s", None, "lower")
    with closing(SqlcipherLedger.open(ledger, key)) as opened:
        for _ in range(MORE):
            opened.append(*more(story))
    _, _, count = _timed(lambda: _ship(ledger, key, keys, shelf, states))
    wall, cpu, _ = _timed(lambda: _restore(backups, key, keys))
    yield Figure("backups", f"restore with {count} events behind the archive", wall, "s", None, "lower")
    yield Figure("backups", f"restore with {count} events behind the archive, processor", cpu, "s", None, "lower")


def _ship(ledger: Path, key: bytes, keys: Keys, shelf: SegmentFolder, states: list[Shipped]) -> int:
    with closing(LedgerHistory.open(ledger, key)) as source:
        state = states[-1] if states else None
        recipients = (recipient_of(keys.identities[0]),)
        return ship("alpha", source, shelf, state, keys.seals[0], recipients, AT, states.append)


def _restore(backups: Path, key: bytes, keys: Keys) -> None:
    placing = Placing(backups.parent / "instance")
    folder = placing.begin()
    built = LedgerBuilder(sources_of("alpha", (backups,)), keys, folder, key, lambda *_: None).build(Point())
    placing.commit(("ledger.db",), f"{built.last_seq}-{time.monotonic_ns()}")


def _timed(work: Callable[[], _Found]) -> tuple[float, float, _Found]:
    """Give the seconds of the wall and of the processor that some work took, and what it gave."""
    began, used = time.perf_counter(), time.process_time()
    found = work()
    return time.perf_counter() - began, time.process_time() - used, found
