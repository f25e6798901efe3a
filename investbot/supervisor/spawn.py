"""How an instance process is made: here a fresh interpreter; `ForkServerSpawner` stands beside it."""

from __future__ import annotations

import contextlib
import fcntl
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
        """Start instance `name`, handing over its 32-byte key; TryAgain when the system has no room for it."""
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
        try:
            key = sealed(data_key)
            try:
                command = (*self._command, "--home", str(self._home), "--name", name, "--key-fd", str(key))
                return self._start(command, name, key)
            finally:
                os.close(key)
        except OSError as error:
            raise no_room(name, error.errno) from None

    def close(self) -> None:
        """Do nothing: no process of its own is left behind."""

    def _start(self, command: Sequence[str], name: str, key_fd: int) -> Process:
        with os.fdopen(words_file(self._home, name), "wb") as stderr:
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


def sealed(data_key: bytes) -> int:
    """Give a descriptor from which a data key can be read once it is handed over; OSError.

    A memory file that nobody can change any more (memfd_create(2)): it lies on no disk and, unlike environment and
    command line, cannot be read in /proc.
    """
    descriptor = os.memfd_create("investbot", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.write(descriptor, data_key)
        os.lseek(descriptor, 0, os.SEEK_SET)
        seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def no_room(name: str, number: int | None) -> TryAgain:
    """Make the error for a system that refuses a process, by its error number."""
    why = os.strerror(number) if number else "unknown error"
    return TryAgain(f"The process of {name} could not be made ({why}); free some memory or disk, then try again.")


def words_file(home: Path, name: str) -> int:
    """Open a new file for what an instance writes to stderr; OSError."""
    path = stderr_path(home, name)
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


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
