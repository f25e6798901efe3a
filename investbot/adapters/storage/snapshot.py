"""A ledger as it was at one moment, taken beside its busy writer, and what a ledger holds in figures."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from investbot.adapters.storage import copies, projections, schema, sqlcipher
from investbot.adapters.storage.pages import plain_pages
from investbot.adapters.storage.sqlcipher import KEY_BYTES, Connection, Key
from investbot.domain.errors import BackupError, DataError, InvariantError, LedgerError
from investbot.ports.backups import LEDGER, Account, Content

_SUMS = ("allocated", "cash", "bought", "sold", "fees_quote", "realised_pnl", "gross_profit", "gross_loss")
"""The money that a ledger adds up from its events, as it stands in the table `snapshot`."""


@dataclass(frozen=True, slots=True)
class LedgerSnapshot:
    """`ports.Snapshot`: an encrypted copy under a key that nobody else has and nobody keeps."""

    path: Path
    account: Account
    key: bytes = field(repr=False)

    def content(self) -> Content:
        """Give its pages in plain as they are read, one after the other."""
        return Content(LEDGER, lambda: plain_pages(self.path, self.key))


def take(source: Path, key: Key, folder: Path) -> LedgerSnapshot:
    """Copy a ledger, running or not, into `folder` in one step, which its writer never waits for.

    Copying page by page would never end beside a writer. BackupError when the copy lacks what the ledger held before,
    LedgerError when the ledger cannot be read or the folder is full.
    """
    path, fresh = folder / "snapshot.db", os.urandom(KEY_BYTES)
    origin = sqlcipher.connect(source, key, read_only=True)
    try:
        with sqlcipher.translated(source):
            schema.demand_known(origin, source)
            name, seq = _name(origin), _last_seq(origin)
        copy = sqlcipher.create(path, fresh)
        try:
            with sqlcipher.translated(path):
                # It is thrown away if anything goes wrong: it needs no log of its own, and no waiting for the disk.
                copy.execute("PRAGMA journal_mode = OFF")
                copy.execute("PRAGMA synchronous = OFF")
                origin.backup(copy)
                found = account(copy)
        finally:
            copy.close()
    finally:
        origin.close()
    if found.instance != name or found.last_seq < seq:
        raise BackupError(f"The copy of the ledger {source} does not hold what the ledger does; try again.")
    return LedgerSnapshot(path, found, fresh)


def account(connection: Connection) -> Account:
    """Say what a ledger holds: rows by table, the last event, and its sums of money."""
    tables = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    ).fetchall()
    sums = connection.execute(f"SELECT {', '.join(_SUMS)} FROM snapshot").fetchone()  # noqa: S608 - ours
    last = connection.execute("SELECT at FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    return Account(
        instance=_name(connection),
        schema=schema.version(connection),
        last_seq=_last_seq(connection),
        last_event_at=None if last is None else last[0],
        rows={
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - the file's own
            for (table,) in tables
        },
        sums=dict(zip(_SUMS, sums, strict=True)),
    )


def examine(path: Path, key: Key) -> Account:
    """Look a restored ledger over and say what it holds; DataError with a clause when anything is wrong with it.

    Both integrity checks of the whole file, the log folded in first; then every projection is worked out again from
    the events and compared. A ledger of an older schema is not replayed: its first start makes its projections again.
    """
    try:
        connection = sqlcipher.connect(path, key, read_only=True)
        try:
            with sqlcipher.translated(path):
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                found = schema.demand_known(connection, path)
                broken = copies.integrity(connection)
                if not broken and found == schema.latest():
                    broken = projections.check(connection)
                if broken:
                    raise DataError(f"its ledger is not whole: {broken[0].rstrip('.')}")
                return account(connection)
        finally:
            connection.close()
    except (LedgerError, InvariantError) as error:
        raise DataError(f"its ledger cannot be read: {str(error).rstrip('.')}") from None


def _name(connection: Connection) -> str:
    row = connection.execute("SELECT value FROM meta WHERE key = 'instance'").fetchone()
    return "" if row is None else str(row[0])


def _last_seq(connection: Connection) -> int:
    found: int = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
    return found
