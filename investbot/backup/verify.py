"""Verify an archive: restore it into a private folder and compare what comes out with what its manifest says."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from investbot.domain.errors import BackupError, DataError
from investbot.domain.market import SECOND, Millis
from investbot.ports.backups import LEDGER, Account, Archive, Archiver, Keys, Manifest, Progress, Verified

Workroom = Callable[[int], AbstractContextManager[Path]]
"""Gives an empty private folder with room for so many bytes, gone when the context ends; BackupError."""

LEDGER_FILE = "ledger.db"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Bench:
    """What verifying takes: a way to unpack, a place to do it, a way to look a ledger over, a way to hash a file."""

    archiver: Archiver
    workroom: Workroom
    examine: Callable[[Path, bytes], Account]
    sha256: Callable[[Path], str]


def verify(archive: Archive, keys: Keys, bench: Bench, at: Millis, progress: Progress) -> tuple[Manifest, Verified]:
    """Restore an archive for nobody and say that it is whole; DataError with one sentence when it is not.

    BackupError when it cannot be told. `at` is the moment of the verification in milliseconds UTC. The ledger is
    encrypted under a key that nobody keeps.
    """
    try:
        manifest = bench.archiver.head(archive.path, keys)
        demand_place(archive, manifest)
        digest = bench.sha256(archive.path)
        check(archive.path, manifest, keys, bench, progress)
    except OSError as error:
        raise BackupError(f"The archive {archive.path} cannot be verified: {error.strerror}.") from None
    return manifest, Verified(at, digest)


def check(path: Path, manifest: Manifest, keys: Keys, bench: Bench, progress: Progress) -> None:
    """Unpack the archive at `path`, whose manifest is known, and compare all of it; DataError."""
    key = os.urandom(_KEY_BYTES)
    with bench.workroom(sum(member.size for member in manifest.members)) as folder:
        if bench.archiver.unpack(path, keys, folder, key, progress) != manifest:
            raise DataError(f"The archive {path} cannot be trusted: it changed while it was read.")
        if any(member.name == LEDGER for member in manifest.members):
            progress("replaying", 0, 1)
            try:
                demand_equal(manifest, bench.examine(folder / LEDGER_FILE, key))
            except DataError as error:
                raise DataError(f"The archive {path} cannot be trusted: {error}.") from None
            progress("replaying", 1, 1)


def demand_equal(manifest: Manifest, found: Account) -> None:
    """Compare a restored ledger with what its manifest says; DataError with a clause."""
    said = Account(
        manifest.instance,
        manifest.schema,
        manifest.last_seq,
        manifest.last_event_at,
        dict(manifest.rows),
        dict(manifest.sums),
    )
    if found == said:
        return
    if found.instance != said.instance:
        raise DataError(f"its ledger is {found.instance or 'nobody'}'s and not {said.instance}'s")
    if found.last_seq != said.last_seq:
        raise DataError(f"its ledger ends with event {found.last_seq} and not with {said.last_seq}")
    for table in sorted({*found.rows, *said.rows}):
        if found.rows.get(table) != said.rows.get(table):
            raise DataError(
                f"its table {table} has {found.rows.get(table, 'no')} rows, not {said.rows.get(table, 'no')}"
            )
    for name in sorted({*found.sums, *said.sums}):
        if found.sums.get(name) != said.sums.get(name):
            raise DataError(
                f"its sum {name} is {found.sums.get(name, 'missing')}, not {said.sums.get(name, 'missing')}"
            )
    raise DataError("its ledger is not the one its manifest describes")


def demand_place(archive: Archive, manifest: Manifest) -> None:
    """Refuse an archive that stands where another one belongs; DataError."""
    if manifest.instance != archive.instance:
        raise DataError(
            f"The archive {archive.path} cannot be trusted: it is {manifest.instance}'s and not {archive.instance}'s."
        )
    moment = manifest.created_at - manifest.created_at % SECOND
    if (manifest.number, moment) != (archive.number, archive.created_at):
        raise DataError(
            f"The archive {archive.path} cannot be trusted: it was renamed; it is number {manifest.number}."
        )
