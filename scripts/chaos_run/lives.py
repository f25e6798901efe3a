"""The lives of one instance: started, troubled, killed, again and again as the plan says."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from scripts.chaos_run.exchange import ExchangeProcess
from scripts.chaos_run.fleet import Child, Fleet
from scripts.chaos_run.plan import Kill

READY_S = 4.0
"""Seconds that a plan waits at most for readiness or for an order before it kills all the same."""
PATIENT_S = 30.0
"""The same after `UNREADY` lives in a row that ended before readiness: a busy machine starts slowly."""
UNREADY = 3
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


def live(
    lives: Lives, fleet: Fleet, exchange: ExchangeProcess, plan: Sequence[Kill], over: Callable[[Lives], None]
) -> None:
    """Go through the plan; `over` is called after each kill."""
    unready = 0
    for step in plan:
        exchange.do("clear")
        child = fleet.spawn(lives.name)
        for fault in step.faults:
            exchange.do(fault.verb, **fault.said)
        if unready >= UNREADY:
            child.wait(time.monotonic() + PATIENT_S, ready=True)
        _until_moment(child, exchange, lives.key, step)
        unready = 0 if child.ready else unready + 1
        lives.ready += child.ready
        code, said = child.kill()
        if code != -signal.SIGKILL:
            lives.ended.append(f"{lives.name} ended with {code} in life {step.number} ({step}): {said.strip()[-300:]}")
        else:
            lives.kills += 1
        over(lives)


def _until_moment(child: Child, exchange: ExchangeProcess, key: str, step: Kill) -> None:
    end = time.monotonic() + READY_S
    if step.moment != "start":
        child.wait(end, ready=True)
    if step.moment == "order":
        sent = _sent(exchange, key)
        while not child.ended and time.monotonic() < end and _sent(exchange, key) == sent:
            time.sleep(FAST_S)
    child.wait(time.monotonic() + step.after_s)


def _sent(exchange: ExchangeProcess, key: str) -> int:
    """Count the orders that reached the exchange with a key, those included that were not carried out."""
    count: int = exchange.tell("state")["submitted"].get(key, 0)
    return count


def in_parallel(works: Sequence[Callable[[], None]]) -> None:
    """Do everything at once; the first error comes out when all is over."""
    with ThreadPoolExecutor(max_workers=len(works)) as pool:
        for done in [pool.submit(work) for work in works]:
            done.result()
