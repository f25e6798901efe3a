"""The keeper of one process: does what the lifecycle table says with a real one, and tells the table what happens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, assert_never

from investbot.domain.errors import InvestBotError
from investbot.domain.states import InstanceState
from investbot.supervisor import lifecycle as lc
from investbot.supervisor.processes import Process
from investbot.supervisor.spawn import last_words

LOG = logging.getLogger(__name__)
TICK_S = 1.0
"""Seconds between two looks at the heartbeats."""
_AGAIN_S = 1.0
"""Seconds until a process that is only just being made is killed anew."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What every keeper works with; `now` reads monotonic seconds, `chance` gives numbers in [0, 1).

    `changed` is told after every change, `moved` when a process has come to another state.
    """

    home: Path
    now: Callable[[], float]
    changed: Callable[[], None]
    moved: Callable[[str, lc.Life], None]
    patience: lc.Patience = field(default_factory=lc.Patience)
    chance: Callable[[], float] = random.random


class ProcessKeeper(ABC):
    """Owns one process; lives on the supervisor's event loop."""

    def __init__(self, name: str, bench: Bench, life: lc.Life | None = None) -> None:
        """Keep the process called `name`, whose life so far was `life`."""
        self.name = name
        self.life = life or lc.Life(since=bench.now())
        self.process: Process | None = None
        self.policy = lc.RestartPolicy()
        self._bench = bench
        self._silent_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._making = asyncio.Event()
        self._making.set()

    def tell(self, event: lc.Event) -> None:
        """Let the table decide what `event` means, and do it."""
        before = self.life
        self.life, actions = lc.step(before, event, self._bench.now(), self.policy, self._bench.patience)
        if self.life.state is not before.state:
            LOG.info(
                "instance_state",
                extra={"fields": {"instance": self.name, "state": self.life.state.value, "error": self.life.error}},
            )
            self._bench.moved(self.name, self.life)
        for action in actions:
            self._do(action)
        if self.life is not before:
            self._news.set()
            self._news = asyncio.Event()
            self._bench.changed()

    def tick(self, seconds: float) -> None:
        """Count silence; the caller bounds `seconds`, so that a supervisor that slept blames nobody."""
        if self.process is None:
            return
        self._silent_s += seconds
        starting = self.life.state is InstanceState.STARTING
        if self._silent_s > (self._bench.patience.start_s if starting else self._bench.patience.heartbeat_s):
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

    def let_go(self) -> None:
        """Forget the process without touching it, at the supervisor's end."""
        self._still()
        for task in self._tasks:
            task.cancel()
        if self.process is not None:
            asyncio.get_running_loop().remove_reader(self.process.fileno())
            self.process.close()
            self.process = None

    @abstractmethod
    def _make(self) -> Process:
        """Make the process, in a thread; InvestBotError when it cannot be made."""

    @abstractmethod
    async def _turn(self) -> None:
        """Wait until the process may be made."""

    @abstractmethod
    async def _ask_to_stop(self) -> None:
        """Tell the process by its own door to end; a signal goes out beside it."""

    @abstractmethod
    def _testament(self, process: Process) -> tuple[int | None, str | None]:
        """Read, in a thread, what the process wrote at its end: exit code and sentence."""

    def _do(self, action: lc.Action) -> None:
        match action:
            case lc.Do.SPAWN:
                self._making.clear()
                self._task(self._spawn())
            case lc.Do.ASK_TO_STOP:
                self._task(self._ask_to_stop())
                self._send(signal.SIGTERM)
            case lc.Do.ABORT:
                self._send(signal.SIGABRT)
            case lc.Do.KILL:
                if self.process is None and not self._making.is_set():
                    self._wait(lc.Timer.KILL, _AGAIN_S)
                self._send(signal.SIGKILL)
            case lc.Wait(timer, seconds):
                self._wait(timer, seconds)
            case _:
                assert_never(action)

    def _wait(self, timer: lc.Timer, seconds: float) -> None:
        self._still()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.tell, lc.Elapsed(timer))

    def _still(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _send(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send(number)

    async def _spawn(self) -> None:
        try:
            await self._turn()
            process = await asyncio.to_thread(self._make)
        except InvestBotError as error:
            self._not_made(error.exit_code, str(error))
            return
        except Exception as error:  # noqa: BLE001 - one process that cannot be made must not end the supervisor
            LOG.error("spawn_failed", extra={"fields": {"instance": self.name, "error": repr(error)}})
            self._not_made(lc.INVARIANT, f"The process of {self.name} could not be made: {error}.")
            return
        self._watch(process)
        self._making.set()
        self._bench.changed()
        if self.life.state is InstanceState.STOPPING:
            process.send(signal.SIGTERM)

    def _not_made(self, code: int, message: str) -> None:
        self._making.set()
        self._still()
        self.tell(lc.Exited(code, message, self._bench.chance()))

    def _watch(self, process: Process) -> None:
        self.process = process
        self._silent_s = 0.0
        asyncio.get_running_loop().add_reader(process.fileno(), self._gone, process)

    def _gone(self, process: Process) -> None:
        asyncio.get_running_loop().remove_reader(process.fileno())
        self._task(self._bury(process))

    async def _bury(self, process: Process) -> None:
        code = process.reap()
        said_code, message = await asyncio.to_thread(self._testament, process)
        if code is None:
            code = said_code
        if message is None and code is not None and code > 0:
            message = await asyncio.to_thread(last_words, self._bench.home, self.name)
        self.process = None
        process.close()
        self._still()
        LOG.info(
            "instance_ended",
            extra={"fields": {"instance": self.name, "pid": process.pid, "exit_code": code, "message": message}},
        )
        self.tell(lc.Exited(code, message, self._bench.chance()))


async def count_silence(now: Callable[[], float], keepers: Callable[[], Iterable[ProcessKeeper]]) -> None:
    """Tell keepers every second how much time went by, until cancelled; `now` reads monotonic seconds.

    Never more than two seconds at once: what happened while this process slept was not heard by nobody's fault.
    """
    last = now()
    while True:
        await asyncio.sleep(TICK_S)
        moment = now()
        for keeper in list(keepers()):
            keeper.tick(min(moment - last, 2 * TICK_S))
        last = moment
