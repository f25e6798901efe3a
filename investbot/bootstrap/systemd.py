"""Tells a service manager how a process is: sd_notify(3) over the datagram socket that `$NOTIFY_SOCKET` names.

What an instance tells it goes to its health door too, where there is one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from investbot.control.health_door import HealthDoor, taken_over
from investbot.control.link import InstanceLink, Serve
from investbot.supervisor.herald import Herald

_MICROS = 1_000_000
_BEAT_S = 10.0
"""Seconds between two status lines where no watchdog waits for them."""


class Manager:
    """The service manager that started this process; without one nothing is said to nobody."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Find the socket; a name that begins with @ is an abstract one (unix(7))."""
        told = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + told[1:] if told.startswith("@") else told
        for_us = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        micros = environment.get("WATCHDOG_USEC", "") if for_us else ""
        self.beat_s = int(micros) / _MICROS / 2 if micros.isdecimal() and int(micros) else _BEAT_S

    def tell(self, **what: str | int) -> None:
        """Send assignments in one datagram; a manager that does not listen is no trouble of ours."""
        if not self._address:
            return
        text = "\n".join(f"{name}={str(value).replace(chr(10), ' ')}" for name, value in what.items())
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
            door.setblocking(False)
            door.sendto(text.encode(), self._address)


class SupervisorHerald(Herald):
    """Tells the manager of a supervisor."""

    def __init__(self, manager: Manager) -> None:
        """Tell `manager`."""
        self._manager = manager

    def ready(self) -> None:
        """Say READY, also after a reload."""
        self._manager.tell(READY=1, MAINPID=os.getpid())

    def reloading(self) -> None:
        """Say RELOADING, with the monotonic moment that Type=notify-reload asks for."""
        self._manager.tell(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)

    def stopping(self) -> None:
        """Say STOPPING."""
        self._manager.tell(STOPPING=1, STATUS="stopping the instances")

    async def beat(self, summary: Callable[[], str]) -> None:
        """Say WATCHDOG and STATUS at half the watchdog's time, from the event loop itself."""
        while True:
            self._manager.tell(WATCHDOG=1, STATUS=summary())
            await asyncio.sleep(self._manager.beat_s)


class ToldLink(InstanceLink):
    """The link of an instance in the foreground, whose heartbeats go to the service manager too."""

    def __init__(self, home: Path, name: str, serve: Serve, manager: Manager, health: HealthDoor | None = None) -> None:
        """Make the link of instance `name`; `manager` is told how it is, and so is who asks at the `health` door."""
        super().__init__(home, name, serve)
        self._manager = manager
        self._health = health
        self._phase = ""

    async def run(self) -> None:
        """Dial the supervisor for ever, and answer at the door where there is one."""
        if self._health is None:
            await super().run()
        else:
            await asyncio.gather(super().run(), self._health.run())

    def status(self, row: dict[str, Any]) -> None:
        """Pass a heartbeat on: READY once it has recovered, STOPPING at its end, WATCHDOG with each."""
        super().status(row)
        if self._health is not None:
            self._health.beat(row)
        phase = str(row.get("phase", ""))
        news = {"ready": "READY", "stopping": "STOPPING"}.get(phase) if phase != self._phase else None
        self._phase = phase
        told = f"{row.get('state')}, {row.get('trading_state') or 'no candle yet'}, {row.get('open_positions')} open"
        self._manager.tell(**({news: 1} if news else {}), WATCHDOG=1, STATUS=told)


def told_link(home: Path, name: str, serve: Serve, health_fd: int | None) -> ToldLink:
    """Make the link of an instance in the foreground; at `health_fd` a socket listens for probes."""
    health = None if health_fd is None else HealthDoor(name, taken_over(health_fd), time.monotonic)
    return ToldLink(home, name, serve, Manager(os.environ), health)
