"""A private folder to work in, in memory where there is room; what is put there is encrypted all the same."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from investbot.domain.errors import BackupError

MEMORY = Path("/dev/shm")  # noqa: S108 - private folders of random names in it, and nothing in plain
_PREFIX = "investbot-backup-"
_ROOM = "room"
_SPARE = 64 * 1024 * 1024
"""Bytes of memory that are left to everybody else, whatever is needed here."""
_SHARE = 4
"""At most this part (1/4) of the memory that is free is taken: instances go on trading beside it."""


@contextmanager
def workroom(size: int, aside: Path) -> Iterator[Path]:
    """Give an empty folder of mode 0700 with room for `size` bytes, gone afterwards; BackupError.

    It lies in memory where that is plentiful, so that a backup does not compete for the disk that orders wait for, and
    otherwise in the folder `aside`. What killed runs left in either is removed.
    """
    parent = MEMORY if _fits_memory(size) else aside
    try:
        for place in {MEMORY, aside}:
            _sweep(place)
        folder, lock = _folder(parent)
    except OSError as error:
        raise BackupError(f"There is no folder to work in below {parent}: {error.strerror}.") from None
    try:
        yield folder / _ROOM
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _folder(parent: Path) -> tuple[Path, int]:
    """Make a folder and hold its lock; again, where somebody swept it away between making and locking."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getuid()}-", dir=parent))
        lock = -1
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_EX)
            (folder / _ROOM).mkdir(mode=0o700)
        except FileNotFoundError:
            if lock >= 0:
                os.close(lock)
        else:
            return folder, lock


def _fits_memory(size: int) -> bool:
    try:
        room = os.statvfs(MEMORY)
        free = room.f_bavail * room.f_frsize
    except OSError:
        return False
    return MEMORY.is_dir() and size + _SPARE <= min(free, available_memory() // _SHARE)


def available_memory() -> int:
    """Read how many bytes of memory are to be had without pushing others out (MemAvailable of /proc/meminfo)."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else 0


def _sweep(place: Path) -> None:
    """Remove the folders of this user whose makers are dead: nobody holds their locks any more."""
    for folder in place.glob(f"{_PREFIX}{os.getuid()}-*"):
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)
