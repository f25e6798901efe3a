"""Sending a supervisor into the background: its passphrase goes in on a pipe, word that it is ready comes out."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from investbot.control import codec
from investbot.domain.errors import InvariantError, InvestBotError, TryAgain
from investbot.supervisor.spawn import clean_environment

READY_S = 120.0
"""Seconds that a supervisor may take until it answers."""
_MOST = 1 << 16


def detach(home: Path, passphrase: str, program: Sequence[str], *, ready_s: float = READY_S) -> int:
    """Start `program` (what follows the interpreter) as a daemon; give its pid once it is ready.

    It is handed `--passphrase-fd` and `--ready-fd`. What it reports is raised here; TryAgain after `ready_s` seconds.
    """
    secret_out, secret_in = os.pipe()
    ready_out, ready_in = os.pipe()
    try:
        os.write(secret_in, passphrase.encode())
        os.close(secret_in)
        secret_in = -1
        command = [*program, "--passphrase-fd", str(secret_out), "--ready-fd", str(ready_in)]
        pid = _start(home, command, (secret_out, ready_in))
        os.close(ready_in)
        ready_in = -1
        return _await_word(ready_out, pid, ready_s)
    finally:
        for descriptor in (secret_out, secret_in, ready_out, ready_in):
            if descriptor >= 0:
                os.close(descriptor)


def read_passphrase(descriptor: int) -> str:
    """Read the passphrase that `detach` handed over, and close the pipe."""
    with os.fdopen(descriptor, "rb") as pipe:
        return pipe.read().decode()


class Word:
    """The daemon's end of the ready pipe: it says one thing and hangs up."""

    def __init__(self, descriptor: int | None) -> None:
        """Speak on `descriptor`; None says nothing to nobody."""
        self._descriptor = descriptor

    def ready(self) -> None:
        """Say that the supervisor answers."""
        self._say({"ok": True})

    def failed(self, error: InvestBotError) -> None:
        """Say why there will be no supervisor; nothing when it was ready before."""
        self._say(codec.failure(None, error))

    def _say(self, word: dict[str, Any]) -> None:
        if self._descriptor is not None:
            with contextlib.suppress(OSError):  # whoever waited has gone
                os.write(self._descriptor, json.dumps(word).encode() + b"\n")
            os.close(self._descriptor)
            self._descriptor = None


def _start(home: Path, command: Sequence[str], handed: tuple[int, ...]) -> int:
    words = home / "run" / "supervisor.err"
    words.parent.mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(os.open(words, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "wb") as stderr:
        made = subprocess.Popen(
            [sys.executable, "-P", "-X", "faulthandler", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            pass_fds=handed,
            env=clean_environment(os.environ),
            cwd=home,
            start_new_session=True,
            umask=0o077,
        )
    made.returncode = 0  # it outlives this process
    return made.pid


def _await_word(ready: int, pid: int, ready_s: float) -> int:
    if not select.select([ready], [], [], ready_s)[0]:
        raise TryAgain(f"The supervisor (process {pid}) is not ready after {ready_s:.0f} s; see run/supervisor.log.")
    line = os.read(ready, _MOST)
    if not line:
        raise InvariantError("The supervisor ended before it was ready; see run/supervisor.err for its last words.")
    word = json.loads(line)
    if not word["ok"]:
        raise codec.error_for(word["exit_code"], word["message"])
    return pid
