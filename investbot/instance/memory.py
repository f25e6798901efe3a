"""What this process takes of the machine's memory, told by itself: nobody else may look into a hardened process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SHARES_S = 60.0
"""Seconds between two looks at what is shared: the kernel goes through all pages for it, for milliseconds."""
SOON_S = 5.0
"""The same while the process is young, when its memory still grows."""
_YOUNG_S = 15.0
_MIB = 1 << 20
_KIB_A_MIB = 1 << 10
_LONGEST = 1 << 14


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB: resident, the proportional share (PSS), what is this process's alone; None where the kernel is silent."""

    rss_mb: float | None = None
    pss_mb: float | None = None
    private_mb: float | None = None


class OwnMemory:
    """Reads `statm` and `smaps_rollup` (proc(5)) through descriptors that stay open.

    A process that is isolated by then could not open the files again. Nothing is opened before the first look.
    """

    def __init__(self, folder: Path = Path("/proc/self"), monotonic: Callable[[], float] = time.monotonic) -> None:
        self._files: tuple[int, int] | None = None
        self._folder = folder
        self._monotonic = monotonic
        self._began = self._due = 0.0
        self._last = Memory()

    def look(self) -> Memory:
        """Tell what this process takes now; what is shared is at most `SHARES_S` seconds old."""
        now = self._monotonic()
        try:
            if self._files is None:
                self._files = self._open("smaps_rollup"), self._open("statm")
                self._began = self._due = now
            rollup, statm = self._files
            if now >= self._due:
                self._due = now + (SOON_S if now - self._began < _YOUNG_S else SHARES_S)
                self._last = _shares(os.pread(rollup, _LONGEST, 0))
            pages = int(os.pread(statm, _LONGEST, 0).split()[1])
        except OSError:
            return Memory()
        return Memory(_rounded(pages * _PAGE / _MIB), self._last.pss_mb, self._last.private_mb)

    def _open(self, name: str) -> int:
        return os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC)


def _shares(told: bytes) -> Memory:
    lines = told.decode("ascii").splitlines()[1:]
    kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    own = kib.get("Private_Clean", 0) + kib.get("Private_Dirty", 0)
    return Memory(
        pss_mb=_rounded(kib["Pss"] / _KIB_A_MIB) if "Pss" in kib else None,
        private_mb=_rounded(own / _KIB_A_MIB) if "Private_Dirty" in kib else None,
    )


def _rounded(mib: float) -> float:
    return round(mib, 1)


_PAGE = os.sysconf("SC_PAGE_SIZE")
OWN = OwnMemory()
"""Of the process that this is."""
