"""When an instance was last backed up into an archive that was found whole, for whoever shows or checks it."""

from __future__ import annotations

import json
from pathlib import Path

from investbot.domain.errors import UsageError
from investbot.domain.market import Millis
from investbot.domain.times import parse_rfc3339

FOLDER = "backups"
MARKS = "verified.json"
_STAMP = len("20260102T030405Z")


def backed_up_at(home: Path, name: str) -> Millis | None:
    """Give the moment (milliseconds UTC) of the newest verified archive that is there; None without one."""
    folder = home / FOLDER / name
    try:
        marks = json.loads((folder / MARKS).read_bytes())["verified"]
        there = sorted(each for each in marks if (folder / each).is_file())
        return _moment(there[-1]) if there else None
    except (OSError, ValueError, KeyError, TypeError, UsageError):
        return None


def _moment(archive: str) -> Millis:
    """Read the moment out of an archive's name, `000012-20260102T030405Z.ibk`."""
    stamp = archive.partition("-")[2].partition(".")[0]
    if len(stamp) != _STAMP:
        raise ValueError(archive)
    date, time = stamp[:8], stamp[9:]
    return parse_rfc3339(f"{date[:4]}-{date[4:6]}-{date[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}")
