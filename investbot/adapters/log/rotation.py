"""A log file that never grows without end: rotated by size and by age, its past bounded by age and in total."""

from __future__ import annotations

import io
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path

from investbot.domain.market import DAY, Millis
from investbot.domain.times import parse_rfc3339, rfc3339
from investbot.ports.clock import Clock

_FILE_MODE = 0o600
_FIRST_MOMENT = re.compile(r'\{"at": "(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z)"')
_LONGEST_HEAD = 64


@dataclass(frozen=True, slots=True)
class Bounds:
    """When a log is put aside and when its past is dropped: sizes in bytes, ages in milliseconds."""

    file_bytes: int = 5_000_000
    file_age: Millis = DAY
    total_bytes: int = 50_000_000
    keep: Millis = 30 * DAY


class RotatingFile(logging.Handler):
    """Appends lines to `path` (mode 0600); what is put aside is called `path.YYYYMMDDTHHMMSS.mmmZ`.

    `bounds` may change while it is in use. A line that cannot be written (a full disk) is counted in `lost` and
    trading goes on.
    """

    def __init__(self, path: Path, clock: Clock, bounds: Bounds | None = None) -> None:
        super().__init__()
        self._path = path
        self._clock = clock
        self.bounds = bounds or Bounds()
        self._file: io.BufferedWriter | None = None
        self._size = 0
        self._began: Millis = 0
        self.lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line and put the file aside first when it is full or old."""
        try:
            line = self.format(record).encode() + b"\n"
            file = self._file or self._open()
            if self._size and self._is_due(len(line)):
                file = self._rotate()
            file.write(line)
            file.flush()
            self._size += len(line)
        except OSError:
            self.lost += 1

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._file is not None:
            self._file.close()
            self._file = None
        super().close()

    def _open(self) -> io.BufferedWriter:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _FILE_MODE)
        self._file = os.fdopen(descriptor, "ab")
        self._size = os.fstat(descriptor).st_size
        self._began = self._birth() if self._size else self._clock.now()
        return self._file

    def _birth(self) -> Millis:
        """Tell when the file's first line was written, by its own word; now, where it says nothing."""
        with self._path.open("rb") as file:
            first = _FIRST_MOMENT.match(file.readline(_LONGEST_HEAD).decode("utf-8", "replace"))
        return min(parse_rfc3339(first[1]), self._clock.now()) if first else self._clock.now()

    def _is_due(self, coming: int) -> bool:
        too_old = self._clock.now() - self._began >= self.bounds.file_age
        return too_old or self._size + coming > self.bounds.file_bytes

    def _rotate(self) -> io.BufferedWriter:
        stamp = rfc3339(self._clock.now()).replace("-", "").replace(":", "")
        if "." not in stamp:
            stamp = stamp.replace("Z", ".000Z")
        target = self._path.with_name(f"{self._path.name}.{stamp}")
        if target.exists():
            return self._file or self._open()
        if self._file is not None:
            self._file.close()
            self._file = None
        self._path.rename(target)
        self._expire()
        return self._open()

    def _aside(self) -> list[Path]:
        return sorted(self._path.parent.glob(f"{self._path.name}.*"))

    def _expire(self) -> None:
        """Drop what is too old, then the oldest until all of it fits beside a full file."""
        oldest_kept = self._clock.now() - self.bounds.keep
        room = self.bounds.total_bytes - self.bounds.file_bytes
        for path in reversed(self._aside()):
            state = path.stat()
            room -= state.st_size
            if room < 0 or state.st_mtime_ns // 1_000_000 < oldest_kept:
                room = min(room, -1)
                path.unlink()
