"""The events of a ledger as rows, for whoever carries them elsewhere, and a ledger grown or cut back to a moment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from investbot.adapters.storage import schema, sqlcipher
from investbot.adapters.storage.encoding import EventRow, read
from investbot.adapters.storage.migrate import open_current
from investbot.adapters.storage.projections import project, rebuild
from investbot.adapters.storage.sqlcipher import Connection, Key
from investbot.domain.errors import LedgerError
from investbot.domain.market import Cursor, Millis

_ROWS = "SELECT seq, at, kind, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
_RESTORES = "SELECT value FROM meta WHERE key = 'restores'"
_AT_ONCE = 1000


class LedgerHistory:
    """A query-only handle on the rows of a ledger, running or not; calls must not overlap."""

    def __init__(self, connection: Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    def open(cls, path: Path, key: Key) -> Self:
        """Open a ledger that is there; LedgerError for a wrong key and for a file that is none."""
        connection = sqlcipher.connect(path, key, read_only=True)
        try:
            schema.demand_known(connection, path)
        except BaseException:
            connection.close()
            raise
        return cls(connection, path)

    def last_seq(self) -> int:
        """Give the seq of the last event, 0 before the first."""
        with sqlcipher.translated(self._path):
            found: int = self._connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
            return found

    def batch(self, after: int, limit: int) -> tuple[list[EventRow], list[tuple[int, str, int]]]:
        """Give at most `limit` events behind `after`, and the steps among them: event, symbol, candle's opening."""
        with sqlcipher.reading(self._connection, self._path):
            rows = self._connection.execute(_ROWS, (after, limit)).fetchall()
            return rows, self._steps(after, rows[-1][0]) if rows else []

    def rows(self, after: int = 0, upto: int | None = None) -> Iterator[EventRow]:
        """Give the events behind `after`, up to `upto`, oldest first."""
        with sqlcipher.translated(self._path):
            while rows := self._connection.execute(_ROWS, (after, _AT_ONCE)).fetchall():
                for row in rows:
                    if upto is not None and row[0] > upto:
                        return
                    yield row
                after = rows[-1][0]

    def steps(self) -> list[tuple[int, str, int]]:
        """Give all steps that the ledger remembers, oldest first."""
        with sqlcipher.reading(self._connection, self._path):
            return self._steps(0, self._connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])

    def close(self) -> None:
        """Close the handle."""
        self._connection.close()

    def _steps(self, after: int, upto: int) -> list[tuple[int, str, int]]:
        sql = "SELECT (SELECT max(seq) FROM events) AS last, symbol, opened_at FROM cursor WHERE last > ? AND last <= ?"
        return [tuple(row) for row in self._connection.execute(sql, (after, upto))]


def grow(path: Path, key: Key, rows: Iterable[EventRow], cursor: Cursor | None) -> int:
    """Append events to a ledger nobody uses, all or none, with their projections; give the last seq. LedgerError."""
    connection = open_current(path, key)
    try:
        with sqlcipher.writing(connection, path):
            for row in rows:
                connection.execute("INSERT INTO events (seq, at, kind, body) VALUES (?, ?, ?, ?)", row)
                project(connection, (read(row),))
            _point(connection, cursor)
            last: int = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
    finally:
        connection.close()
    return last


def cut(path: Path, key: Key, upto: int, cursor: Cursor | None) -> None:
    """Take the events behind `upto` from a ledger nobody uses and make its projections anew; LedgerError.

    Only ever for a copy that was unpacked from an archive: a live ledger is append-only.
    """
    connection = open_current(path, key)
    try:
        with sqlcipher.writing(connection, path):
            guards = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
            for name, _ in guards:
                connection.execute(f"DROP TRIGGER {name}")
            connection.execute("DELETE FROM events WHERE seq > ?", (upto,))
            for _, sql in guards:
                connection.execute(sql)
            if connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0] != upto:
                raise LedgerError(f"The ledger {path} has no event {upto} to be cut back to.")
            rebuild(connection)
            _point(connection, cursor)
    finally:
        connection.close()


def rename(path: Path, key: Key, instance: str) -> None:
    """Write into a ledger nobody uses whose it is from now on; LedgerError."""
    connection = open_current(path, key)
    try:
        with sqlcipher.writing(connection, path):
            connection.execute("UPDATE meta SET value = ? WHERE key = 'instance'", (instance,))
    finally:
        connection.close()


def _point(connection: Connection, cursor: Cursor | None) -> None:
    connection.execute("DELETE FROM cursor")
    if cursor is not None:
        connection.execute(
            "INSERT INTO cursor (id, symbol, opened_at) VALUES (1, ?, ?)", (cursor.symbol, cursor.opened_at)
        )


def restores(path: Path, key: Key) -> list[tuple[int, Millis]]:
    """Tell how often a ledger was taken back: up to which event, and when (milliseconds UTC), oldest first."""
    connection = sqlcipher.connect(path, key, read_only=True)
    try:
        with sqlcipher.translated(path):
            row = connection.execute(_RESTORES).fetchone()
            return [] if row is None else [(seq, at) for seq, at in json.loads(row[0])]
    finally:
        connection.close()


def mark_restored(path: Path, key: Key, marks: Iterable[tuple[int, Millis]]) -> None:
    """Write into a ledger nobody uses how often it was taken back; LedgerError."""
    connection = open_current(path, key)
    try:
        with sqlcipher.writing(connection, path):
            connection.execute(
                "INSERT INTO meta (key, value) VALUES ('restores', ?) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (json.dumps(list(marks)),),
            )
    finally:
        connection.close()
