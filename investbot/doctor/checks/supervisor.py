"""A supervisor answers, or none is there and left nothing behind."""

from __future__ import annotations

from pathlib import Path

from investbot.doctor.host import Host
from investbot.doctor.issue import Issue, Level

NAME = "supervisor"
SOCKET = "supervisor.sock"
PID = "supervisor.pid"


def check(host: Host) -> list[Issue]:
    """Compare the socket and the process id on disk with who answers."""
    if host.supervisor_answers():
        return [Issue(NAME, Level.OK, "it answers")]
    pid = _pid(host.run / PID)
    if pid is not None and host.is_supervisor(pid):
        what = f"process {pid} is there and does not answer"
        why = "nobody watches the instances; those that run go on trading by themselves"
        return [Issue(NAME, Level.ERROR, what, why, f"kill {pid} && investbot up --detach")]
    left = [name for name in (SOCKET, PID) if (host.run / name).exists()]
    if left:
        what = f"{' and '.join(left)} of a supervisor that is gone"
        why = "it did not go down by itself; the instances it watched may still run"
        return [Issue(NAME, Level.WARNING, what, why, "investbot up --detach")]
    return [Issue(NAME, Level.OK, "none runs")]


def _pid(path: Path) -> int | None:
    text = path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else ""
    return int(text) if text.isdecimal() and int(text) > 0 else None
