"""Who is on the other end: SO_PEERCRED, and a process told from a later one with the same pid by its start time."""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

_CREDENTIALS = struct.Struct("3i")
_SO_PEERGROUPS, _MOST_GROUPS = 59, 1 << 12
_MARK = "Max msgqueue size"
_START_TIME = 19
"""Place of `starttime` behind the command's closing bracket in /proc/PID/stat (proc(5): field 22)."""

_began: dict[int, int] = {}
"""When this process began, by its id: a copy of it has another."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that opened the connection, as the kernel tells it."""

    pid: int
    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    """Its further groups."""


def peer_of(connection: socket.socket) -> Peer:
    """Ask the kernel who connected (unix(7), SO_PEERCRED and SO_PEERGROUPS)."""
    answer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(answer)
    return Peer(pid, uid, gid, _groups(connection))


def _groups(connection: socket.socket) -> tuple[int, ...]:
    """Ask for further groups; a kernel older than 4.13 does not tell."""
    try:
        told = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MOST_GROUPS * 4)
    except OSError:
        return ()
    return struct.unpack(f"{len(told) // 4}I", told)


def is_instance(pid: int) -> bool:
    """Tell whether a process is, or may be, an instance: it has given up message queues, which nobody else does.

    An instance does so before any code of others runs in it, and a hard limit cannot be raised again. A process that
    cannot be looked at (gone, or in another container) may be one.
    """
    try:
        lines = Path(f"/proc/{pid}/limits").read_text(encoding="ascii").splitlines()
    except OSError:
        return True
    hard = [line.split()[4] for line in lines if line.startswith(_MARK)]
    return hard == ["0"]


def start_time(pid: int | None = None) -> int | None:
    """Tell when a process (this one by default) began, in clock ticks since boot; None when there is none.

    What was read of this process is kept: one that is isolated by then could not read it again.
    """
    own = os.getpid()
    if pid in {None, own} and own in _began:
        return _began[own]
    try:
        stat = Path(f"/proc/{own if pid is None else pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    began = int(fields[_START_TIME])
    if pid in {None, own}:
        _began[own] = began
    return began
