"""A file of JSON lines, one item each, read again whenever it has changed."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from investbot.adapters.intelligence.json_text import parse
from investbot.adapters.intelligence.terms import Terms, collected
from investbot.domain.errors import DataError
from investbot.domain.intelligence import IntelligenceItem, read_item
from investbot.domain.market import Millis
from investbot.ports.intelligence import Answer


class FileSource:
    """`ports.IntelligenceSource` on one file; items in it count from when they are seen."""

    def __init__(self, terms: Terms, path: Path) -> None:
        self._terms = terms
        self._path = path
        self._known: tuple[int, int, int] | None = None
        self._lines: list[str] = []

    @property
    def name(self) -> str:
        """What its items call it, where they do not say."""
        return self._terms.name

    @property
    def every_s(self) -> float:
        """Seconds between two looks."""
        return self._terms.every_s

    @property
    def timeout_s(self) -> float:
        """Seconds that one look may take."""
        return self._terms.timeout_s

    async def look(self, now: Millis) -> Answer:
        """Give what it says at `now` (milliseconds UTC); DataError for a file that cannot be read."""
        return await asyncio.to_thread(self._read, now)

    async def close(self) -> None:
        """Do nothing: no file stays open."""

    def _read(self, now: Millis) -> Answer:
        try:
            self._refresh()
        except OSError as error:
            raise DataError(f"{self._path.name} cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise DataError(f"{self._path.name} is not UTF-8 text.") from None
        return collected(self._lines, now, self._items)

    def _refresh(self) -> None:
        """Read the file where it is not what it was: by its inode, its length and when it was written to."""
        seen = self._path.stat()
        if not stat.S_ISREG(seen.st_mode):
            raise DataError(f"{self._path.name} is no file.")
        if seen.st_size > self._terms.max_bytes:
            raise DataError(f"{self._path.name} has more than {self._terms.max_bytes} bytes.")
        known = (seen.st_ino, seen.st_size, seen.st_mtime_ns)
        if known != self._known:
            with self._path.open("rb") as file:
                text = file.read(self._terms.max_bytes).decode()
            self._lines = [line for line in text.splitlines() if line.strip()][::-1]
            self._known = known

    def _items(self, line: Any) -> Iterator[IntelligenceItem]:
        yield read_item(parse(line), self._terms.name, self._terms.life)
