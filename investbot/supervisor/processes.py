"""A living process seen from outside: its pidfd, its place in /proc, and who holds an instance's lock."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from investbot.control.identity import start_time
from investbot.domain.errors import TryAgain

_LOCKS = Path("/proc/locks")
_LOOKS = 3
_KIB = 1024
_MS = 1000
_TICKS = os.sysconf("SC_CLK_TCK")
_UTIME, _STIME = 11, 12
"""Places of the processor times behind the command's closing bracket in /proc/PID/stat (proc(5): fields 14, 15)."""


class Process(Protocol):
    """A process that is watched and signalled through its pidfd, never through a number that may be used anew."""

    pid: int
    start_time: int
    """Clock ticks since boot."""

    def fileno(self) -> int:
        """Give the pidfd; it becomes readable when the process is gone."""
        ...

    def reap(self) -> int | None:
        """Take the exit code (negative for a signal) of the ended process; None when only its parent is told."""
        ...

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the process is gone."""
        ...

    def close(self) -> None:
        """Let the pidfd go; safe to call twice."""
        ...


class WatchedProcess:
    """Any living process of this user, by its pid; ProcessLookupError when there is none."""

    def __init__(self, pid: int) -> None:
        """Open the pidfd first and read the start time behind it, so that both are of one process."""
        self.pid = pid
        self._fd = os.pidfd_open(pid)
        began = start_time(pid)
        if began is None:
            os.close(self._fd)
            raise ProcessLookupError(pid)
        self.start_time = began

    def fileno(self) -> int:
        """Give the pidfd."""
        return self._fd

    def reap(self) -> int | None:
        """Take the exit code when the process is a child of this one (waitid(2))."""
        try:
            ended = os.waitid(os.P_PIDFD, self._fd, os.WEXITED)
        except ChildProcessError:
            return None
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def send(self, number: signal.Signals) -> None:
        """Send a signal through the pidfd."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._fd, number)

    def wait(self, seconds: float) -> bool:
        """Wait until it is gone, at most `seconds`; tell whether it is."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(seconds * _MS))

    def close(self) -> None:
        """Let the pidfd go."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def same_process(pid: int, began: int) -> WatchedProcess | None:
    """Watch the process of this pid if it is the one that began at `began` (clock ticks since boot) and still lives.

    One that has ended and that nobody has reaped yet does not: it is no process to adopt.
    """
    try:
        process = WatchedProcess(pid)
    except OSError:
        return None
    if process.start_time != began or process.wait(0.0):
        process.close()
        return None
    return process


def age_s(began: int) -> float:
    """Tell how long ago a process began at `began` (clock ticks since boot), in seconds."""
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - began / _TICKS)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process takes: processor time in seconds since it began, memory in MB (2**20)."""

    cpu_s: float
    rss_mb: float
    pss_mb: float | None


def usage(pid: int) -> Usage | None:
    """Read what a process takes; None when it is gone. The proportional share is None where the kernel hides it."""
    folder = Path("/proc") / str(pid)
    try:
        stat = (folder / "stat").read_bytes()
        pages = int((folder / "statm").read_bytes().split()[1])
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    return Usage(
        cpu_s=(int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS,
        rss_mb=round(pages * os.sysconf("SC_PAGE_SIZE") / _KIB**2, 1),
        pss_mb=_pss_mb(folder),
    )


def _pss_mb(folder: Path) -> float | None:
    with contextlib.suppress(OSError):
        for line in (folder / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return round(int(line.split()[1]) / _KIB, 1)
    return None


def lock_is_held(path: Path) -> bool:
    """Tell whether some process holds the flock on `path`; the file is not made when it is not there."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def lock_holder(path: Path) -> int | None:
    """Name the process that holds the flock on `path` where /proc/locks tells (proc(5)); None where it does not.

    The kernel gives a long list in pieces, and one that changes meanwhile may lack a line: it is read again then.
    """
    for _ in range(_LOOKS):
        try:
            file = path.stat()
            locks = _LOCKS.read_text()
        except OSError:
            return None
        key = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
        for line in locks.splitlines():
            words = line.split()
            if len(words) >= 6 and words[1] == "FLOCK" and words[5] == key:
                return int(words[4]) or None
    return None


def end_holder(lock: Path, who: str, patience_s: float, killed_s: float = 5.0) -> None:
    """End the process that holds a lock, if one does: SIGTERM, then SIGKILL through its pidfd; TryAgain if it stays.

    It has `patience_s` seconds after SIGTERM, the kernel has `killed_s` to bury it.
    """
    if not lock_is_held(lock):
        return
    for number, seconds in ((signal.SIGTERM, patience_s), (signal.SIGKILL, killed_s)):
        pid = lock_holder(lock)
        if pid is None:
            break
        with contextlib.suppress(ProcessLookupError):
            process = WatchedProcess(pid)
            try:
                if lock_holder(lock) == pid:  # else it ended before its pidfd was ours
                    process.send(number)
                    process.wait(seconds)
            finally:
                process.close()
        if not lock_is_held(lock):
            return
    if lock_is_held(lock):
        message = f"{who} could not be stopped; end the process that holds {lock} by hand, then try again."
        raise TryAgain(message)
