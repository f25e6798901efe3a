"""The ledger of one instance in one encrypted file: append-only events, with their projections in the same commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from investbot.adapters.storage import schema, sqlcipher
from investbot.adapters.storage.encoding import write
from investbot.adapters.storage.migrate import open_current
from investbot.adapters.storage.projections import project, stored_events
from investbot.adapters.storage.sqlcipher import Connection, Key
from investbot.domain.errors import AlreadyExists, LedgerError
from investbot.domain.events import Event
from investbot.domain.market import Cursor
from investbot.ports.ledger import Recorded

_EVENT = "INSERT INTO events (seq, at, kind, body) VALUES (?, ?, ?, ?)"
_CURSOR = (
    "INSERT INTO cursor (id, symbol, opened_at) VALUES (1, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET symbol = excluded.symbol, opened_at = excluded.opened_at"
)


class SqlcipherLedger:
    """`ports.Ledger` on SQLCipher; calls must not overlap, and the caller holds the instance's lock."""

    def __init__(self, connection: Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        with sqlcipher.translated(path):
            self._last: int = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]

    @classmethod
    def create(cls, path: Path, key: Key, *, instance: str) -> Self:
        """Make the ledger of `instance`, whole or not at all, and open it; AlreadyExists where a file is."""
        if path.exists():
            raise AlreadyExists(f"{path} is there already and is not overwritten.")
        growing = path.with_name(path.name + ".new")
        sqlcipher.remove(growing)
        connection = sqlcipher.create(growing, key)
        try:
            with sqlcipher.writing(connection, path):
                schema.walk(connection, 0, schema.latest())
                connection.execute("INSERT INTO meta (key, value) VALUES ('instance', ?)", (instance,))
            connection.close()
            growing.rename(path)
            sqlcipher.fsync_folder(path.parent)
        except BaseException:
            connection.close()
            sqlcipher.remove(growing)
            raise
        return cls.open(path, key)

    @classmethod
    def open(cls, path: Path, key: Key) -> Self:
        """Open a ledger that is there, bringing an older schema up to date first.

        LedgerError for a key that does not fit and for what is not a whole ledger of this program.
        """
        connection = open_current(path, key)
        try:
            return cls(connection, path)
        except BaseException:
            connection.close()
            raise

    def append(self, events: Sequence[Event], cursor: Cursor | None) -> int:
        """Make `events`, their projections and `cursor` durable in one transaction; return the last seq.

        No cursor leaves the old one. LedgerError when it cannot be written, and then nothing of it was.
        """
        connection = self._open_connection()
        first = self._last + 1
        rows = [write(seq, event) for seq, event in enumerate(events, first)]
        if not rows and cursor is None:
            return self._last
        with sqlcipher.writing(connection, self._path):
            connection.executemany(_EVENT, rows)
            project(connection, (Recorded(seq, event) for seq, event in enumerate(events, first)))
            if cursor is not None:
                connection.execute(_CURSOR, (cursor.symbol, cursor.opened_at))
        self._last += len(rows)
        return self._last

    def cursor(self) -> Cursor | None:
        """Read the candle the last append had reached."""
        with sqlcipher.translated(self._path):
            row = self._open_connection().execute("SELECT symbol, opened_at FROM cursor").fetchone()
        return None if row is None else Cursor(*row)

    def events(self, after: int = 0) -> Iterator[Recorded]:
        """Read all events with seq > `after`, oldest first; InvariantError for one that cannot be read."""
        with sqlcipher.translated(self._path):
            yield from stored_events(self._open_connection(), after)

    def close(self) -> None:
        """Fold the log into the file and close; safe to call twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                with sqlcipher.translated(self._path):
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                connection.close()

    def _open_connection(self) -> Connection:
        if self._connection is None:
            raise LedgerError(f"The ledger {self._path} is closed.")
        return self._connection
