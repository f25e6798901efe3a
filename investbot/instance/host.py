"""What an instance minds of the machine beneath it: who watches it, room on the disk, its own memory.

A supervisor that is lost and a disk that is full come as facts, so that the ledger tells of them; too much memory is
the process's own affair and ends it in order, to be started anew.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from investbot.domain.errors import InvariantError
from investbot.domain.facts import DiskFreed, DiskFull, Fact, SupervisorFound, SupervisorLost
from investbot.domain.market import Millis
from investbot.domain.order import OrderState, Role
from investbot.domain.states import DISK, SUPERVISOR
from investbot.engine.state import EngineState

LOG = logging.getLogger("investbot.instance")
MIB = 1 << 20
WATCHED_S = 15.0
"""Seconds after its last word in which a supervisor counts as there."""
LOOK_S = 5.0
"""Seconds between two looks at disk and memory."""
YOUNG_S = 600.0
"""A process this young (seconds) is not made anew for its memory: the next one would be no smaller."""
SETTLED_S = 8.0
"""Seconds after which a process has started, and gives back what only the start took."""
_LOW, _LOW_PART = 32 * MIB, 8
_RESTING = {OrderState.ACKNOWLEDGED, OrderState.PARTLY_FILLED}

FactAt = Callable[[Millis], Fact]


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class HostRules:
    """What counts: seconds without a supervisor (None: nobody has to watch), MiB of memory (0: any), the home's disk.

    Without a folder nobody looks at a disk; `holds` tells whether this process still has its instance for itself.
    """

    orphan_after_s: float | None = None
    memory_mb: int = 0
    disk: Path | None = None
    holds: Callable[[], bool] = _always


class HostWatch:
    """Looks at the machine; the caller passes monotonic seconds and what is paused already."""

    def __init__(self, rules: HostRules, began: float, memory_mb: Callable[[], float | None]) -> None:
        """Judge by `rules` since `began`; `memory_mb` reads the MiB that this process takes."""
        self._rules = rules
        self._began = began
        self._memory_mb = memory_mb
        self._looked = began - LOOK_S
        self._over = self._settled = False

    def facts(self, now: float, unheard_s: float | None, paused: Mapping[str, str]) -> Iterator[FactAt]:
        """Give what has changed: facts that still want their moment. `unheard_s` as the link tells it.

        InvariantError when the lock is not this process's any more.
        """
        if not self._settled and now - self._began >= SETTLED_S:
            self._settled = True
            _give_back()
        yield from self._supervisor(now, unheard_s, SUPERVISOR in paused)
        if now - self._looked >= LOOK_S:
            self._looked = now
            if not self._rules.holds():
                raise InvariantError("Its lock file was removed or replaced, so that another process could trade too.")
            yield from self._disk(DISK in paused)

    def over_budget(self, now: float) -> str | None:
        """Say in a sentence by how much memory is exceeded; None while it is not, or nothing can be won."""
        bound = self._rules.memory_mb
        if not bound or now != self._looked:
            return None
        taken = self._memory_mb()
        if taken is None or taken <= bound:
            self._over = False
            return None
        if not self._over:
            self._over = True
            LOG.warning("memory_over_budget", extra={"fields": {"rss_mb": taken, "memory_mb": bound}})
            _give_back()
            return None
        if now - self._began < YOUNG_S:
            return None
        return f"It took {taken:.0f} MiB, more than the {bound} of restart.memory_mb, and is started anew."

    def _supervisor(self, now: float, unheard_s: float | None, is_paused: bool) -> Iterator[FactAt]:  # noqa: FBT001
        after_s = self._rules.orphan_after_s
        watched = after_s is None or (unheard_s is not None and unheard_s < min(WATCHED_S, after_s))
        silent_s = now - self._began if unheard_s is None else unheard_s
        if is_paused and watched:
            yield SupervisorFound
        elif not is_paused and after_s is not None and silent_s >= after_s:
            yield SupervisorLost

    def _disk(self, is_paused: bool) -> Iterator[FactAt]:  # noqa: FBT001
        folder = self._rules.disk
        if folder is None:
            return
        try:
            disk = shutil.disk_usage(folder)
        except OSError as error:
            LOG.warning("disk_unknown", extra={"fields": {"why": error.strerror}})
            return
        low = min(_LOW, disk.total // _LOW_PART)
        if is_paused and disk.free >= 2 * low:
            yield DiskFreed
        elif not is_paused and disk.free < low:
            reason = f"only {disk.free // MIB} MiB are free on the disk of the home"
            yield lambda at: DiskFull(at, reason)


def covered(state: EngineState) -> bool:
    """Tell whether a stop rests at the venue for each position."""
    stops = (one for one in state.orders.values() if one.order.role is Role.STOP)
    resting = {stop.order.plan_id for stop in stops if stop.state in _RESTING}
    return all(plan in resting for plan, holding in state.holdings.items() if holding.quantity)


def _give_back() -> None:
    """Collect what nobody refers to any more and let the C library return what it hoards (malloc_trim(3))."""
    gc.collect()
    with contextlib.suppress(AttributeError):  # only the GNU library has it
        ctypes.CDLL(None).malloc_trim(0)
