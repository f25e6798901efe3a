"""How an instance process is made. A preloaded fork server can stand where PlainSpawner stands."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from investbot.domain.errors import TryAgain
from investbot.supervisor.processes import Process, WatchedProcess

KEEPS = frozenset(
    {
        "HOME",
        "LANG",
        "LANGUAGE",
        "LD_LIBRARY_PATH",
        "PATH",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONPATH",
        "PYTHONPYCACHEPREFIX",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TMPDIR",
        "TZ",
        "USER",
        "VIRTUAL_ENV",
        "COVERAGE_PROCESS_CONFIG",  # lets a test run see what its children execute
    }
)
"""The environment that an instance inherits; nothing else, for an environment is readable in /proc."""


class Spawner(Protocol):
    """Makes the process of an instance."""

    def spawn(self, name: str, data_key: bytes) -> Process:
        """Start instance `name`, handing it its 32-byte key on a pipe; TryAgain when the system has no room for it."""
        ...


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Keep what an instance needs of the supervisor's environment, with one thread for each linear algebra library."""
    kept = {name: value for name, value in environment.items() if name in KEEPS or name.startswith("LC_")}
    return kept | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


class PlainSpawner:
    """Starts a fresh interpreter for each instance of `home`; `program` is what follows its path (tests put theirs)."""

    def __init__(self, home: Path, program: Sequence[str] = ("-m", "investbot.bootstrap.instance")) -> None:
        """Spawn for `home`; `-P` keeps files that lie about in the home from being imported."""
        self._home = home.resolve()
        self._command = (sys.executable, "-P", "-X", "faulthandler", *program)

    def spawn(self, name: str, data_key: bytes) -> Process:
        """Start instance `name` in a session of its own, its words on stderr going to `run/NAME.err`."""
        reading, writing = os.pipe()
        try:
            os.write(writing, data_key)
            os.close(writing)
            writing = -1
            command = (*self._command, "--home", str(self._home), "--name", name, "--key-fd", str(reading))
            return self._start(command, name, reading)
        except OSError as error:
            message = (
                f"The process of {name} could not be made ({error.strerror}); free some memory or disk, then try again."
            )
            raise TryAgain(message) from None
        finally:
            os.close(reading)
            if writing >= 0:
                os.close(writing)

    def _start(self, command: Sequence[str], name: str, key_fd: int) -> Process:
        words = stderr_path(self._home, name)
        words.unlink(missing_ok=True)
        with os.fdopen(os.open(words, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600), "wb") as stderr:
            made = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                pass_fds=(key_fd,),
                env=clean_environment(os.environ),
                cwd=self._home,
                start_new_session=True,
                umask=0o077,
            )
        made.returncode = 0  # its end is taken through the pidfd, so that nobody else may wait for it
        return WatchedProcess(made.pid)


def stderr_path(home: Path, name: str) -> Path:
    """Say where an instance's last words go."""
    return home / "run" / f"{name}.err"


def last_words(home: Path, name: str) -> str | None:
    """Give the last line an instance wrote to stderr, at most 300 characters; None when there is none."""
    with contextlib.suppress(OSError):
        with stderr_path(home, name).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines()]
        spoken = [line for line in lines if line]
        if spoken:
            return spoken[-1][:300]
    return None
