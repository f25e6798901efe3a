"""Turns the process of a command into an instance: what the command knew, the vault above all, is gone then."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

from investbot.supervisor.spawn import clean_environment, no_room, sealed

_MODULE = "investbot.bootstrap.instance"
_OF_SERVICES = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")
"""What a service manager tells the process it has started."""


def become(home: Path, name: str, key: bytes, *, tell: bool, health: socket.socket | None = None) -> NoReturn:
    """Run instance `name` in place of this process, its 32-byte data key handed over in a sealed memory file.

    Probes are answered at `health`, which listens already: an instance may open no door itself. With `tell` it says
    on stdout how it ended. Its exit code is that of the instance; TryAgain when it cannot begin.
    """
    kept = {each: value for each in _OF_SERVICES if (value := os.environ.get(each)) is not None}
    words = ["--home", str(home.resolve()), "--name", name, "--alone", *(["--tell"] if tell else [])]
    try:
        descriptor = sealed(key)
        os.set_inheritable(descriptor, True)
        if health is not None:
            health.set_inheritable(True)
            words += ["--health-fd", str(health.fileno())]
        command = [sys.executable, "-P", "-X", "faulthandler", "-m", _MODULE, *words, "--key-fd", str(descriptor)]
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(sys.executable, command, clean_environment(os.environ) | kept)  # noqa: S606 - our own program
    except OSError as error:
        raise no_room(name, error.errno) from None
