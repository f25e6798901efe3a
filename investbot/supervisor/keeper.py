"""The keeper of one instance: its key and settings are read for every start, its heartbeats come over the hub."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from investbot.control.messages import InstanceRequest
from investbot.domain.errors import InvestBotError, TryAgain
from investbot.supervisor import lifecycle as lc
from investbot.supervisor.hub import Hub
from investbot.supervisor.outside import Outside
from investbot.supervisor.process_keeper import Bench, ProcessKeeper
from investbot.supervisor.processes import Process, lock_holder, lock_is_held
from investbot.supervisor.spawn import Spawner

LOG = logging.getLogger(__name__)


async def _at_once() -> None:
    """Let every process be made without waiting for anything."""


async def _no_ballast() -> bool:
    """Tell that there is no room to be made."""
    return False


@dataclass(frozen=True, slots=True)
class Tools:
    """What all keepers of instances share.

    `turn` waits until the next process may be made; `relieve` makes room on a full disk and tells whether it could.
    """

    bench: Bench
    spawner: Spawner
    outside: Outside
    hub: Hub
    turn: Callable[[], Awaitable[None]] = _at_once
    relieve: Callable[[], Awaitable[bool]] = _no_ballast

    @property
    def home(self) -> Path:
        """The fleet's home."""
        return self.bench.home

    @property
    def now(self) -> Callable[[], float]:
        """Reads monotonic seconds."""
        return self.bench.now

    @property
    def patience(self) -> lc.Patience:
        """How long the supervisor waits."""
        return self.bench.patience


@dataclass(frozen=True, slots=True)
class _LastWord:
    """What an instance wrote at its end; `finished` when there is nothing more to do."""

    code: int
    message: str | None
    finished: bool


class Keeper(ProcessKeeper):
    """Owns the process of one instance."""

    def __init__(self, name: str, tools: Tools, life: lc.Life | None = None) -> None:
        """Keep instance `name`, whose life so far was `life`."""
        super().__init__(name, tools.bench, life)
        self._tools = tools

    @property
    def folder(self) -> Path:
        """The instance's folder."""
        return self._tools.home / "instances" / self.name

    async def is_locked(self) -> bool:
        """Tell whether some process trades for the instance, known here or not."""
        return await asyncio.to_thread(lock_is_held, self.folder / "lock")

    def heard(self, row: dict[str, Any]) -> None:
        """Take a heartbeat."""
        self._silent_s = 0.0
        if row.get("phase") == "ready":
            self.tell(lc.Ready())

    def adopt(self, process: Process) -> None:
        """Watch a living process that this supervisor did not make, unless one is there or being made by now."""
        if self.process is not None or not self._making.is_set():
            process.close()
            return
        self._still()
        self.tell(lc.Adopted())
        self._watch(process)
        LOG.info("instance_adopted", extra={"fields": {"instance": self.name, "pid": process.pid}})
        self._tools.bench.changed()

    def _make(self) -> Process:
        """Make the process, in a thread: key and configuration are read anew each time."""
        if lock_is_held(self.folder / "lock"):
            holder = lock_holder(self.folder / "lock")
            where = f"in process {holder}" if holder else "in another process"
            message = f"{self.name} already runs {where}, outside this supervisor; end that one first, then start it."
            raise TryAgain(message)
        self.policy = self._tools.outside.recipe(self.name).restart
        key = self._tools.outside.data_key(self.name)
        (self.folder / "exit.json").unlink(missing_ok=True)
        return self._tools.spawner.spawn(self.name, key)

    def _do(self, action: lc.Action) -> None:
        if action is lc.Do.SPAWN:
            self._tools.hub.forget(self.name)
        super()._do(action)

    async def _turn(self) -> None:
        await self._tools.turn()

    async def _ask_to_stop(self) -> None:
        with contextlib.suppress(InvestBotError):
            await self._tools.hub.ask(self.name, InstanceRequest(action="stop"), self._tools.patience.stop_s)

    async def ended_unseen(self, pid: int | None, began: int | None) -> bool:
        """Take in how a process ended that nobody watched, if it says; a stop that nobody here asked for is none."""
        if pid is None or began is None:
            return False
        word = await asyncio.to_thread(self._last_word, pid, began)
        if word is None or not (word.code or word.finished):
            return False
        self.tell(lc.Adopted())
        self.tell(lc.Exited(word.code, word.message, self._bench.chance()))
        return True

    def _testament(self, process: Process) -> tuple[int | None, str | None]:
        word = self._last_word(process.pid, process.start_time)
        return (None, None) if word is None else (word.code, word.message)

    def _last_word(self, pid: int, began: int) -> _LastWord | None:
        """Read exit.json; nothing from what another process wrote, be it one that had the same pid before."""
        try:
            body = json.loads((self.folder / "exit.json").read_bytes())
            code, message, finished = body["code"], body.get("message"), body.get("finished")
            writer = (body["pid"], body.get("start_time") or began)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        if writer != (pid, began) or not isinstance(code, int):
            return None
        return _LastWord(code, str(message) if message else None, finished=finished is True)
