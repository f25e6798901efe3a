"""Keeps the audit: what faces asked for, what came of it, and what the supervisor did of itself."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pwd
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from investbot.control.connection import Connection
from investbot.domain.market import Millis
from investbot.ports.clock import Clock
from investbot.supervisor.audit import AuditLog, Entry

LOG = logging.getLogger(__name__)


class Scribe:
    """Appends in the order of the calls, in one thread of its own: the event loop never waits for the disk."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Write to `path`."""
        self._audit = AuditLog(path)
        self._clock = clock
        self._clerk = ThreadPoolExecutor(1, "audit")

    async def note(self, connection: Connection, verb: str, args: dict[str, Any], outcome: str, code: int) -> None:
        """Append a request and its outcome."""
        at: Millis = self._clock.now()
        body = dict(args)
        names = body.pop("names", None) or ([body.pop("name")] if "name" in body else [])
        peer = connection.peer
        entry = Entry(at, _user(peer.uid), peer.pid, verb, tuple(map(str, names)), _short(body), outcome, code)
        await asyncio.get_running_loop().run_in_executor(self._clerk, self._write, entry)

    def add(self, at: Millis, verb: str, names: tuple[str, ...], outcome: str, code: int) -> None:
        """Append what the supervisor did of itself; does not wait."""
        self._clerk.submit(self._write, Entry(at, "supervisor", os.getpid(), verb, names, {}, outcome, code))

    def read(self, since: Millis | None) -> list[dict[str, Any]]:
        """Give the entries since a moment, oldest first."""
        return self._audit.read(since)

    def close(self) -> None:
        """Finish what is left to write."""
        self._clerk.shutdown()

    def _write(self, entry: Entry) -> None:
        """Append; a full disk is logged and stops nobody."""
        try:
            self._audit.append(entry)
        except OSError as error:
            LOG.error("audit_lost", extra={"fields": {"verb": entry.verb, "error": str(error)}})


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _short(args: dict[str, Any]) -> dict[str, Any]:
    """Keep arguments that fit on a line; what a stranger sent may be of any size."""
    return args if len(json.dumps(args)) <= 2000 else {"dropped": "too long"}
