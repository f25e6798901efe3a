"""Write files that only their owner may read, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write beside and rename, mode 0600, durable before this returns; OSError when the disk refuses."""
    beside = _write_beside(path, text)
    try:
        beside.replace(path)
    except OSError:
        beside.unlink()
        raise
    _sync(path.parent)


def create_private(path: Path, text: str) -> None:
    """Write a file that must not be there yet; FileExistsError when it is."""
    beside = _write_beside(path, text)
    try:
        path.hardlink_to(beside)
    finally:
        beside.unlink()
    _sync(path.parent)


def _write_beside(path: Path, text: str) -> Path:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        Path(name).unlink()
        raise
    return Path(name)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
