"""Files that are there whole and durable, or not there at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from investbot.domain.errors import BackupError

PART = ".part"
_AT_ONCE = 1 << 20


@contextmanager
def placed(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Give a file of mode 0600 that takes the name `path` when the context ends well and is gone otherwise.

    It is given with the path it has until then. BackupError when the disk refuses; an older file of that name is
    replaced in one step.
    """
    part = path.with_name(f".{path.name}{PART}")
    try:
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            yield part, file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        fsync_folder(path.parent)
    except OSError as error:
        _drop(part)
        raise BackupError(f"{path} cannot be written: {error.strerror}; what was there before is untouched.") from None
    except BaseException:
        _drop(part)
        raise


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable; OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    """Hash a whole file; OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copied(path: Path, target: Path) -> None:
    """Copy a file and read the copy back; nothing where the same is there already. BackupError."""
    try:
        wanted = sha256(path)
        if target.is_file() and sha256(target) == wanted:
            return
        with path.open("rb") as source, placed(target) as (part, file):
            while piece := source.read(_AT_ONCE):
                file.write(piece)
            file.flush()
            if sha256(part) != wanted:
                raise BackupError(f"The copy {target} differs from {path}; it was thrown away.")
    except OSError as error:
        raise BackupError(f"{path} cannot be copied to {target}: {error.strerror}.") from None


def _drop(part: Path) -> None:
    try:
        part.unlink(missing_ok=True)
    except OSError:  # a disk that takes nothing back: the next backup in this folder removes it
        return
