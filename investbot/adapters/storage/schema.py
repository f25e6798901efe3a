"""The ledger's schema as numbered steps up and down, and how they are walked."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from sqlcipher3.dbapi2 import complete_statement

from investbot import __version__
from investbot.adapters.storage import later_events, sqlcipher
from investbot.adapters.storage.sqlcipher import Connection
from investbot.domain.errors import InvariantError, LedgerError

_PROGRAM = "program"
_SIGN = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"


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


def written_by(connection: Connection) -> str:
    """Give the version of InvestBot that brought a database to its schema; empty where it did not say."""
    try:
        row = connection.execute("SELECT value FROM meta WHERE key = ?", (_PROGRAM,)).fetchone()
    except sqlcipher.DatabaseError:
        return ""
    return str(row[0]) if row else ""


def demand_known(connection: Connection, path: Path) -> int:
    """Read which schema a ledger has; LedgerError when it is newer than this program, or was never finished."""
    found = version(connection)
    if found > latest():
        program = written_by(connection)
        known = bool(program) and program != __version__
        by = f"InvestBot {program}" if known else "a newer InvestBot"
        raise LedgerError(
            f"The ledger {path} has schema {found}, written by {by}; this one ({__version__}) knows up to {latest()}: "
            f"install {by if known else 'the newer version'} again."
        )
    if found < 1:
        raise LedgerError(f"The ledger {path} was never finished; remove the file and create the instance again.")
    return found


def walk(connection: Connection, start: int, target: int) -> None:
    """Take the steps from one schema to another inside the caller's transaction, statement by statement."""
    for number in range(start + 1, target + 1):
        _run(connection, f"{steps()[number]}.up.sql")
        later_events.bring_back(connection, later_events.SINCE.get(number, ()))
    for number in range(start, target, -1):
        later_events.put_aside(connection, later_events.SINCE.get(number, ()))
        _run(connection, f"{steps()[number]}.down.sql")
    connection.execute(f"PRAGMA user_version = {target}")
    if target:
        connection.execute(_SIGN, (_PROGRAM, __version__))


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
