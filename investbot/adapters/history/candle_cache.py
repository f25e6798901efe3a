"""The market cache: one file a series, a record for every bar from the first to the last one, in order.

A record is 48 bytes: opening time (int64), open, high, low, close, volume (float64), little-endian. A bar that never
was has NaN prices and volume 0; one that nobody has asked for yet has NaN everywhere. Readers take no lock: a record is
where its opening time says, and says so itself; files that have to grow at the front are written beside and renamed.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from urllib.parse import quote, unquote

from investbot.domain.errors import UsageError
from investbot.domain.market import Millis, Timeframe
from investbot.ports.history import Kept, Row

_RECORD = struct.Struct("<q5d")
_NAN = float("nan")
_NEVER = (_NAN, _NAN, _NAN, _NAN, 0.0)
_UNASKED = (_NAN, _NAN, _NAN, _NAN, _NAN)
END = ".candles"


@dataclass(frozen=True, slots=True)
class Series:
    """One series of the cache: from which opening time to which it reaches, and how many bars it has and lacks.

    `missing` bars never were; `unasked` ones were never asked for.
    """

    symbol: str
    timeframe: Timeframe
    first_at: Millis
    last_at: Millis
    candles: int
    missing: int
    unasked: int


class CandleCache:
    """The kept candles of one venue, in `folder` (made when something is kept)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, symbol: str, timeframe: Timeframe, since: Millis, limit: int) -> Kept:
        """Give at most `limit` bars from `since` on, as far as they are known without a break."""
        step = timeframe.ms
        try:
            with self._path(symbol, timeframe).open("rb") as file:
                first = _first(file.read(_RECORD.size))
                place = None if first is None else _place(since, first, step)
                if place is None or place < 0:
                    return Kept((), since)
                file.seek(place * _RECORD.size)
                content = file.read(max(limit, 0) * _RECORD.size)
        except OSError:
            return Kept((), since)
        rows: list[Row] = []
        until = since
        for record in _RECORD.iter_unpack(content[: len(content) // _RECORD.size * _RECORD.size]):
            if record[0] != until or isnan(record[5]):
                break
            if not isnan(record[1]):
                rows.append(record)
            until += step
        return Kept(tuple(rows), until)

    def keep(self, symbol: str, timeframe: Timeframe, since: Millis, until: Millis, rows: Sequence[Row]) -> None:
        """Keep the bars between `since` and `until`; those not in `rows` never were. OSError."""
        step = timeframe.ms
        if until <= since:
            return
        told = {row[0]: row[1:] for row in rows}
        fresh = b"".join(_RECORD.pack(at, *told.get(at, _NEVER)) for at in range(since, until, step))
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(symbol, timeframe)
        with _locked(path.with_suffix(".lock")):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                count = os.fstat(descriptor).st_size // _RECORD.size
                first = _first(os.pread(descriptor, _RECORD.size, 0))
                place = 0 if first is None else _place(since, first, step)
                if place is None:
                    return
                if place < 0:
                    self._prepend(path, os.pread(descriptor, count * _RECORD.size, 0), since, -place, fresh)
                    return
                end = since - (place - count) * step
                unasked = b"".join(_RECORD.pack(at, *_UNASKED) for at in range(end, since, step))
                at = min(place, count) * _RECORD.size
                _write(descriptor, unasked + fresh, at)
            finally:
                os.close(descriptor)

    def end(self, symbol: str, timeframe: Timeframe) -> Millis | None:
        """Tell when the bar after the last one kept opens (milliseconds UTC), None where nothing is kept."""
        try:
            with self._path(symbol, timeframe).open("rb") as file:
                first, count = _first(file.read(_RECORD.size)), file.seek(0, os.SEEK_END) // _RECORD.size
        except OSError:
            return None
        return None if first is None else first + count * timeframe.ms

    def series(self) -> list[Series]:
        """List what is kept, by symbol and timeframe."""
        found = []
        for path in sorted(self._folder.glob(f"*{END}")):
            name, _, frame = path.name.removesuffix(END).rpartition("-")
            try:
                timeframe = Timeframe.parse(frame)
            except UsageError:
                continue
            told = _counted(unquote(name), timeframe, path)
            found += [] if told is None else [told]
        return found

    def _path(self, symbol: str, timeframe: Timeframe) -> Path:
        return self._folder / f"{quote(symbol, safe='')}-{timeframe.text}{END}"

    def _prepend(self, path: Path, old: bytes, since: Millis, before: int, fresh: bytes) -> None:
        """Write a file that begins earlier beside the old one, and put it in its place; old bars are overwritten."""
        step = (_RECORD.unpack_from(old)[0] - since) // before
        gap = range(since + len(fresh) // _RECORD.size * step, since + before * step, step)
        unasked = b"".join(_RECORD.pack(at, *_UNASKED) for at in gap)
        rest = old[max(0, len(fresh) - before * _RECORD.size) :]
        beside = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                _write(descriptor, fresh + unasked + rest, 0)
            finally:
                os.close(descriptor)
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Be the only writer; OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(descriptor: int, content: bytes, at: int) -> None:
    """Write all of it; OSError for a full disk, and what was written then is whole records or overwritten later."""
    done = 0
    while done < len(content):
        done += os.pwrite(descriptor, content[done:], at + done)


def _first(record: bytes) -> Millis | None:
    """Tell when the first bar of a file opens, None for an empty one."""
    return int(_RECORD.unpack(record)[0]) if len(record) == _RECORD.size else None


def _place(at: Millis, first: Millis, step: Millis) -> int | None:
    """Tell which record a bar is, None where it cannot be one of the series."""
    place, rest = divmod(at - first, step)
    return None if rest else place


def _counted(symbol: str, timeframe: Timeframe, path: Path) -> Series | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    records = list(_RECORD.iter_unpack(content[: len(content) // _RECORD.size * _RECORD.size]))
    if not records:
        return None
    unasked = sum(isnan(record[5]) for record in records)
    missing = sum(isnan(record[1]) for record in records) - unasked
    candles = len(records) - missing - unasked
    return Series(symbol, timeframe, records[0][0], records[-1][0], candles, missing, unasked)
