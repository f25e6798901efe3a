"""Connections to SQLCipher files: raw 256-bit keys, durable commits, and one clear sentence for whatever goes wrong.

Only this module knows the library. The key goes in through the C interface, never as SQL text, so that no trace,
statement cache or exception can hold it; Python's own buffers are zeroed as far as they can be.
"""

from __future__ import annotations

import os
from binascii import hexlify
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlcipher3 import dbapi2

from investbot.adapters.storage import exact
from investbot.adapters.storage.diagnosis import diagnose
from investbot.domain.errors import AlreadyExists, LedgerError, VaultError

Key = bytes | bytearray
Connection = Any
"""The library has no types."""

DatabaseError = dbapi2.Error

KEY_BYTES = 32
BUSY_SECONDS = 5.0
CHECKPOINT_PAGES = 4000
"""How long the log grows before a commit folds it in: 16 MB, so that few appends wait for it."""
CACHE_KIB = 1024
"""Most of a ledger that its writer keeps in memory: an append touches the last pages, and many ledgers are open."""
APPLICATION_ID = 0x49424C47
"""`IBLG` in the file's header: a ledger of InvestBot."""

_CONSTRAINT, _NOT_A_DATABASE = 19, 26
_SENTENCES = {
    5: "The ledger {path} is held by another process; try again when it has finished.",
    6: "The ledger {path} is held by another process; try again when it has finished.",
    8: "The ledger {path} may not be written; give its file and folder back to the user who runs InvestBot.",
    10: "The disk failed while the ledger {path} was used ({name}); look at the system's log before going on.",
    11: "The ledger {path} is damaged; put its last good copy in its place.",
    13: "The disk is full and the ledger {path} cannot be written; free some space and start again.",
    14: "The ledger {path} cannot be opened; look at the rights of its file and folder.",
    _CONSTRAINT: "The ledger {path} refused an event that would be booked twice or out of order; nothing was written.",
    _NOT_A_DATABASE: "The ledger {path} is damaged; put its last good copy in its place.",
}
_WORDS = {"database or disk is full": 13, "disk I/O error": 10}
"""What the library says of a copy that failed, which carries no code."""


def create(path: Path, key: Key) -> Connection:
    """Make a new, empty, encrypted file of mode 0600 and open it; AlreadyExists where something is in its place."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    except FileExistsError:
        raise AlreadyExists(f"{path} is there already and is not overwritten.") from None
    except OSError as error:
        raise LedgerError(f"The ledger {path} cannot be made: {error.strerror}.") from None
    try:
        connection = _open(path, key)
        with translated(path):
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("PRAGMA journal_mode = WAL")
    except BaseException:
        remove(path)
        raise
    return connection


def connect(path: Path, key: Key, *, read_only: bool = False) -> Connection:
    """Open a file that is there; `read_only` may stand beside a running writer and cannot change a row.

    LedgerError for a key that does not fit and for anything that is not a whole ledger of InvestBot.
    """
    _demand_file(path, tighten=not read_only)
    connection = _open(path, key)
    try:
        with translated(path):
            if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                raise LedgerError(f"{path} is a database of another program and not a ledger of InvestBot.")
            if read_only:
                connection.execute("PRAGMA query_only = ON")
            else:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
                connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    except BaseException:
        connection.close()
        raise
    return connection


def scratch() -> Connection:
    """Open a database in memory that nobody else sees, to work something out."""
    connection = dbapi2.connect(":memory:", isolation_level=None)
    exact.install(connection)
    return connection


@contextmanager
def writing(connection: Connection, path: Path) -> Iterator[None]:
    """Hold one write transaction: all of it durable at the end, or none of it; LedgerError when it cannot be had."""
    with translated(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            with suppress(DatabaseError):
                connection.execute("ROLLBACK")
            raise


@contextmanager
def reading(connection: Connection, path: Path) -> Iterator[None]:
    """Hold one read transaction, so that several reads see the same moment."""
    with translated(path):
        connection.execute("BEGIN")
        try:
            yield
        finally:
            with suppress(DatabaseError):
                connection.execute("COMMIT")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what the library raises into one sentence for the operator."""
    try:
        yield
    except DatabaseError as error:
        raise refusal(error, path) from None


def refusal(error: Exception, path: Path) -> LedgerError:
    """Say in one sentence what an error of the library means; it never repeats the library's own text."""
    code: int = getattr(error, "sqlite_errorcode", 0) or _WORDS.get(str(error), 0)
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    words = _SENTENCES.get(code & 0xFF, "The ledger {path} cannot be used ({name}).")
    return LedgerError(words.format(path=path, name=name))


def remove(path: Path) -> None:
    """Remove a file that was being made, with whatever stands beside it."""
    for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        name.unlink(missing_ok=True)
    path.with_name(path.name + "-journal").unlink(missing_ok=True)


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _demand_file(path: Path, *, tighten: bool) -> None:
    """Refuse what the library would silently take for a new database, and close the file to other users."""
    try:
        status = path.stat()
        if tighten and status.st_mode & 0o077:
            path.chmod(0o600)
    except FileNotFoundError:
        raise LedgerError(f"There is no ledger at {path}.") from None
    except OSError as error:
        raise LedgerError(f"The ledger {path} cannot be opened: {error.strerror}.") from None
    if not path.is_file():
        raise LedgerError(f"{path} is not a file and not a ledger of InvestBot.")
    if status.st_size == 0:
        raise LedgerError(f"The ledger {path} is an empty file; put its last good copy in its place.")


def _open(path: Path, key: Key) -> Connection:
    if len(key) != KEY_BYTES:
        raise VaultError(f"A ledger's key has {KEY_BYTES} bytes; this one has {len(key)}.")
    connection: Connection = None
    try:
        connection = dbapi2.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            isolation_level=None,
            timeout=BUSY_SECONDS,
            cached_statements=256,
            check_same_thread=False,
        )
        connection.enable_load_extension(False)
        connection.execute("PRAGMA cipher_log_level = NONE")
        _unlock(connection, key)
        for pragma in ("cipher_compatibility = 4", "temp_store = 2", "synchronous = FULL", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        exact.install(connection)
    except DatabaseError as error:
        if connection is not None:
            connection.close()
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == _NOT_A_DATABASE:
            raise diagnose(path, key) from None
        raise refusal(error, path) from None
    return connection


def _unlock(connection: Connection, key: Key) -> None:
    """Hand over the raw key in the form the library takes for raw, x'…64 digits…'; anything else it would stretch."""
    literal = bytearray(b"x'" + hexlify(key) + b"'")
    try:
        connection.set_key(literal)
    finally:
        literal[:] = bytes(len(literal))
