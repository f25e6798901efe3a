"""Rows of an instance: from the supervisor when one is up, otherwise out of its ledger, with the passphrase."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from investbot.bootstrap.home import Home, InstanceHome
from investbot.cli.fleet import supervisor_if_up
from investbot.cli.session import Session
from investbot.cli.store import is_locked, unlocked
from investbot.cli.times import parse_since, wall_clock
from investbot.control.backed_up import backed_up_at
from investbot.domain.errors import InvestBotError
from investbot.domain.market import Millis
from investbot.domain.times import rfc3339

if TYPE_CHECKING:
    from investbot.adapters.storage.reader import SqlcipherReader
    from investbot.adapters.storage.vault import OpenVault
    from investbot.supervisor.journal import Remembered

_RESTING = frozenset({"STOPPED", "EXITED", "FATAL"})


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rows: not before `since` (milliseconds UTC), only the newest `last`, of one symbol, of one timeframe."""

    since: Millis | None = None
    last: int | None = None
    symbol: str | None = None
    timeframe: str | None = None

    @classmethod
    def of(cls, since: str | None, last: int | None, symbol: str | None = None, timeframe: str | None = None) -> Self:
        """Take what the line says; UsageError for a time that is none."""
        return cls(None if since is None else parse_since(since, wall_clock()), last, symbol, timeframe)

    def given(self) -> dict[str, Any]:
        """Give only those that were asked for."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def rows_of(session: Session, home: Home, kind: str, name: str, filters: Filters) -> list[dict[str, Any]]:
    """Read rows of one kind, oldest first, in the shapes that programs rely on; UnknownInstance, LedgerError."""
    ((_, rows),) = rows_of_each(session, home, kind, [name], filters)
    return rows


def rows_of_each(
    session: Session, home: Home, kind: str, names: Sequence[str], filters: Filters
) -> list[tuple[str, list[dict[str, Any]]]]:
    """Read the rows of several instances, each with its name; UnknownInstance, LedgerError."""
    instances = [home.existing(name) for name in names]
    if not instances:
        return []
    client = supervisor_if_up(home)
    if client is not None:
        with client:
            return [(name, list(client.rows(kind, name, **filters.given()))) for name in names]
    from investbot.bootstrap.reading import read_rows

    with unlocked(session, home) as vault:
        found = []
        for instance in instances:
            with reading(instance, vault) as reader:
                found.append((instance.name, read_rows(kind, reader, **filters.given())))
        return found


@contextmanager
def reading(instance: InstanceHome, vault: OpenVault) -> Iterator[SqlcipherReader]:
    """Open a ledger query-only while the context lasts; VaultError, LedgerError."""
    from investbot.adapters.storage.reader import SqlcipherReader

    reader = SqlcipherReader.open(instance.ledger, vault.data_key(instance.name))
    try:
        yield reader
    finally:
        reader.close()


def status_of(session: Session, home: Home, names: list[str]) -> list[dict[str, Any]]:
    """Read one status row an instance; without a supervisor from the files, with the process's state as it is found."""
    client = supervisor_if_up(home)
    if client is not None:
        with client:
            rows: list[dict[str, Any]] = client.call("status", names=names)
            return rows
    return stored_status(session, home, names)


def stored_status(session: Session, home: Home, names: list[str]) -> list[dict[str, Any]]:
    """Read status rows from the ledgers; a ledger that cannot be opened is told in its row's `error`."""
    if not names:
        return []
    from investbot.supervisor.journal import Journal

    remembered = Journal(home.run.journal).read()
    with unlocked(session, home) as vault:
        return [_stored_row(home, vault, name, remembered.get(name)) for name in names]


def has_finished(instance: InstanceHome) -> bool:
    """Tell whether the last run had nothing more to do, as after the last candle of a replay."""
    try:
        body = json.loads(instance.exit.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(body, dict) and body.get("finished") is True


def _stored_row(home: Home, vault: OpenVault, name: str, before: Remembered | None) -> dict[str, Any]:
    from investbot.bootstrap.reading import status_row
    from investbot.config.instance import load_instance
    from investbot.supervisor.processes import lock_holder

    instance = home.existing(name)
    error = None if before is None else before.error
    state = "STOPPED" if before is None or before.state not in _RESTING else before.state
    if state == "STOPPED" and has_finished(instance):
        state = "EXITED"
    row: dict[str, Any] = {"name": name}
    try:
        config = load_instance(instance.path)
        row = status_row(config, None)
        with reading(instance, vault) as reader:
            row = status_row(config, reader)
    except InvestBotError as refusal:
        error = str(refusal)
    running = is_locked(instance)
    backup_at = backed_up_at(home.path, name)
    return row | {
        "name": name,
        "state": "RUNNING" if running else state,
        "pid": lock_holder(instance.lock) if running else None,
        "restarts": 0 if before is None else before.restarts,
        "backup_at": None if backup_at is None else rfc3339(backup_at),
        "error": error,
    }
