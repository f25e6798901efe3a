"""The keeper of one instance: does what the lifecycle table says with a real process, and tells it what happens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, assert_never

from investbot.control.messages import InstanceRequest
from investbot.domain.errors import InvestBotError, TryAgain
from investbot.domain.states import InstanceState
from investbot.supervisor import lifecycle as lc
from investbot.supervisor.hub import Hub
from investbot.supervisor.outside import Outside
from investbot.supervisor.processes import Process, lock_holder, lock_is_held
from investbot.supervisor.spawn import Spawner, last_words

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What all keepers share; `now` reads monotonic seconds.

    `changed` is told after every change, `moved` when an instance has come to another state.
    """

    home: Path
    spawner: Spawner
    outside: Outside
    hub: Hub
    now: Callable[[], float]
    changed: Callable[[], None]
    moved: Callable[[str, lc.Life], None]
    patience: lc.Patience = field(default_factory=lc.Patience)
    chance: Callable[[], float] = random.random


class Keeper:
    """Owns the process of one instance; lives on the supervisor's event loop."""

    def __init__(self, name: str, tools: Tools, life: lc.Life | None = None) -> None:
        """Keep instance `name`, whose life so far was `life`."""
        self.name = name
        self.life = life or lc.Life(since=tools.now())
        self.process: Process | None = None
        self.policy = lc.RestartPolicy()
        self._tools = tools
        self._silent_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._making = asyncio.Event()
        self._making.set()

    @property
    def folder(self) -> Path:
        """The instance's folder."""
        return self._tools.home / "instances" / self.name

    def tell(self, event: lc.Event) -> None:
        """Let the table decide what `event` means, and do it."""
        before = self.life
        self.life, actions = lc.step(before, event, self._tools.now(), self.policy, self._tools.patience)
        if self.life.state is not before.state:
            LOG.info(
                "instance_state",
                extra={"fields": {"instance": self.name, "state": self.life.state.value, "error": self.life.error}},
            )
            self._tools.moved(self.name, self.life)
        for action in actions:
            self._do(action)
        if self.life is not before:
            self._news.set()
            self._news = asyncio.Event()
            self._tools.changed()

    def heard(self, row: dict[str, Any]) -> None:
        """Take a heartbeat."""
        self._silent_s = 0.0
        if row.get("phase") == "ready":
            self.tell(lc.Ready())

    def tick(self, seconds: float) -> None:
        """Count silence; the caller bounds `seconds`, so that a supervisor that slept blames nobody."""
        if self.process is None:
            return
        self._silent_s += seconds
        starting = self.life.state is InstanceState.STARTING
        if self._silent_s > (self._tools.patience.start_s if starting else self._tools.patience.heartbeat_s):
            self.tell(lc.HeartbeatLost(self._silent_s))

    async def until(self, done: Callable[[lc.Life], bool], timeout_s: float) -> bool:
        """Wait until the life is as wanted, at most `timeout_s` seconds; tell whether it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not done(self.life):
                    await self._news.wait()
        return done(self.life)

    async def spawned(self) -> None:
        """Wait until no process is just being made."""
        await self._making.wait()

    def adopt(self, process: Process) -> None:
        """Watch a living process that this supervisor did not make, unless one is there or being made by now."""
        if self.process is not None or not self._making.is_set():
            process.close()
            return
        self.tell(lc.Adopted())
        self._watch(process)
        LOG.info("instance_adopted", extra={"fields": {"instance": self.name, "pid": process.pid}})
        self._tools.changed()

    def let_go(self) -> None:
        """Forget the process without touching it, at the supervisor's end."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        if self.process is not None:
            asyncio.get_running_loop().remove_reader(self.process.fileno())
            self.process.close()
            self.process = None

    def _do(self, action: lc.Action) -> None:
        match action:
            case lc.Do.SPAWN:
                self._making.clear()
                self._tools.hub.forget(self.name)
                self._task(self._spawn())
            case lc.Do.ASK_TO_STOP:
                self._task(self._ask_to_stop())
                self._send(signal.SIGTERM)
            case lc.Do.ABORT:
                self._send(signal.SIGABRT)
            case lc.Do.KILL:
                self._send(signal.SIGKILL)
            case lc.Wait(timer, seconds):
                if self._timer is not None:
                    self._timer.cancel()
                self._timer = asyncio.get_running_loop().call_later(seconds, self.tell, lc.Elapsed(timer))
            case _:
                assert_never(action)

    def _task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _send(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send(number)

    async def _ask_to_stop(self) -> None:
        with contextlib.suppress(InvestBotError):
            await self._tools.hub.ask(self.name, InstanceRequest(action="stop"), self._tools.patience.stop_s)

    async def _spawn(self) -> None:
        try:
            process = await asyncio.to_thread(self._make)
        except InvestBotError as error:
            self._making.set()
            self.tell(lc.Exited(error.exit_code, str(error), self._tools.chance()))
            return
        except Exception as error:  # noqa: BLE001 - one instance that cannot be made must not end the supervisor
            LOG.error("spawn_failed", extra={"fields": {"instance": self.name, "error": repr(error)}})
            message = f"The process of {self.name} could not be made: {error}."
            self._making.set()
            self.tell(lc.Exited(lc.INVARIANT, message, self._tools.chance()))
            return
        self._watch(process)
        self._making.set()
        self._tools.changed()
        if self.life.state is InstanceState.STOPPING:
            process.send(signal.SIGTERM)

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

    def _watch(self, process: Process) -> None:
        self.process = process
        self._silent_s = 0.0
        asyncio.get_running_loop().add_reader(process.fileno(), self._gone, process)

    def _gone(self, process: Process) -> None:
        asyncio.get_running_loop().remove_reader(process.fileno())
        if self._timer is not None:
            self._timer.cancel()
        self._task(self._bury(process))

    async def _bury(self, process: Process) -> None:
        code = process.reap()
        process.close()
        said_code, message = await asyncio.to_thread(self._testament, process.pid)
        if code is None:
            code = said_code
        if message is None and code is not None and code > 0:
            message = await asyncio.to_thread(last_words, self._tools.home, self.name)
        self.process = None
        LOG.info(
            "instance_ended",
            extra={"fields": {"instance": self.name, "pid": process.pid, "exit_code": code, "message": message}},
        )
        self.tell(lc.Exited(code, message, self._tools.chance()))

    def _testament(self, pid: int) -> tuple[int | None, str | None]:
        """Read what the process wrote at its end: exit code and sentence; nothing from what another one wrote."""
        try:
            body = json.loads((self.folder / "exit.json").read_bytes())
            code, message, writer = body.get("exit_code"), body.get("message"), body.get("pid", pid)
        except (OSError, ValueError, AttributeError):
            return None, None
        if writer != pid:
            return None, None
        return code if isinstance(code, int) else None, str(message) if message else None
