"""There is room for events: a full disk stops trading."""

from __future__ import annotations

import shlex

from investbot.doctor.host import Host
from investbot.doctor.issue import Issue, Level

NAME = "disk"
LEAST = 100 * 2**20
"""Below this many free bytes an instance may stop at any moment."""
USUAL = 2**30
"""Below this many free bytes it is time to make room."""


def check(host: Host) -> list[Issue]:
    """Look at the free space beside the ledgers."""
    disk = host.disk(host.home)
    what = f"{_told(disk.free)} of {_told(disk.total)} free"
    if disk.free >= USUAL:
        return [Issue(NAME, Level.OK, what)]
    why = "an event that cannot be written stops its instance"
    level = Level.ERROR if disk.free < LEAST else Level.WARNING
    fix = f"du -xh {shlex.quote(str(host.home))} | sort -h | tail"
    return [Issue(NAME, level, f"only {what}", why, fix)]


def _told(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count // 2**20} MiB"
