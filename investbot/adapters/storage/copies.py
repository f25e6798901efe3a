"""Whole copies of a ledger that were read back and compared before they count as copies."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from investbot.adapters.storage import schema, sqlcipher
from investbot.adapters.storage.sqlcipher import Connection, Key
from investbot.domain.errors import AlreadyExists, LedgerError


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What a verified copy holds: rows by table, the last event's number, and a SHA-256 over every row."""

    path: Path
    schema: int
    rows: tuple[tuple[str, int], ...]
    last_seq: int
    digest: str


def copy_verified(
    source: Path, key: Key, target: Path, *, new_key: Key | None = None, replace: bool = False
) -> CopyReport:
    """Copy a ledger, running or not, to `target` under the same or a new key, and prove the copy equal.

    The copy grows under another name and takes its own only when it is whole and durable: a kill leaves no half copy.
    AlreadyExists where `target` is there and `replace` is off; LedgerError when the copy differs or the disk is full.
    """
    if target.exists() and not replace:
        raise AlreadyExists(f"{target} is there already and is not overwritten.")
    part = target.with_name(target.name + ".part")
    copy_key = key if new_key is None else new_key
    sqlcipher.remove(part)
    try:
        expected = _copy(source, key, part, copy_key)
        found = _account(part, copy_key, target)
        if found != expected:
            raise LedgerError(f"The copy {target} differs from the ledger {source}; it was thrown away.")
        _settle(part, target)
    finally:
        sqlcipher.remove(part)
    return dataclasses.replace(found, path=target)


def integrity(connection: Connection) -> list[str]:
    """Ask SQLCipher and SQLite what is wrong with the pages of a file; each misses what the other finds."""
    found: list[str] = []
    for pragma in ("cipher_integrity_check", "integrity_check"):
        found += [str(row[0]) for row in connection.execute(f"PRAGMA {pragma}") if row[0] != "ok"]
    return found


def _copy(source: Path, key: Key, part: Path, copy_key: Key) -> CopyReport:
    origin = sqlcipher.connect(source, key, read_only=True)
    try:
        copy = sqlcipher.create(part, copy_key)
        try:
            with sqlcipher.reading(origin, source):
                report = _report(origin, part)
                with sqlcipher.translated(part):
                    origin.backup(copy)
        finally:
            copy.close()
    finally:
        origin.close()
    return report


def _account(part: Path, key: Key, target: Path) -> CopyReport:
    copy = sqlcipher.connect(part, key, read_only=True)
    try:
        with sqlcipher.reading(copy, part):
            if integrity(copy):
                raise LedgerError(f"The copy {target} was damaged while it was written; it was thrown away.")
            return _report(copy, part)
    finally:
        copy.close()


def _report(connection: Connection, path: Path) -> CopyReport:
    digest = hashlib.sha256()
    rows = []
    names = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    ).fetchall()
    for name, sql in names:
        digest.update(repr((name, sql)).encode())
        count = 0
        for row in connection.execute(f"SELECT * FROM {name} ORDER BY 1"):  # noqa: S608 - names of the file's own
            digest.update(repr(row).encode())
            count += 1
        rows.append((name, count))
    last = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
    return CopyReport(path, schema.version(connection), tuple(rows), last, digest.hexdigest())


def _settle(part: Path, target: Path) -> None:
    """Make the copy durable, then give it its name; logs that stood beside an older copy would ruin the new one."""
    try:
        with part.open("rb") as file:
            os.fsync(file.fileno())
        target.with_name(target.name + "-wal").unlink(missing_ok=True)
        target.with_name(target.name + "-shm").unlink(missing_ok=True)
        part.replace(target)
        sqlcipher.fsync_folder(target.parent)
    except OSError as error:
        raise LedgerError(f"The copy {target} cannot be written: {error.strerror}.") from None
