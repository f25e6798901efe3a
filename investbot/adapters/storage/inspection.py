"""Look a ledger over from page to sum, for `investbot doctor`."""

from __future__ import annotations

from pathlib import Path

from investbot.adapters.storage import copies, projections, schema, sqlcipher
from investbot.adapters.storage.sqlcipher import DatabaseError, Key
from investbot.domain.errors import InvariantError


def inspect(path: Path, key: Key) -> list[str]:
    """Say what is wrong with a ledger, one sentence each; nothing when all is well. Safe beside a running writer.

    LedgerError when it does not even open.
    """
    connection = sqlcipher.connect(path, key, read_only=True)
    try:
        found = schema.demand_known(connection, path)
        if found < schema.latest():
            return [f"The ledger has the older schema {found}; start its instance once to bring it up to date."]
        # A page that is just being folded in from the log can look broken for a moment: ask twice.
        if copies.integrity(connection) and (broken := copies.integrity(connection)):
            return [f"The file is damaged: {broken[0]}."]
        with sqlcipher.reading(connection, path):
            return projections.check(connection)
    except (DatabaseError, InvariantError) as error:
        return [str(sqlcipher.refusal(error, path)) if isinstance(error, DatabaseError) else str(error)]
    finally:
        connection.close()
