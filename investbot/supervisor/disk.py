"""A disk that fills up: a ballast file keeps room that is given free when there is none, so that all can go on to exit.

Instances look at the disk themselves and take no new entries while it is nearly full; see `investbot.instance.host`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

LOG = logging.getLogger(__name__)
MIB = 1 << 20
LOOK_S = 2.0
"""Seconds between two looks at the disk."""
_BALLAST, _BALLAST_PART = 16 * MIB, 16
_LOW, _LOW_PART = 8 * MIB, 32
_ROOMY = 4
"""The ballast is laid in again when this many times its size is free."""


class Ballast:
    """`run/ballast`: bytes that are really taken, at most 16 MiB and a sixteenth of the disk."""

    def __init__(self, path: Path) -> None:
        """Keep `path`."""
        self._path = path

    @property
    def aboard(self) -> bool:
        """Tell whether there is something to throw off."""
        return self._path.exists()

    def load(self) -> bool:
        """Lay it in where there is plenty of room; tell whether it is there."""
        disk = shutil.disk_usage(self._path.parent)
        size = min(_BALLAST, disk.total // _BALLAST_PART)
        if self.aboard or disk.free < _ROOMY * size:
            return self.aboard
        beside = self._path.with_suffix(".new")
        try:
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(handle, 0, size)
            finally:
                os.close(handle)
            beside.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                beside.unlink()
            return False
        return True

    def drop(self) -> bool:
        """Throw it off; tell whether there was any."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def is_low(self) -> bool:
        """Tell whether less than 8 MiB, or a thirty-second of a small disk, is free."""
        disk = shutil.disk_usage(self._path.parent)
        return disk.free < min(_LOW, disk.total // _LOW_PART)


class Disk:
    """Looks after the disk that a home lies on; `told` hears a sentence when the ballast goes or comes back."""

    def __init__(self, folder: Path, told: Callable[[str], None]) -> None:
        """Keep the ballast in `folder`."""
        self._ballast = Ballast(folder / "ballast")
        self._told = told

    async def watch(self) -> None:
        """Look at the disk until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Throw the ballast off or lay it in, as the disk asks for it."""
        try:
            if await asyncio.to_thread(self._ballast.is_low):
                await self.relieve()
            else:
                await asyncio.to_thread(self._ballast.load)
        except OSError as error:
            LOG.warning("disk_unknown", extra={"fields": {"error": str(error)}})

    async def relieve(self) -> bool:
        """Make room at once; tell whether there was a ballast to throw off."""
        if not await asyncio.to_thread(self._ballast.drop):
            return False
        message = "The disk is full: the ballast was thrown off, so that exits go on; make room on it soon."
        LOG.error("ballast_dropped", extra={"fields": {"message": message}})
        self._told(message)
        return True
