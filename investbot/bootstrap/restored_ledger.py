"""From archives and segments to the ledger of one moment, made ready in a folder where nothing uses it yet."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from investbot.adapters.backups.archive import AgeArchiver
from investbot.adapters.backups.segments import SegmentFolder
from investbot.adapters.backups.shelf import FolderShelf
from investbot.adapters.storage import history, snapshot
from investbot.adapters.storage.history import LedgerHistory
from investbot.adapters.storage.pages import PageSealer
from investbot.backup.chain import BEGINNING, Segment, SegmentName, Step, digest, joined, linked, needed, parse, read
from investbot.backup.restore import Point, chain_for, demand_reached, grown, last_step, lies_before
from investbot.backup.verify import LEDGER_FILE, demand_equal
from investbot.domain.errors import BackupError, DataError
from investbot.domain.market import Cursor
from investbot.ports.backups import Archive, Keys, Manifest, Progress

SEGMENTS = "segments"
"""The folder of an instance's segments, beside its archives."""


@dataclass(frozen=True, slots=True)
class Sources:
    """All backups of an instance that can be found: archives by number, and where each segment lies."""

    name: str
    archives: Sequence[Archive]
    segments: dict[SegmentName, SegmentFolder] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Built:
    """A ledger that was made ready: out of which archive, up to which event, with what said about it."""

    archive: Archive
    manifest: Manifest
    last_seq: int
    note: str = ""


def sources_of(name: str, folders: Sequence[Path]) -> Sources:
    """Look for archives and segments of an instance in folders that hold one folder an instance, the first one first.

    BackupError for a folder that cannot be read.
    """
    archives: dict[str, Archive] = {}
    segments: dict[SegmentName, SegmentFolder] = {}
    for folder in folders:
        try:
            found = FolderShelf(folder / name, name).archives()
        except OSError as error:
            raise BackupError(f"The folder {folder / name} cannot be read: {error.strerror}.") from None
        for archive in found:
            archives.setdefault(archive.path.name, archive)
        shelf = SegmentFolder(folder / name / SEGMENTS)
        for parsed in map(parse, shelf.names()):
            if parsed is not None:
                segments.setdefault(parsed, shelf)
    return Sources(name, sorted(archives.values(), key=lambda each: (each.number, each.path.name)), segments)


class LedgerBuilder:
    """Builds the ledger of one instance in `folder`, encrypted with `key`, out of what `sources` has."""

    def __init__(self, sources: Sources, keys: Keys, folder: Path, key: bytes, progress: Progress) -> None:
        self._sources = sources
        self._keys = keys
        self._folder = folder
        self._key = key
        self._progress = progress
        self._archiver = AgeArchiver(PageSealer)

    def build(self, point: Point) -> Built:
        """Make the ledger as it was at `point`, with the other files of its archive beside it.

        DataError with one sentence that names what is missing or altered; BackupError, LedgerError from the disk.
        """
        name = self._sources.name
        if not self._sources.archives:
            raise DataError(f"There is no archive of {name}; `investbot backup list` lists those there are.")
        chain = chain_for(self._sources.segments, point)
        later: list[Archive] = []
        for archive in reversed(self._sources.archives):
            if not lies_before(self._archiver.head(archive.path, self._keys), point):
                later.append(archive)
                continue
            built = self._goes_on(archive, chain, point)
            if built is not None:
                return built
        if not later:
            raise DataError(f"No archive of {name} belongs to the history of its segments; restore an archive by name.")
        return self._cut_back(later[-1], chain, point)

    def _goes_on(self, archive: Archive, chain: list[SegmentName], point: Point) -> Built | None:
        """Take an archive and the segments behind it; None where those are of another history, and newer."""
        name, head = self._sources.name, self._archiver.head(archive.path, self._keys)
        demand_reached(name, point, max([head.last_seq, *(each.last for each in chain)]))
        behind = needed(chain, name, head.last_seq, point.seq)
        manifest = self._unpack(archive)
        if not behind:
            told = [each for each in chain if each.first <= manifest.last_seq]
            left = bool(told) and self._was_left(archive, told[-1])
            return None if left else Built(archive, manifest, manifest.last_seq)
        first, _ = self._segment(behind[0])
        if not joined(first, manifest.last_seq, self._digest()):
            if first.shipped_at > archive.created_at or (point.seq or 0) > manifest.last_seq:
                return None
            note = f"the segments behind archive {archive.number} are of an earlier history and were left out"
            return Built(archive, manifest, manifest.last_seq, note)
        rows, step = grown(manifest.last_seq, linked(map(self._segment, behind)), point)
        if step is None:
            return Built(archive, manifest, manifest.last_seq)
        cursor = Cursor(step.symbol, step.opened_at)
        return Built(archive, manifest, history.grow(self._folder / LEDGER_FILE, self._key, rows, cursor))

    def _was_left(self, archive: Archive, name: SegmentName) -> bool:
        """Tell whether an instance went on from before an archive: a later segment tells its last events otherwise."""
        segment, _ = self._segment(name)
        return segment.shipped_at > archive.created_at and not self._holds(segment)

    def _holds(self, segment: Segment) -> bool:
        """Tell whether the ledger that was unpacked has the events of a segment, as far as it goes."""
        with closing(LedgerHistory.open(self._folder / LEDGER_FILE, self._key)) as ledger:
            rows = list(ledger.rows(segment.name.first - 1, segment.name.last))
        return rows == list(segment.rows[: len(rows)])

    def _cut_back(self, archive: Archive, chain: list[SegmentName], point: Point) -> Built:
        """Take the oldest archive that goes beyond the point, and what it had by then."""
        manifest, ledger = self._unpack(archive), self._folder / LEDGER_FILE
        known = [each for each in chain if each.first <= manifest.last_seq]
        with closing(LedgerHistory.open(ledger, self._key)) as rows:
            steps = [Step(*each) for each in rows.steps()]
            steps += [step for segment in self._fitting(known, point) for step in segment.steps]
            step = last_step(self._sources.name, rows.rows(), steps, point)
        history.cut(ledger, self._key, step.seq, Cursor(step.symbol, step.opened_at))
        return Built(archive, manifest, step.seq)

    def _fitting(self, names: list[SegmentName], point: Point) -> Iterator[Segment]:
        """Give the segments up to a point whose events are those of the ledger that was unpacked."""
        for segment in linked(map(self._segment, sorted(names))):
            if not point.admits(*segment.rows[0][:2]):
                return
            if self._holds(segment):
                yield segment

    def _unpack(self, archive: Archive) -> Manifest:
        """Unpack an archive into the emptied folder and compare all of it with its manifest."""
        try:
            shutil.rmtree(self._folder)
            self._folder.mkdir(mode=0o700)
            manifest = self._archiver.unpack(archive.path, self._keys, self._folder, self._key, self._progress)
        except OSError as error:
            raise BackupError(f"The archive {archive.path} cannot be unpacked: {error.strerror}; make room.") from None
        self._progress("replaying", 0, 1)
        try:
            demand_equal(manifest, snapshot.examine(self._folder / LEDGER_FILE, self._key))
        except DataError as error:
            raise DataError(f"The archive {archive.path} cannot be trusted: {error}.") from None
        self._progress("replaying", 1, 1)
        return manifest

    def _segment(self, name: SegmentName) -> tuple[Segment, str]:
        text = self._sources.segments[name].get(str(name), self._keys.identities)
        return read(text, name, self._sources.name, self._keys.seals)

    def _digest(self) -> str:
        with closing(LedgerHistory.open(self._folder / LEDGER_FILE, self._key)) as ledger:
            return digest(BEGINNING, ledger.rows())
