"""Backups of a ledger of 100 MB: how long they take, how large they are, and what trading feels of them."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from investbot.adapters.backups import workroom
from investbot.adapters.backups.archive import AgeArchiver
from investbot.adapters.backups.archive import measure as measured
from investbot.adapters.backups.durable import sha256
from investbot.adapters.backups.sealing import new_identity
from investbot.adapters.backups.shelf import FolderShelf
from investbot.adapters.storage import snapshot
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.pages import PageSealer
from investbot.backup.create import Job, Making, create
from investbot.backup.verify import Bench, verify
from investbot.domain.events import Event, PositionClosed, PositionOpened
from investbot.ports.backups import Archive, Keys
from scripts.benches import restoring
from scripts.benches.figures import Figure, percentile
from tests.unit.adapters.storage.samples import Batch, Story

LEDGER_BYTES = 100_000_000
KEY = secrets.token_bytes(32)
BEAT_S = 0.01
"""How often the instance of the bench has something to write down: far more often than any strategy."""
BEATS = 1500
_Found = TypeVar("_Found")
AT = 1_767_225_600_000


def measure(scratch: Path) -> Iterator[Figure]:
    """Fill a ledger, back it up alone, then once more beside an instance that writes a hundred times a second."""
    ledger = scratch / "ledger.db"
    story = _fill(ledger)
    raw = ledger.stat().st_size
    made = _Backups(scratch / "backups", ledger)
    created, archive = _timed(made.unverified)
    verified, _ = _timed(lambda: verify(archive, made.keys, made.bench, AT, _silent))
    unpacked, _ = _timed(lambda: made.unpack(archive))
    events = made.bench.archiver.head(archive.path, made.keys).last_seq
    yield Figure("backups", "ledger, raw", raw / 1e6, "MB", None, "higher")
    yield Figure("backups", "events in it", events, "", None, "higher")
    for what, (wall_s, processor_s) in (
        ("create without verifying", created),
        ("verify (unpack, both checks, replay)", verified),
        ("unpack to an encrypted ledger", unpacked),
    ):
        yield Figure("backups", what, wall_s, "s", None, "lower")
        yield Figure("backups", f"{what}, processor", processor_s, "s", None, "lower")
    yield Figure("backups", "archive", archive.size / 1e6, "MB", None, "lower")
    yield Figure("backups", "archive of the raw size", archive.size / raw, "", None, "lower")
    yield from restoring.measure(scratch / "backups", ledger, KEY, made.keys, story, _closed)
    yield from _pauses(ledger, story, made)


def _pauses(ledger: Path, story: Story, made: _Backups) -> Iterator[Figure]:
    with closing(SqlcipherLedger.open(ledger, KEY)) as opened:
        alone = _beats(opened, story, iter(range(BEATS)))
        pid = os.fork()
        if pid == 0:
            try:
                made.unverified()
                verify(made.shelf.archives()[-1], made.keys, made.bench, AT, _silent)
            finally:
                os._exit(0)
        beside = _beats(opened, story, iter(lambda: os.waitpid(pid, os.WNOHANG)[0], pid))
    yield Figure("backups", "pause of the loop, no backup, p99", percentile(alone, 0.99), "ms", None, "lower")
    yield Figure("backups", "pause of the loop beside a backup, p99", percentile(beside, 0.99), "ms", 50, "lower")
    yield Figure("backups", "pause of the loop beside a backup, longest", max(beside), "ms", None, "lower")
    yield Figure("backups", "transactions beside a backup", len(beside), "", None, "higher")


def _beats(ledger: SqlcipherLedger, story: Story, beats: Iterator[int]) -> list[float]:
    times: list[float] = []
    for _ in beats:
        events, cursor = _closed(story)
        began = time.perf_counter()
        ledger.append(events, cursor)
        times.append((time.perf_counter() - began) * 1000)
        time.sleep(BEAT_S)
    return times


def _fill(path: Path) -> Story:
    story = Story(1)
    with closing(SqlcipherLedger.create(path, KEY, instance="alpha")) as ledger:
        for events, cursor in story.batches(1):
            ledger.append(events, cursor)
        while path.stat().st_size < LEDGER_BYTES:
            told: list[Event] = []
            for _ in range(2000):
                events, cursor = _closed(story)
                told += events
            ledger.append(told, cursor)
    return story


def _closed(story: Story) -> Batch:
    """Tell what next happens that leaves nothing open, as an instance that holds a position or two would."""
    while True:
        events, cursor = story.batch()
        kinds = [type(event) for event in events]
        if kinds.count(PositionOpened) == kinds.count(PositionClosed):
            return events, cursor


class _Backups:
    """A shelf for the ledger of the bench, with keys of its own."""

    def __init__(self, folder: Path, ledger: Path) -> None:
        self.keys = Keys((new_identity(),), (secrets.token_bytes(32),))
        self.shelf = FolderShelf(folder / "alpha", "alpha")
        self.bench = Bench(
            AgeArchiver(PageSealer), lambda size: workroom.workroom(size, folder), snapshot.examine, sha256
        )
        self._folder, self._ledger = folder, ledger
        folder.mkdir()

    def unverified(self) -> Archive:
        job = Job((), lambda room: snapshot.take(self._ledger, KEY, room), self._ledger.stat().st_size)
        making = Making(self.keys, self.bench, measured, "bench", verified=False)
        return create(job, self.shelf, making, AT, _silent)

    def unpack(self, archive: Archive) -> None:
        out = self._folder / "out"
        out.mkdir()
        AgeArchiver(PageSealer).unpack(archive.path, self.keys, out, KEY, _silent)


def _timed(work: Callable[[], _Found]) -> tuple[tuple[float, float], _Found]:
    """Give the seconds of the wall and of the processor that some work took, and what it gave."""
    began, used = time.perf_counter(), time.process_time()
    found = work()
    return (time.perf_counter() - began, time.process_time() - used), found


def _silent(_what: str, _done: int, _total: int) -> None:
    pass
