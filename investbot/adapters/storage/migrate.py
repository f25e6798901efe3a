"""Bring a ledger to another schema: a verified copy first, then every step in one transaction."""

from __future__ import annotations

from pathlib import Path

from investbot.adapters.storage import schema, sqlcipher
from investbot.adapters.storage.copies import copy_verified
from investbot.adapters.storage.projections import rebuild
from investbot.adapters.storage.sqlcipher import Connection, Key
from investbot.domain.errors import InvariantError


def migrate(path: Path, key: Key, target: int | None = None) -> int:
    """Take a ledger up or down to schema `target` (unset: the newest) and return the schema it had.

    Beside it stays `NAME.v{N}.copy`, the whole ledger as it was. At the newest schema the projections are made again
    from the events. The caller holds the instance's lock. LedgerError for a ledger of a newer program, InvariantError
    for a target nobody knows.
    """
    goal = schema.latest() if target is None else target
    if not 1 <= goal <= schema.latest():
        raise InvariantError(f"There is no schema {goal}; this program knows 1 to {schema.latest()}.")
    for begun in path.parent.glob(f"{path.name}.v*.copy.part*"):  # of a migration that was killed
        begun.unlink(missing_ok=True)
    connection = sqlcipher.connect(path, key)
    try:
        found = schema.demand_known(connection, path)
        if found != goal:
            copy_verified(path, key, path.with_name(f"{path.name}.v{found}.copy"), replace=True)
            with sqlcipher.writing(connection, path):
                schema.walk(connection, schema.demand_known(connection, path), goal)
                if goal == schema.latest():
                    rebuild(connection)
    finally:
        connection.close()
    return found


def open_current(path: Path, key: Key) -> Connection:
    """Open a ledger for writing at the newest schema, migrating it first where it is older."""
    connection = sqlcipher.connect(path, key)
    try:
        if schema.demand_known(connection, path) == schema.latest():
            return connection
    except BaseException:
        connection.close()
        raise
    connection.close()
    migrate(path, key)
    return sqlcipher.connect(path, key)
