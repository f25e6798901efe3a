"""The system calls that isolation is made of, through the C library; every refusal of the kernel is an OSError."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
from pathlib import Path
from typing import Any, Protocol

SECCOMP = {"x86_64": 317, "aarch64": 277}
CAPABILITIES = {"x86_64": (125, 126), "aarch64": (90, 91)}
"""The numbers of seccomp(2), and of capget(2) and capset(2)."""


class Kernel(Protocol):
    """Who is asked; tests put other kernels in its place."""

    @property
    def machine(self) -> str:
        """The processor's family, as uname(2) calls it."""
        ...

    def call(self, number: int, *arguments: Any) -> int:
        """Make a system call; OSError."""
        ...

    def control(self, option: int, *arguments: int) -> int:
        """Change something about this process (prctl(2)); OSError."""
        ...

    def limit(self, what: int, most: int) -> None:
        """Lower a limit of this process for good (setrlimit(2)); OSError."""
        ...

    def threads(self) -> int:
        """Count the threads of this process."""
        ...


class ThisKernel:
    """The kernel this process runs on."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self._library.syscall.restype = ctypes.c_long

    @property
    def machine(self) -> str:
        """The processor's family."""
        return platform.machine()

    def call(self, number: int, *arguments: Any) -> int:
        """Make a system call."""
        words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
        return self._told(self._library.syscall(ctypes.c_long(number), *words))

    def control(self, option: int, *arguments: int) -> int:
        """Change something about this process."""
        words = [ctypes.c_ulong(each) for each in (*arguments, 0, 0, 0, 0)[:4]]
        return self._told(self._library.prctl(ctypes.c_int(option), *words))

    def limit(self, what: int, most: int) -> None:
        """Lower a limit for good; one that is lower already stays."""
        hard = resource.getrlimit(what)[1]
        lowest = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (lowest, lowest))

    def threads(self) -> int:
        """Count the threads of this process."""
        return len(list(Path("/proc/self/task").iterdir()))

    @staticmethod
    def _told(answer: int) -> int:
        if answer < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return answer
