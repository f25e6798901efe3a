"""Wrong passphrases cost time, and more of it each: a count beside the vault that all processes share.

The file is the vault's own lock. Who tries holds it until the passphrase is known to be right or wrong, and the try
stands in it before the passphrase is stretched: neither many processes at once nor a kill in time buy a free guess.
It is a brake for whoever has to come this way; who may read the vault can try on a copy of it, against the stretching
alone.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from investbot.domain.errors import TryAgain, WrongPassphrase
from investbot.domain.market import Millis

FREE = 3
"""Wrong passphrases in a row that cost nothing: fingers slip."""
LONGEST_S = 30.0
"""The longest pause between two tries, in seconds."""
PATIENCE_S = 60.0
"""The longest that one try waits for its turn, in seconds."""
Wait = Callable[[float], None]
_MS = 1000


@dataclass(frozen=True, slots=True)
class Tries:
    """How many wrong passphrases there were since the last right one, and when the last was, in milliseconds UTC."""

    wrong: int = 0
    at: Millis = 0


def pause_s(wrong: int) -> float:
    """Give the seconds that have to pass after so many wrong passphrases: none for three, then 1, 2, 4 … 30."""
    return 0.0 if wrong < FREE else min(2.0 ** min(wrong - FREE, 16), LONGEST_S)


def left_s(tries: Tries, now: Millis) -> float:
    """Give the seconds until the next try; a clock that was set back adds nothing to the pause."""
    pause = pause_s(tries.wrong)
    return min(pause, max(0.0, pause - (now - tries.at) / _MS))


@contextmanager
def trying(path: Path, wait: Wait = time.sleep) -> Iterator[None]:
    """Try a passphrase of the vault at `path` in this context, alone, after the pause that is due.

    WrongPassphrase out of the context counts; without an error the count is over; any other error changes nothing.
    TryAgain when others keep trying. A home that cannot be written to has no count and no pauses.
    """
    waited = 0.0
    while True:
        descriptor = _opened(path)
        if descriptor is None:
            yield
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            known, now = _read(descriptor), time.time_ns() // 1_000_000
            left = left_s(known, now)
            if not left:
                yield from _counted(descriptor, known, now)
                return
        finally:
            os.close(descriptor)
        if waited + left > PATIENCE_S:
            raise TryAgain(f"Too many wrong passphrases were tried; try again in {left:.0f} seconds.")
        wait(left)
        waited += left


def tries(path: Path) -> Tries:
    """Read the count of a vault."""
    descriptor = _opened(path)
    if descriptor is None:
        return Tries()
    try:
        return _read(descriptor)
    finally:
        os.close(descriptor)


def _counted(descriptor: int, known: Tries, now: Millis) -> Iterator[None]:
    _write(descriptor, Tries(known.wrong + 1, now))
    try:
        yield
    except WrongPassphrase:
        raise
    except BaseException:
        _write(descriptor, known)
        raise
    _write(descriptor, Tries())


def _opened(path: Path) -> int | None:
    try:
        return os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        return None


def _read(descriptor: int) -> Tries:
    try:
        told = json.loads(os.pread(descriptor, 100, 0))
        return Tries(max(0, int(told["wrong"])), int(told["at"]))
    except (ValueError, TypeError, KeyError, OSError, OverflowError):
        return Tries()


def _write(descriptor: int, tried: Tries) -> None:
    # Always of the same length and never truncated; a full disk keeps nobody from opening the vault.
    with suppress(OSError):
        os.pwrite(descriptor, f'{{"wrong": {tried.wrong:>8}, "at": {tried.at:>16}}}\n'.encode(), 0)
