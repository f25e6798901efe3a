"""What a process that holds secrets does first: private files, no core dumps, nobody looks into its memory."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from investbot.domain.errors import VaultError

KEY_BYTES = 32
_PR_SET_DUMPABLE = 4
_M_TRIM_THRESHOLD, _M_ARENA_MAX = -1, -8
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def harden() -> None:
    """Close this process to others (prctl(2), PR_SET_DUMPABLE) and keep its libraries to one thread.

    Call it before numpy is imported.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    for name in _THREADS:
        os.environ[name] = "1"


def spare() -> None:
    """Let the C library keep one pool of memory for all threads (mallopt(3)), and give back what is freed early."""
    library = ctypes.CDLL(None, use_errno=True)
    if hasattr(library, "mallopt"):
        library.mallopt(_M_ARENA_MAX, 1)
        library.mallopt(_M_TRIM_THRESHOLD, 1 << 20)


def trim() -> None:
    """Give freed memory back to the system (malloc_trim(3)) where the C library can."""
    library = ctypes.CDLL(None, use_errno=True)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def read_key(descriptor: int) -> bytes:
    """Read the 32 bytes of a data key from a memory file or a pipe, and close it; VaultError for anything else."""
    try:
        with os.fdopen(descriptor, "rb") as pipe:
            key = pipe.read(KEY_BYTES + 1)
    except OSError as error:
        raise VaultError("No data key was handed over; start the instance with `investbot start`.") from error
    if len(key) != KEY_BYTES:
        raise VaultError(f"The data key has {len(key)} bytes instead of {KEY_BYTES}; start with `investbot start`.")
    return key


@contextmanager
def last_words(path: Path) -> Iterator[None]:
    """Let the interpreter write its stacks to `path` when a signal kills it (SIGABRT for a loop that hangs)."""
    before = faulthandler.is_enabled()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab") as file:
        faulthandler.enable(file)
        try:
            yield
        finally:
            faulthandler.disable()
            if before:
                faulthandler.enable()
