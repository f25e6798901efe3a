"""The API keys of one instance, which live nowhere but in its own encrypted file.

Every call opens the file, holds one short transaction and closes it: the instance may be running meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from investbot.adapters.storage import sqlcipher
from investbot.adapters.storage.migrate import open_current
from investbot.adapters.storage.sqlcipher import Connection, Key
from investbot.domain.market import Millis

PREVIOUS = "previous."
"""What the names of secrets begin with that were replaced and may be wanted back."""


def set_secrets(path: Path, key: Key, secrets: Mapping[str, str], at: Millis) -> None:
    """Keep each value under its name, all or none, with the moment in milliseconds UTC; an older value goes."""
    with _opened(path, key) as connection, sqlcipher.writing(connection, path):
        for name, value in secrets.items():
            connection.execute(
                "INSERT INTO secrets (name, value, set_at) VALUES (?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value, set_at = excluded.set_at",
                (name, value, at),
            )


def get_secrets(path: Path, key: Key) -> dict[str, str]:
    """Read every secret by its name."""
    with _opened(path, key) as connection, sqlcipher.translated(path):
        return dict(connection.execute("SELECT name, value FROM secrets ORDER BY name").fetchall())


def secret_names(path: Path, key: Key) -> dict[str, Millis]:
    """Name the secrets that are set and when each was, in milliseconds UTC, without reading a value."""
    with _opened(path, key) as connection, sqlcipher.translated(path):
        return dict(connection.execute("SELECT name, set_at FROM secrets ORDER BY name").fetchall())


def forget_secrets(path: Path, key: Key) -> int:
    """Overwrite and forget every secret; say how many there were."""
    with _opened(path, key) as connection:
        with sqlcipher.writing(connection, path):
            count: int = connection.execute("DELETE FROM secrets").rowcount
        with sqlcipher.translated(path):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return count


def exchange_secrets(path: Path, key: Key, secrets: Mapping[str, str], family: Collection[str], at: Millis) -> None:
    """Let new secrets take the place of all of a family at once, and keep those of before as `previous.NAME`.

    Earlier previous ones go. `at` is the moment in milliseconds UTC.
    """
    with _opened(path, key) as connection, sqlcipher.writing(connection, path):
        connection.execute("DELETE FROM secrets WHERE name GLOB ?", (f"{PREVIOUS}*",))
        for name in family:
            connection.execute("UPDATE secrets SET name = ? WHERE name = ?", (PREVIOUS + name, name))
        connection.executemany(
            "INSERT INTO secrets (name, value, set_at) VALUES (?, ?, ?)",
            [(name, value, at) for name, value in secrets.items()],
        )


def take_back(path: Path, key: Key, family: Collection[str]) -> bool:
    """Put the previous secrets of a family back in one transaction; False when there are none any more."""
    with _opened(path, key) as connection, sqlcipher.writing(connection, path):
        found = connection.execute("SELECT name FROM secrets WHERE name GLOB ?", (f"{PREVIOUS}*",)).fetchall()
        if found:
            connection.executemany("DELETE FROM secrets WHERE name = ?", [(name,) for name in family])
        for (name,) in found:
            connection.execute("UPDATE secrets SET name = ? WHERE name = ?", (name.removeprefix(PREVIOUS), name))
        return bool(found)


def forget_previous(path: Path, key: Key) -> int:
    """Overwrite and forget the previous secrets; say how many there were."""
    with _opened(path, key) as connection:
        with sqlcipher.writing(connection, path):
            count: int = connection.execute("DELETE FROM secrets WHERE name GLOB ?", (f"{PREVIOUS}*",)).rowcount
        if count:
            with sqlcipher.translated(path):
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return count


@contextmanager
def _opened(path: Path, key: Key) -> Iterator[Connection]:
    connection = open_current(path, key)
    try:
        with sqlcipher.translated(path):
            connection.execute("PRAGMA secure_delete = ON")
        yield connection
    finally:
        connection.close()
