"""Companions: processes of a home that instances lean on, as a feed. Started before them, ended after them.

A companion takes the lock `run/NAME.lock` for life, says a line on its pipe once it works and at least every few
seconds from then on, and ends on SIGTERM. It holds no key but what the supervisor answers where it may ask. One that a
dead supervisor left behind is ended and started anew: its pipe is broken, and what leans on it gets along without it
meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from investbot.domain.errors import TryAgain
from investbot.domain.states import InstanceState
from investbot.supervisor import lifecycle as lc
from investbot.supervisor.process_keeper import Bench, ProcessKeeper, count_silence
from investbot.supervisor.processes import Process, WatchedProcess, end_holder
from investbot.supervisor.spawn import clean_environment, stderr_path

_READ = 1 << 12
_GONE = frozenset({InstanceState.STOPPED, InstanceState.EXITED, InstanceState.FATAL})


@dataclass(frozen=True, slots=True)
class Companion:
    """What the supervisor has to know of a companion; `program` is what follows the interpreter.

    It is handed `--home HOME --ready-fd N`. Instances wait at most `ready_s` seconds for it after it was first started;
    `heartbeat_s` seconds without a line on the pipe are too many. One that is not always `wanted` is started once that
    is true: it is asked, on a thread, at the start of the supervisor and before each start of an instance. One with an
    `answer` is handed `--ask-fd N` too, a socket on which it may ask; one 0 byte says that there is no answer.
    """

    name: str
    program: tuple[str, ...]
    restart: lc.RestartPolicy = field(default_factory=lc.RestartPolicy)
    ready_s: float = 20.0
    heartbeat_s: float = 30.0
    wanted: Callable[[], bool] | None = None
    answer: Callable[[bytes], bytes] | None = None


class CompanionKeeper(ProcessKeeper):
    """Owns the process of one companion."""

    def __init__(self, companion: Companion, bench: Bench) -> None:
        """Keep `companion`."""
        patience = replace(bench.patience, heartbeat_s=companion.heartbeat_s)
        super().__init__(companion.name, replace(bench, patience=patience))
        self.policy = companion.restart
        self._companion = companion
        self._pipe = -1
        self._asking: socket.socket | None = None

    @property
    def settled(self) -> bool:
        """Tell whether waiting for it makes no sense: it works, or there is trouble that takes longer."""
        return self.life.state is not InstanceState.STARTING

    def _make(self) -> Process:
        home = self._bench.home.resolve()
        end_holder(home / "run" / f"{self.name}.lock", self.name, self._bench.patience.stop_s)
        reading, writing = os.pipe()
        try:
            process = self._start(home, writing)
        except OSError as error:
            os.close(reading)
            if self._asking is not None:
                self._asking.close()
                self._asking = None
            message = f"The process of {self.name} could not be made ({error.strerror}); free some memory or disk."
            raise TryAgain(message) from None
        finally:
            os.close(writing)
        os.set_blocking(reading, False)
        self._pipe = reading
        return process

    def _door(self) -> list[socket.socket]:
        """Make the two ends of the way to ask, where the companion may; the first one stays here."""
        if self._companion.answer is None:
            return []
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._asking = ours
        return [theirs]

    def _start(self, home: Path, writing: int) -> Process:
        words = stderr_path(home, self.name)
        words.unlink(missing_ok=True)
        command = [sys.executable, "-P", "-X", "faulthandler", *self._companion.program]
        with ExitStack() as open_:
            stderr = open_.enter_context(
                os.fdopen(os.open(words, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600), "wb")
            )
            doors = [open_.enter_context(each).fileno() for each in self._door()]
            asking = [word for door in doors for word in ("--ask-fd", str(door))]
            made = subprocess.Popen(
                [*command, "--home", str(home), "--ready-fd", str(writing), *asking],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                pass_fds=(writing, *doors),
                env=clean_environment(os.environ),
                cwd=home,
                start_new_session=True,
                umask=0o077,
            )
        made.returncode = 0  # its end is taken through the pidfd, so that nobody else may wait for it
        return WatchedProcess(made.pid)

    def _watch(self, process: Process) -> None:
        super()._watch(process)
        asyncio.get_running_loop().add_reader(self._pipe, self._hear)
        if self._asking is not None:
            asyncio.get_running_loop().add_reader(self._asking, self._answer)

    def _answer(self) -> None:
        """Answer one question; one that is put badly, or that nobody reads the answer to, hurts nobody."""
        asking, answer = self._asking, self._companion.answer
        if asking is None or answer is None:
            return
        with contextlib.suppress(BlockingIOError):
            question = b""
            with contextlib.suppress(ConnectionError):
                question = asking.recv(_READ)
            if not question:
                self._shut()
                return
            with contextlib.suppress(ConnectionError):
                asking.send(answer(question) or b"\0")

    def _shut(self) -> None:
        if self._asking is not None:
            asyncio.get_running_loop().remove_reader(self._asking)
            self._asking.close()
            self._asking = None

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            if os.read(self._pipe, _READ):
                self._silent_s = 0.0
                self.tell(lc.Ready())
            else:
                self._hang_up()

    def _hang_up(self) -> None:
        if self._pipe >= 0:
            asyncio.get_running_loop().remove_reader(self._pipe)
            os.close(self._pipe)
            self._pipe = -1
        self._shut()

    def _gone(self, process: Process) -> None:
        self._hang_up()
        super()._gone(process)

    def let_go(self) -> None:
        """Forget the process without touching it."""
        self._hang_up()
        super().let_go()

    async def _turn(self) -> None:
        pass

    async def _ask_to_stop(self) -> None:
        pass

    def _testament(self, process: Process) -> tuple[int | None, str | None]:
        return None, None


class Companions:
    """All companions of a home."""

    def __init__(self, companions: Iterable[Companion], bench: Bench) -> None:
        """Keep them; nothing is started before `open`."""
        self._companions = tuple(companions)
        self.keepers = [CompanionKeeper(each, bench) for each in self._companions]
        self._bench = bench
        self._since: dict[str, float] = {}
        self._ticking: asyncio.Task[None] | None = None
        self._calling: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Start all that are wanted at once."""
        self._ticking = asyncio.create_task(count_silence(self._bench.now, lambda: self.keepers))
        for companion, keeper in zip(self._companions, self.keepers, strict=True):
            if companion.wanted is None:
                self._call(keeper)
        self._calling = asyncio.create_task(self._call_wanted())

    async def ready(self) -> None:
        """Wait until all that are wanted work or have failed once, each at most its own time after its first start."""
        if self._ticking is not None:
            await self._call_wanted()
        for companion, keeper in zip(self._companions, self.keepers, strict=True):
            if keeper.name in self._since:
                left = self._since[keeper.name] + companion.ready_s - self._bench.now()
                await keeper.until(lambda _, one=keeper: one.settled, max(0.0, left))  # type: ignore[misc]

    async def _call_wanted(self) -> None:
        """Start those that are wanted by now and were not before."""
        for companion, keeper in zip(self._companions, self.keepers, strict=True):
            if companion.wanted is not None and keeper.name not in self._since:
                wanted = await asyncio.to_thread(companion.wanted)
                if wanted and keeper.name not in self._since:
                    self._call(keeper)

    def _call(self, keeper: CompanionKeeper) -> None:
        self._since[keeper.name] = self._bench.now()
        keeper.tell(lc.StartAsked())

    async def close(self) -> None:
        """End all of them, and wait until they are gone."""
        patience = self._bench.patience
        for task in (self._ticking, self._calling):
            if task is not None:
                task.cancel()
        self._ticking = None
        for keeper in self.keepers:
            keeper.tell(lc.StopAsked())
        for keeper in self.keepers:
            await keeper.until(lambda life: life.state in _GONE, patience.stop_s + patience.abort_s)
            keeper.let_go()

    def rows(self) -> list[dict[str, Any]]:
        """Tell how each is."""
        return [
            {
                "name": keeper.name,
                "state": keeper.life.state.value,
                "pid": keeper.process.pid if keeper.process else None,
                "restarts": keeper.life.restarts,
                "error": keeper.life.error,
            }
            for keeper in self.keepers
        ]
