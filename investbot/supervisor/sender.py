"""Sends what waits for one address: one message at a time, never faster than allowed, until the address is refused."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from investbot.ports.clock import Clock
from investbot.ports.notifier import Delivery, Fate, Notice, Notifier
from investbot.supervisor.mailroom import Mailroom
from investbot.supervisor.route_health import RouteHealth

T = TypeVar("T")
LOG = logging.getLogger(__name__)
_LOOKED_AT = 10
"""Notices that are looked at for one message."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: between two looks for news, two messages to one address, two looks at the calendar, two at the fleet.

    `first_s` and `longest_s` bound the waits, doubling, before an address that failed is tried again; `flush_s` is the
    time that news has to get out when the supervisor goes down.
    """

    look_s: float = 0.3
    message_s: float = 1.0
    calendar_s: float = 20.0
    board_s: float = 30.0
    first_s: float = 2.0
    longest_s: float = 300.0
    flush_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Desk:
    """What all senders share: the mailroom, and the way to work in the one thread that may touch it.

    `settled` is told after every message.
    """

    room: Mailroom
    in_clerk: Callable[[Callable[[], object]], Awaitable[object]]
    clock: Clock
    pace: Pace
    settled: Callable[[], Awaitable[None]]


class Sender:
    """One address; `run` it as a task."""

    def __init__(self, name: str, notifier: Notifier, health: RouteHealth, desk: Desk) -> None:
        """Serve the route `name`; `health` is kept up to date."""
        self._name = name
        self._notifier = notifier
        self._desk = desk
        self._woken = asyncio.Event()
        self._failures = 0
        self._alone = False
        self._batch: list[tuple[int, Notice]] = []
        self.health = health
        self.turn = asyncio.Lock()
        """Held by whoever sends there, and for as long as the address is to be left alone afterwards."""

    def wake(self) -> None:
        """Look for what waits."""
        self._woken.set()

    async def run(self) -> None:
        """Send until the address is refused."""
        pace = self._desk.pace
        while not self.health.refused:
            self._woken.clear()
            await self._desk.in_clerk(self._pick)
            if not self._batch:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pace.calendar_s):
                        await self._woken.wait()
                continue
            async with self.turn:
                delivery = await in_daemon(self._deliver)
                pause_s = await self._settle(delivery or _BROKEN)
                await asyncio.sleep(max(pace.message_s, pause_s))

    def _mine(self, notice: Notice) -> bool:
        return self._desk.room.route_of(notice) == self._name

    def _pick(self) -> None:
        """Choose what goes into the next message."""
        outbox = self._desk.room.outbox
        due = outbox.due(self._desk.clock.now(), self._mine)
        most = 1 if self._alone or not due else self._notifier.fitting([each for _, each in due[:_LOOKED_AT]])
        self._batch = due[:most]
        self._count()

    def _count(self) -> None:
        self.health.waiting = self._desk.room.outbox.waiting(self._mine)

    def _deliver(self) -> Delivery:
        return self._notifier.deliver([notice for _, notice in self._batch])

    async def _settle(self, delivery: Delivery) -> float:
        """Book what became of a message; give the seconds to wait before the next one."""
        desk, health, batch = self._desk, self.health, self._batch
        pause_s = delivery.pause_s or 0.0
        match delivery.fate:
            case Fate.SENT:
                await desk.in_clerk(lambda: desk.room.outbox.gone([number for number, _ in batch]))
                self._failures, self._alone = 0, False
                health.sent, health.why, health.last_sent_at = health.sent + len(batch), "", desk.clock.now()
            case Fate.UNFIT if len(batch) > 1:
                self._alone = True  # one of them is to blame: find out which
            case Fate.UNFIT:
                await desk.in_clerk(lambda: desk.room.outbox.gone([number for number, _ in batch]))
                LOG.error("notice_unfit", extra={"fields": {"title": batch[0][1].title, "why": delivery.why}})
            case Fate.LATER:
                health.why = delivery.why
                if delivery.pause_s is None:
                    pause_s = self._backoff_s()
            case Fate.REFUSED:
                health.refused, health.why = True, delivery.why
                LOG.error("notices_refused", extra={"fields": {"route": self._name or "fleet", "why": delivery.why}})
        await desk.settled()
        return pause_s

    def _backoff_s(self) -> float:
        """Seconds before the next attempt: doubling, spread by a quarter."""
        pace = self._desk.pace
        wait_s = min(pace.first_s * 2.0 ** min(self._failures, 30), pace.longest_s)
        self._failures += 1
        return wait_s * (0.75 + random.random() / 2)  # noqa: S311 - spreads attempts, keeps no secret


_BROKEN = Delivery(Fate.UNFIT, 0.0, "It could not be put into a message.")


async def in_daemon(work: Callable[[], T]) -> T | None:
    """Do blocking work in a thread that the end of the process does not wait for; None when it broke."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T | None] = loop.create_future()

    def settle(told: T | None) -> None:
        if not done.done():
            done.set_result(told)

    def run() -> None:
        told = None
        try:
            told = work()
        finally:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(settle, told)

    threading.Thread(target=run, name="message", daemon=True).start()
    return await done
