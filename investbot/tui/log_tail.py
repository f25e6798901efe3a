"""The end of an instance's log, newest line last; blocking."""

from __future__ import annotations

import json
import os
from pathlib import Path

_BYTES = 1 << 16


def tail(path: Path, lines: int) -> tuple[str, ...]:
    """Give the last `lines` lines of a file, looking at no more than its last 64 KiB; none when it cannot be read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _BYTES))
            content = file.read()
    except OSError:
        return ()
    found = content.decode("utf-8", "replace").splitlines()
    if size > _BYTES:
        found = found[1:]
    return tuple(found[-lines:])


def parts(line: str) -> tuple[str, str, str]:
    """Take a log line apart: when, how grave, and what in words; a line that is no JSON object is all words."""
    try:
        fields = json.loads(line)
    except ValueError:
        return "", "", line
    if not isinstance(fields, dict):
        return "", "", line
    at, level, event = (str(fields.pop(key, "")) for key in ("at", "level", "event"))
    fields.pop("instance", None)
    more = " ".join(f"{key}={value}" for key, value in fields.items() if key != "traceback")
    return at, level, f"{event} {more}".rstrip()
