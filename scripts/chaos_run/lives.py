"""The lives of one instance: started, troubled, killed, again and again as the plan says."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from scripts.chaos_run.fleet import Child, Fleet
from scripts.chaos_run.plan import Fault, Kill

READY_S = 4.0
"""Seconds that a plan waits at most for readiness or for an order before it kills all the same."""
PATIENT_S = 30.0
"""The same after `UNREADY` lives in a row that ended before readiness: a busy machine starts slowly."""
UNREADY = 3
FIRST_S = 90.0
"""Seconds that the first order may take."""
FAST_S = 0.01


@dataclass
class Lives:
    """What became of an instance's processes."""

    name: str
    key: str
    kills: int = 0
    ready: int = 0
    """Kills that came after readiness."""
    ended: list[str] = field(default_factory=list)
    """Processes that ended by themselves, with their last words."""


class Exchange(Protocol):
    """What lives are troubled by and watched through."""

    def clear(self) -> None:
        """Let all faults be over."""
        ...

    def trouble(self, fault: Fault) -> None:
        """Do what a plan wants done."""
        ...

    def sent(self, child: Child, key: str) -> int:
        """Count the orders of an instance; only that the count grows matters."""
        ...


def live(lives: Lives, fleet: Fleet, exchange: Exchange, plan: Sequence[Kill], over: Callable[[Lives], None]) -> None:
    """Go through the plan; `over` is called after each kill.

    The first life is let be until it has decided on an order: it has hundreds of bars of the past to go through.
    """
    unready = 0
    first = True
    for step in plan:
        exchange.clear()
        child = fleet.spawn(lives.name)
        for fault in step.faults:
            exchange.trouble(fault)
        if unready >= UNREADY:
            child.wait(time.monotonic() + PATIENT_S, ready=True)
        if first:
            first = False
            _until_order(child)
        _until_moment(child, exchange, lives.key, step)
        unready = 0 if child.ready else unready + 1
        lives.ready += child.ready
        code, said = child.kill()
        if code != -signal.SIGKILL:
            lives.ended.append(f"{lives.name} ended with {code} in life {step.number} ({step}): {said.strip()[-300:]}")
        else:
            lives.kills += 1
        over(lives)


def _until_order(child: Child) -> None:
    end = time.monotonic() + FIRST_S
    while not child.ended and time.monotonic() < end and not child.said("order_placed"):
        time.sleep(0.1)


def _until_moment(child: Child, exchange: Exchange, key: str, step: Kill) -> None:
    end = time.monotonic() + READY_S
    if step.moment != "start":
        child.wait(end, ready=True)
    if step.moment == "order":
        sent = exchange.sent(child, key)
        while not child.ended and time.monotonic() < end and exchange.sent(child, key) == sent:
            time.sleep(FAST_S)
    child.wait(time.monotonic() + step.after_s)


def in_parallel(works: Sequence[Callable[[], None]]) -> None:
    """Do everything at once; the first error comes out when all is over."""
    with ThreadPoolExecutor(max_workers=len(works)) as pool:
        for done in [pool.submit(work) for work in works]:
            done.result()
