"""Events of kinds that an older program cannot read, on the way down to its schema and back up.

Events are never deleted and their numbers have no holes, so each is put aside and an event that changes nothing takes
its place; on the way up the originals come back. Nothing is lost in either direction.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from investbot.adapters.storage.sqlcipher import Connection
from investbot.domain.events import EntriesResumed

SINCE: dict[int, tuple[str, ...]] = {3: ("SettingsApplied", "IntelligenceHeard", "IntelligenceRefused")}
"""Which kinds of events came with which schema."""
_CAUSE = "an event of a later version"
_TABLE = "CREATE TABLE later_events (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL) STRICT"
_NEVER_CHANGE = "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = 'events_never_change'"


def put_aside(connection: Connection, kinds: Collection[str]) -> int:
    """Put events of these kinds aside, inside the caller's transaction; give how many there were."""
    marks = ", ".join("?" * len(kinds))
    sql = f"SELECT seq, at, kind, body FROM events WHERE kind IN ({marks}) ORDER BY seq"  # noqa: S608 - marks only
    rows = connection.execute(sql, tuple(kinds)).fetchall()
    if rows:
        if not _is_there(connection):
            connection.execute(_TABLE)
        connection.executemany(
            "INSERT INTO later_events (seq, kind, body) VALUES (?, ?, ?)",
            [(seq, kind, body) for seq, _, kind, body in rows],
        )
        nothing = [
            (EntriesResumed.__name__, json.dumps({"at": at, "cause": _CAUSE}), seq) for seq, at, _kind, _body in rows
        ]
        _rewrite(connection, nothing)
    return len(rows)


def bring_back(connection: Connection, kinds: Collection[str]) -> int:
    """Put events of these kinds back in their places, inside the caller's transaction; give how many there were."""
    if not _is_there(connection):
        return 0
    marks = ", ".join("?" * len(kinds))
    sql = f"SELECT kind, body, seq FROM later_events WHERE kind IN ({marks}) ORDER BY seq"  # noqa: S608 - marks only
    rows = connection.execute(sql, tuple(kinds)).fetchall()
    _rewrite(connection, rows)
    connection.executemany("DELETE FROM later_events WHERE seq = ?", [(seq,) for _, _, seq in rows])
    if not connection.execute("SELECT count(*) FROM later_events").fetchone()[0]:
        connection.execute("DROP TABLE later_events")
    return len(rows)


def _rewrite(connection: Connection, rows: list[tuple[str, str, int]]) -> None:
    """Change stored events, which a trigger forbids to everybody else."""
    guard = connection.execute(_NEVER_CHANGE).fetchone()[0]
    connection.execute("DROP TRIGGER events_never_change")
    connection.executemany("UPDATE events SET kind = ?, body = ? WHERE seq = ?", rows)
    connection.execute(guard)


def _is_there(connection: Connection) -> bool:
    found = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'later_events'").fetchone()[0]
    return bool(found)
