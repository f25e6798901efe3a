"""The lock that a process holds on an instance's home for life: nobody else can ever trade for it meanwhile."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from investbot.domain.errors import TryAgain

_MODE = 0o600


class InstanceLock:
    """Holds `path` locked from `take` to `release`; the kernel lets go when the process dies, however it dies."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._descriptor = -1

    def take(self) -> None:
        """Lock the home and write this process's id into it; TryAgain when another process has it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise TryAgain(
                f"{self._name} is already running (pid {holder}); `investbot stop {self._name}` ends it."
            ) from error
        # Written over in place and never truncated: a full disk must not keep an instance from starting.
        try:
            os.pwrite(descriptor, f"{os.getpid():<20}\n".encode(), 0)
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def still_held(self) -> bool:
        """Tell whether the file that is locked is still the one in its place: one that was removed keeps nobody out."""
        try:
            here, there = os.fstat(self._descriptor), self._path.stat()
        except OSError:
            return False
        return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)

    def renew(self) -> bool:
        """Set the file's time to now, which is how others see that its holder does not hang; tell `still_held`."""
        with contextlib.suppress(OSError):  # a disk that takes nothing must not change what is told
            os.utime(self._descriptor)
        return self.still_held()

    def release(self) -> None:
        """Let go; safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        """Take the lock; TryAgain when another process has it."""
        self.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go."""
        self.release()
