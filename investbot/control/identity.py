"""Who is on the other end: SO_PEERCRED, and a process told from a later one with the same pid by its start time."""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

_CREDENTIALS = struct.Struct("3i")
_START_TIME = 19
"""Place of `starttime` behind the command's closing bracket in /proc/PID/stat (proc(5): field 22)."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The process that opened the connection, as the kernel tells it."""

    pid: int
    uid: int
    gid: int


def peer_of(connection: socket.socket) -> Peer:
    """Ask the kernel who connected (unix(7), SO_PEERCRED)."""
    answer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return Peer(*_CREDENTIALS.unpack(answer))


def start_time(pid: int | None = None) -> int | None:
    """Tell when a process (this one by default) began, in clock ticks since boot; None when there is none."""
    try:
        stat = Path(f"/proc/{os.getpid() if pid is None else pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    return int(fields[_START_TIME])
