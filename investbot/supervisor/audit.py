"""Who asked for what and what came of it: one JSON object a line, appended, synced, never rewritten."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from investbot.domain.market import Millis
from investbot.domain.times import parse_rfc3339, rfc3339

LOOKS = frozenset({"ping", "status", "top", "read", "watch", "audit", "size"})
"""Verbs that change nothing: the same look by the same hand within REPEAT milliseconds is counted, not written."""
REPEAT: Millis = 60_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and its outcome: `ok`, or the sentence of the refusal. Arguments hold no secrets."""

    at: Millis
    who: str
    pid: int
    verb: str
    names: tuple[str, ...] = ()
    args: Mapping[str, Any] = field(default_factory=dict)
    outcome: str = "ok"
    exit_code: int = 0


class AuditLog:
    """The append-only file `run/audit.jsonl` (0600); safe to use from several threads and processes."""

    def __init__(self, path: Path) -> None:
        """Append to `path`, which is made when it is not there."""
        self._path = path
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[Millis, int]] = {}

    def append(self, entry: Entry) -> None:
        """Write one entry and see it on the disk; OSError."""
        with self._lock:
            repeated = self._repeated(entry)
            if repeated is None:
                return
            line: dict[str, Any] = {
                "at": rfc3339(entry.at),
                "who": entry.who,
                "pid": entry.pid,
                "verb": entry.verb,
                "names": list(entry.names),
                "args": dict(entry.args),
                "outcome": entry.outcome,
                "exit_code": entry.exit_code,
            }
            if repeated:
                line["repeated"] = repeated
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                os.write(handle, json.dumps(line, default=str).encode() + b"\n")
                if entry.verb not in LOOKS:
                    os.fsync(handle)
            finally:
                os.close(handle)

    def read(self, since: Millis | None = None) -> list[dict[str, Any]]:
        """Give the entries at or after `since`, oldest first; a torn last line is left out."""
        entries: list[dict[str, Any]] = []
        if not self._path.exists():
            return entries
        for line in self._path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if since is None or parse_rfc3339(entry["at"]) >= since:
                entries.append(entry)
        return entries

    def _repeated(self, entry: Entry) -> int | None:
        """Count looks alike since the last one written; None when this one is only counted."""
        if entry.verb not in LOOKS:
            return 0
        key = json.dumps([entry.who, entry.verb, entry.names, entry.args, entry.exit_code], default=str, sort_keys=True)
        written, count = self._seen.get(key, (None, 0))
        if written is not None and 0 <= entry.at - written < REPEAT:
            self._seen[key] = (written, count + 1)
            return None
        self._seen = {other: seen for other, seen in self._seen.items() if entry.at - seen[0] < 2 * REPEAT}
        self._seen[key] = (entry.at, 0)
        return count
