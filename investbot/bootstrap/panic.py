"""The emergency stop without a supervisor: end every process, take its lock, sell from its ledger."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from investbot.adapters.clock import SystemClock
from investbot.bootstrap.home import Home
from investbot.bootstrap.instance import flatten_stopped
from investbot.bootstrap.live import at_venue
from investbot.config.instance import load_instance
from investbot.control.server import HomeLock
from investbot.domain.errors import InvestBotError
from investbot.domain.states import InstanceState
from investbot.supervisor.audit import AuditLog, Entry
from investbot.supervisor.journal import Journal, Remembered
from investbot.supervisor.lines import Line, bad, good, worst
from investbot.supervisor.processes import end_holder, lock_is_held

PATIENCE_S = 10.0
"""Seconds a process may take to end after SIGTERM."""
SUPERVISOR_S = 2.0
"""The same for a supervisor, which has not answered for some seconds already."""
_AT_ONCE = 8
_ROUNDS = 3


def panic(home: Home, key_of: Callable[[str], bytes], by: str, *, patience_s: float = PATIENCE_S) -> list[Line]:
    """Make every instance flat and leave none running; one line an instance, in the order of their names.

    Whoever holds the supervisor's lock is ended first, so that nothing is started again meanwhile; the caller has found
    that it does not answer. `key_of` gives an instance's data key (VaultError).
    """
    end_holder(home.run.path / "supervisor.lock", "the supervisor", SUPERVISOR_S)
    lock = HomeLock(home.path)
    try:
        names = home.names()
        _forget_wishes(home, names)
        told: dict[str, Line] = {}
        running = names
        for _ in range(_ROUNDS):  # a process that was only just made takes its lock late
            # Sooner stopped than sold: all processes end before the first ledger is opened.
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                stopped = list(pool.map(lambda name: _stopped(home, name, patience_s), running))
            told |= _sold(home, dict(zip(running, stopped, strict=True)), key_of, by)
            running = [name for name in names if lock_is_held(home.instance(name).lock)]
            if not running:
                break
        lines = [told[name] for name in names]
        _note(home, names, by, lines)
        return lines
    finally:
        lock.close()


def _stopped(home: Home, name: str, patience_s: float) -> Line | None:
    try:
        end_holder(home.instance(name).lock, name, patience_s)
    except InvestBotError as error:
        return bad(name, error)
    return None


def _sold(home: Home, stopped: dict[str, Line | None], key_of: Callable[[str], bytes], by: str) -> dict[str, Line]:
    """Sell what those hold that could be stopped: at venues all at once, then on paper, where nothing is urgent."""
    waiting = [name for name, line in stopped.items() if line is None]
    urgent = [name for name in waiting if _is_at_venue(home, name)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        sold = dict(zip(urgent, pool.map(lambda name: _flattened(home, name, key_of, by), urgent), strict=True))
    sold |= {name: _flattened(home, name, key_of, by) for name in waiting if name not in sold}
    return {name: line or sold[name] for name, line in stopped.items()}


def _is_at_venue(home: Home, name: str) -> bool:
    try:
        return at_venue(load_instance(home.instance(name).path))
    except InvestBotError:
        return False


def _flattened(home: Home, name: str, key_of: Callable[[str], bytes], by: str) -> Line:
    try:
        answer = flatten_stopped(home.path, name, key_of(name), by)
    except InvestBotError as error:
        return bad(name, error)
    dust = answer.get("dust") or {}
    left = f"; less than one lot is left of {', '.join(dust)}" if dust else ""
    return good(name, f"stopped and flat{left}", open_positions=0, dust=dust)


def _forget_wishes(home: Home, names: Iterable[str]) -> None:
    """Let the next supervisor start none of them by itself."""
    journal = Journal(home.run.journal)
    before = journal.read()
    stopped = InstanceState.STOPPED.value
    journal.write(
        {
            name: replace(
                before.get(name, Remembered()), state=stopped, wanted=False, restore=False, pid=None, start_time=None
            )
            for name in names
        }
    )


def _note(home: Home, names: list[str], by: str, lines: list[Line]) -> None:
    code, outcome = worst(lines)
    entry = Entry(SystemClock().now(), by, 0, "panic", tuple(names), {"supervisor": "none"}, outcome, code)
    with contextlib.suppress(OSError):  # a full disk does not undo what was done
        AuditLog(home.run.audit).append(entry)
