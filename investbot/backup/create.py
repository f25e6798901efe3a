"""Make an archive: a snapshot beside the running instance, packed, read back and compared before it gets its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from investbot.backup.verify import Bench, check
from investbot.domain.errors import DataError
from investbot.domain.market import SECOND, Millis
from investbot.ports.backups import (
    Account,
    Archive,
    Content,
    Keys,
    Manifest,
    Member,
    Progress,
    Shelf,
    Snapshot,
    Verified,
)


@dataclass(frozen=True, slots=True)
class Job:
    """What goes into one archive: a ledger of about `size` bytes, if any, files, and the vault that lies beside it."""

    contents: Sequence[Content]
    take: Callable[[Path], Snapshot] | None = None
    size: int = 0
    vault: bytes | None = None


@dataclass(frozen=True, slots=True)
class Making:
    """How archives are made: whose keys, on which bench, which program, and whether each is verified on the spot."""

    keys: Keys
    bench: Bench
    measure: Callable[[Content], Member]
    program: str
    verified: bool = True


def create(job: Job, shelf: Shelf, making: Making, at: Millis, progress: Progress) -> Archive:
    """Add an archive to a shelf; `at` in milliseconds UTC. Until it is whole and verified it has no name.

    TryAgain while another command is at work on the shelf; LedgerError, BackupError; DataError when what was written
    does not read back. The archives there were stay as they are.
    """
    with shelf.turn() as number:
        if job.vault is not None:
            shelf.put_beside(number, at, job.vault)
        with shelf.placing(number, at) as slot:
            manifest = _write(job, shelf.instance, number, making, at, slot.file, progress)
            slot.file.flush()
            digest = making.bench.sha256(slot.part)
            if making.verified:
                _check(slot.part, slot.path, manifest, making, progress)
        archive = Archive(slot.path, shelf.instance, number, at - at % SECOND, slot.path.stat().st_size)
        if making.verified:
            shelf.mark(archive, Verified(at, digest))
    return archive


def _write(
    job: Job, instance: str, number: int, making: Making, at: Millis, file: BinaryIO, progress: Progress
) -> Manifest:
    with making.bench.workroom(job.size) as folder:
        progress("copying", 0, 1)
        snapshot = None if job.take is None else job.take(folder)
        progress("copying", 1, 1)
        contents = [*([] if snapshot is None else [snapshot.content()]), *job.contents]
        manifest = _manifest(
            instance,
            number,
            at,
            making,
            contents,
            Account(instance, 0, 0, None, {}, {}) if snapshot is None else snapshot.account,
        )
        making.bench.archiver.pack(manifest, contents, making.keys, file, progress)
    return manifest


def _manifest(
    instance: str, number: int, at: Millis, making: Making, contents: Sequence[Content], account: Account
) -> Manifest:
    return Manifest(
        instance=instance,
        number=number,
        created_at=at,
        program=making.program,
        members=tuple(map(making.measure, contents)),
        schema=account.schema,
        last_seq=account.last_seq,
        last_event_at=account.last_event_at,
        rows=account.rows,
        sums=account.sums,
    )


def _check(part: Path, path: Path, manifest: Manifest, making: Making, progress: Progress) -> None:
    """Read an archive back before it gets its name; DataError that says so."""
    try:
        if making.bench.archiver.head(part, making.keys) != manifest:
            raise DataError(f"The archive {part} cannot be trusted: it changed while it was written.")
        check(part, manifest, making.keys, making.bench, progress)
    except DataError as error:
        sentence = str(error).replace(str(part), str(path))
        raise DataError(f"{sentence} It was thrown away.") from None
