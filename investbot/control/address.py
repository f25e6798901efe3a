"""Where the control socket is, and how to reach a path longer than the kernel's 107 bytes."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

RUN = "run"
SOCKET = "supervisor.sock"
FEED_SOCKET = "feed.sock"
_LONGEST = 107
"""Bytes of a Unix socket path that the kernel takes, its closing zero left out (unix(7))."""


def socket_path(home: Path) -> Path:
    """Say where the supervisor of `home` listens."""
    return home / RUN / SOCKET


def feed_path(home: Path) -> Path:
    """Say where the feed of `home` listens."""
    return home / RUN / FEED_SOCKET


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """Give a name for `path` that fits into a socket address while the context lasts; OSError if its folder is gone."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def connect(path: Path, timeout_s: float | None) -> socket.socket:
    """Connect to the socket at `path`, waiting at most `timeout_s` seconds; OSError when nobody listens."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_s)
        with reachable(path) as name:
            connection.connect(name)
    except OSError:
        connection.close()
        raise
    return connection


def listen(path: Path) -> socket.socket:
    """Listen at `path` (0600) in place of whoever did before: the caller knows that he is gone; OSError."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    with reachable(path) as name:
        listening.bind(name)
    path.chmod(0o600)
    return listening
