"""The ledger's schema as numbered steps up and down, and how they are walked."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from sqlcipher3.dbapi2 import complete_statement

from investbot.adapters.storage import sqlcipher
from investbot.adapters.storage.sqlcipher import Connection
from investbot.domain.errors import InvariantError, LedgerError


@cache
def steps() -> dict[int, str]:
    """Name every step by its number, without holes from 1: {1: "0001_ledger", …}."""
    names = sorted(
        entry.name.removesuffix(".up.sql")
        for entry in files("investbot.adapters.storage.migrations").iterdir()
        if entry.name.endswith(".up.sql")
    )
    numbered = {int(name.partition("_")[0]): name for name in names}
    if list(numbered) != list(range(1, len(names) + 1)):
        raise InvariantError("The schema's steps are not numbered without holes; install InvestBot again.")
    return numbered


def latest() -> int:
    """Give the schema this program writes."""
    return max(steps())


def version(connection: Connection) -> int:
    """Read which schema a database has."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def demand_known(connection: Connection, path: Path) -> int:
    """Read which schema a ledger has; LedgerError when it is newer than this program, or was never finished."""
    found = version(connection)
    if found > latest():
        raise LedgerError(
            f"The ledger {path} has schema {found}, written by a newer InvestBot; this one knows up to {latest()}: "
            "install the newer version again."
        )
    if found < 1:
        raise LedgerError(f"The ledger {path} was never finished; remove the file and create the instance again.")
    return found


def walk(connection: Connection, start: int, target: int) -> None:
    """Take the steps from one schema to another inside the caller's transaction, statement by statement."""
    for number in range(start + 1, target + 1):
        _run(connection, f"{steps()[number]}.up.sql")
    for number in range(start, target, -1):
        _run(connection, f"{steps()[number]}.down.sql")
    connection.execute(f"PRAGMA user_version = {target}")


def scratch() -> Connection:
    """Make an empty ledger of the newest schema in memory."""
    connection = sqlcipher.scratch()
    walk(connection, 0, latest())
    return connection


def _run(connection: Connection, name: str) -> None:
    for statement in statements(files("investbot.adapters.storage.migrations").joinpath(name).read_text("utf-8")):
        connection.execute(statement)


def statements(script: str) -> Iterator[str]:
    """Cut a script into whole statements, triggers included; InvariantError when it ends in the middle of one."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if complete_statement(pending):
            yield pending
            pending = ""
    if pending.strip():
        raise InvariantError("A step of the schema ends in the middle of a statement; install InvestBot again.")
