"""The machine's clock is believable."""

from __future__ import annotations

from collections.abc import Iterator

from investbot.doctor.host import Host
from investbot.doctor.issue import Issue, Level
from investbot.domain.market import MINUTE, Millis
from investbot.domain.times import parse_rfc3339, rfc3339

NAME = "clock"
RELEASED: Millis = parse_rfc3339("2025-06-01")
"""No clock is right that stands before the program was written."""
AHEAD: Millis = 2 * MINUTE
"""How far in the future a file may have been written: network disks disagree a little."""
_FIX = "sudo timedatectl set-ntp true"


def check(host: Host) -> list[Issue]:
    """Compare the clock with the program's age and with what was written last."""
    now = rfc3339(host.now)
    if host.now < RELEASED:
        why = "venues refuse requests with a wrong time, and every record would carry it"
        return [Issue(NAME, Level.ERROR, f"the clock stands at {now}", why, _FIX)]
    newest = max(_written(host), default=0)
    if newest > host.now + AHEAD:
        what = f"something was written at {rfc3339(newest)}, and the clock stands at {now}"
        return [Issue(NAME, Level.WARNING, what, "the clock was set back, or is wrong now", _FIX)]
    if host.clock_is_kept() is False:
        what = f"nothing keeps the clock right; it stands at {now}"
        return [Issue(NAME, Level.WARNING, what, "venues refuse requests once it has drifted by seconds", _FIX)]
    return [Issue(NAME, Level.OK, f"the clock stands at {now}")]


def _written(host: Host) -> Iterator[Millis]:
    for path in (host.fleet_file, host.vault_file, host.run / "audit.jsonl", *host.instances.glob("*/ledger.db*")):
        try:
            yield path.stat().st_mtime_ns // 1_000_000
        except FileNotFoundError:  # a running instance comes and goes with its files
            continue
