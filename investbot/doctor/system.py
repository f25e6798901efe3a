"""This machine, as the checks want to know it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from investbot.doctor import machine
from investbot.doctor.host import Disk, Host, InspectLedger, VaultState
from investbot.domain.market import Millis


def this_host(
    home: Path,
    now: Millis,
    *,
    sqlcipher: str,
    supervisor_answers: Callable[[], bool],
    vault_names: Callable[[], Collection[str]],
    inspect_ledger: InspectLedger | None,
    isolation: Mapping[str, str],
    feed_state: Callable[[], Mapping[str, Any] | None] = lambda: None,
    secrets: Callable[[], Collection[str]] = tuple,
    vault_state: Callable[[], VaultState] = VaultState,
) -> Host:
    """Describe the machine this process runs on; what other rooms know is handed in. `now` in milliseconds UTC."""
    return Host(
        home=home,
        now=now,
        uid=os.getuid(),
        python=sys.version_info[:3],
        sqlcipher=sqlcipher,
        disk=disk,
        is_supervisor=is_supervisor,
        supervisor_answers=supervisor_answers,
        vault_names=vault_names,
        inspect_ledger=inspect_ledger,
        isolation=isolation,
        feed_state=feed_state,
        vault_state=vault_state,
        memory=machine.memory,
        clock_is_kept=machine.clock_is_kept,
        units=machine.units,
        secrets=secrets,
    )


def disk(path: Path) -> Disk:
    """Give the room beside a path that this user may still fill; OSError."""
    usage = shutil.disk_usage(path)
    return Disk(usage.free, usage.total)


def is_supervisor(pid: int) -> bool:
    """Tell whether a process id is still a supervisor's, and not used again by another program or an instance."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    names = [part.rpartition(b"/")[2] for part in command]
    others = (b".instance", b".feed", b".zygote")
    return any(name.startswith(b"investbot") and not name.endswith(others) for name in names)
