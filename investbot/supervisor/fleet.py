"""All keepers of a home, and their memory on disk."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from investbot.control.connection import Connection
from investbot.control.identity import start_time
from investbot.control.messages import Greeting
from investbot.domain.errors import InvestBotError, UnknownInstance, VaultError
from investbot.domain.states import InstanceState
from investbot.supervisor import lifecycle as lc
from investbot.supervisor.journal import Journal, Remembered
from investbot.supervisor.keeper import Keeper, Tools
from investbot.supervisor.process_keeper import count_silence
from investbot.supervisor.processes import WatchedProcess, lock_holder, lock_is_held, same_process

LOG = logging.getLogger(__name__)
CALL_S = 3.0
"""Seconds that a process which holds an instance's lock has to dial a new supervisor."""
_LOOKS = 30
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Fleet:
    """Finds, starts, adopts and remembers the instances of a home."""

    def __init__(
        self, make_tools: Callable[[Callable[[], None], Callable[[str, dict[str, Any]], None]], Tools]
    ) -> None:
        """`make_tools` is given what to call after a change and on every heartbeat."""
        self.keepers: dict[str, Keeper] = {}
        self.tools = make_tools(self._changed, self._heard)
        self._journal = Journal(self.tools.home / "run" / "supervisor.json")
        self._remembered: dict[str, Remembered] = {}
        self._saving = asyncio.Lock()
        self._dirty = asyncio.Event()
        self._opened = asyncio.Event()
        self._clerk = ThreadPoolExecutor(1, "journal")
        self._tasks: list[asyncio.Task[None]] = []

    async def recall(self) -> None:
        """Read what the last supervisor knew, before anybody may ask."""
        self._remembered = await asyncio.to_thread(self._journal.read)
        for name in await asyncio.to_thread(self.tools.outside.names):
            await self._make(name)

    async def open(self, *, restore: bool) -> None:
        """Adopt what still runs, start what was running when the last supervisor died, or all that ran before.

        `restore` also starts what the last `down` stopped. One that runs but is not remembered, as after
        `investbot run`, has a moment to dial.
        """
        ticking = count_silence(self.tools.now, self.keepers.values)
        self._tasks = [asyncio.create_task(ticking)]
        lost = [keeper for keeper in list(self.keepers.values()) if not await self._adopted(keeper)]
        await asyncio.gather(*(self.called(keeper.name) for keeper in lost))
        for keeper in lost:
            before = self.recalls(keeper.name)
            if keeper.process is not None or keeper.life.alive:
                continue
            if before.wanted:
                if not await keeper.ended_unseen(before.pid, before.start_time):
                    keeper.tell(lc.Elapsed(lc.Timer.BACKOFF))
            elif restore and before.restore:
                keeper.tell(lc.StartAsked())
        self._opened.set()  # until here nothing may be written: it would forget processes not yet looked for
        self._changed()
        await self.save()
        self._tasks.append(asyncio.create_task(self._write()))

    async def close(self) -> None:
        """Write the last word and let the processes be."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._opened.is_set():
            self._changed()
            await self.save()
        await asyncio.to_thread(self._clerk.shutdown)
        for keeper in self.keepers.values():
            keeper.let_go()

    async def find(self, name: str) -> Keeper:
        """Give the keeper of an instance, also of one made a moment ago; UnknownInstance."""
        if name not in self.keepers:
            if name not in await asyncio.to_thread(self.tools.outside.names):
                raise UnknownInstance(f"There is no instance {name!r}; `investbot status` lists those there are.")
            await self._make(name)
        return self.keepers[name]

    async def called(self, name: str) -> Keeper:
        """Give the keeper of an instance; one that was started by hand has a moment to dial. UnknownInstance."""
        keeper = await self.find(name)
        for _ in range(_LOOKS):
            if keeper.life.alive or not await keeper.is_locked():
                break
            await keeper.until(lambda life: life.alive, CALL_S / _LOOKS)
        return keeper

    async def names(self) -> list[str]:
        """Name all instances, also those made a moment ago; forget those that were removed."""
        names = await asyncio.to_thread(self.tools.outside.names)
        for gone in self.keepers.keys() - set(names):
            if not self.keepers[gone].life.alive:
                del self.keepers[gone]
                self._remembered.pop(gone, None)
        return names

    async def attend(self, connection: Connection, greeting: Greeting) -> None:
        """Listen to an instance; VaultError when it is not who it says it is."""
        name, pid = greeting.name, connection.peer.pid
        if greeting.pid != pid or greeting.start_time != await asyncio.to_thread(start_time, pid):
            raise VaultError(f"Process {pid} says it is {name} but is another process; it was turned away.")
        keeper = await self.find(name)
        await keeper.spawned()
        if keeper.process is None:
            process = await asyncio.to_thread(_holding_process, keeper.folder / "lock", pid, greeting.start_time)
            if process is None:
                message = f"Process {pid} says it is {name} but does not hold its lock; it was turned away."
                raise VaultError(message)
            keeper.adopt(process)
        if keeper.process is None or keeper.process.pid != pid:
            known = f"process {keeper.process.pid}" if keeper.process else "just being started"
            raise VaultError(f"Process {pid} says it is {name}, which is {known}; it was turned away.")
        keeper.heard({})
        await self.tools.hub.listen(name, connection, greeting.word_s)

    async def save(self) -> None:
        """Write what there is to remember and see it on the disk; a full disk is logged and survived."""
        await self._opened.wait()
        async with self._saving:
            if not self._dirty.is_set():
                return  # whoever saved meanwhile has taken it along
            self._dirty.clear()
            now = self.tools.now()
            for name, keeper in self.keepers.items():
                process = keeper.process
                self._remembered[name] = self._remembered.get(name, Remembered()).after(
                    keeper.life,
                    now,
                    pid=process.pid if process else None,
                    start_time=process.start_time if process else None,
                )
            await self._keep(dict(self._remembered))

    def allocated(self) -> list[str]:
        """Name the instances that run or are about to."""
        return [name for name, keeper in self.keepers.items() if keeper.life.alive or keeper.life.wanted]

    def pid(self, name: str) -> int | None:
        """Give the process id of an instance that has a process."""
        keeper = self.keepers.get(name)
        return keeper.process.pid if keeper is not None and keeper.process is not None else None

    def remember(self, name: str, **what: bool) -> None:
        """Note `restore` of an instance, for the next `save`."""
        self._remembered[name] = replace(self._remembered.get(name, Remembered()), **what)  # type: ignore[arg-type]
        self._changed()

    def recalls(self, name: str) -> Remembered:
        """Tell what is remembered of an instance."""
        return self._remembered.get(name, Remembered())

    async def _keep(self, remembered: dict[str, Remembered]) -> None:
        """Write the journal, once more when a full disk could be relieved."""
        for last in (False, True):
            try:
                # One thread, so that a write which nobody waits for any more is over before the next one begins.
                await asyncio.get_running_loop().run_in_executor(self._clerk, self._journal.write, remembered)
            except OSError as error:
                if last or error.errno not in _FULL or not await self.tools.relieve():
                    LOG.error("journal_lost", extra={"fields": {"error": str(error)}})
                    return
            else:
                return

    async def _make(self, name: str) -> Keeper:
        keeper = Keeper(name, self.tools, self.recalls(name).life(self.tools.now()))
        with contextlib.suppress(InvestBotError):  # a broken file is told when the instance is started
            keeper.policy = (await asyncio.to_thread(self.tools.outside.recipe, name)).restart
        return self.keepers.setdefault(name, keeper)

    async def _adopted(self, keeper: Keeper) -> bool:
        before = self.recalls(keeper.name)
        if before.pid is None or before.start_time is None:
            return False
        # The lock is not asked: it may not be taken yet, or its file may be gone, and this is still the process.
        process = await asyncio.to_thread(same_process, before.pid, before.start_time)
        if process is None:
            return False
        keeper.adopt(process)
        if before.state == InstanceState.STOPPING.value:
            keeper.tell(lc.RestartAsked() if before.wanted else lc.StopAsked())
        return True

    def _heard(self, name: str, row: dict[str, Any]) -> None:
        self.keepers[name].heard(row)

    def _changed(self) -> None:
        self._dirty.set()

    async def _write(self) -> None:
        while True:
            await self._dirty.wait()
            with contextlib.suppress(
                OSError
            ):  # a full disk: what is in memory still counts, the next change tries anew
                await self.save()


def _holding_process(lock: Path, pid: int, began: int) -> WatchedProcess | None:
    """Watch a process that holds an instance's lock; one of which the kernel does not say so is not believed."""
    if not lock_is_held(lock) or lock_holder(lock) != pid:
        return None
    return same_process(pid, began)
