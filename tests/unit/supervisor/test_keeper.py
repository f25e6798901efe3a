"""A keeper with real processes made by spawners that are slow, broken or out of room."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from investbot.domain.errors import ConfigError, InvestBotError, TryAgain
from investbot.domain.states import InstanceState as State
from investbot.supervisor import lifecycle as lc
from investbot.supervisor.hub import Hub
from investbot.supervisor.keeper import Keeper, Tools
from investbot.supervisor.outside import Recipe
from investbot.supervisor.process_keeper import Bench
from investbot.supervisor.processes import Process, WatchedProcess
from investbot.supervisor.spawn import PlainSpawner

SLEEPER = "import time; time.sleep(60)"
POLICY = lc.RestartPolicy(backoff_s=0.01, max_s=0.02, limit=3, window_s=60)


class Outside:
    """Knows one instance; the rest is not asked for."""

    def __init__(self) -> None:
        self.error: InvestBotError | None = None

    def recipe(self, name: str) -> Recipe:
        if self.error is not None:
            raise self.error
        return Recipe(Decimal(1), restart=POLICY)

    def data_key(self, name: str) -> bytes:
        return b"k" * 32


class Spawning:
    """Makes real processes of a script, after a pause or instead of them an error."""

    def __init__(self, home: Path, source: str) -> None:
        (home / "child.py").write_text(source)
        self.plain = PlainSpawner(home, (str(home / "child.py"),))
        self.pause_s = self.linger_s = 0.0
        self.error: Exception | None = None
        self.made = 0

    def spawn(self, name: str, data_key: bytes) -> Process:
        self.made += 1
        time.sleep(self.pause_s)
        if self.error is not None:
            raise self.error
        process = self.plain.spawn(name, data_key)
        time.sleep(self.linger_s)
        return process


Make = Callable[..., tuple[Keeper, Spawning, Outside]]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    keepers: list[Keeper] = []

    def build(source: str = SLEEPER) -> tuple[Keeper, Spawning, Outside]:
        (tmp_path / "instances" / "alpha").mkdir(parents=True)
        (tmp_path / "run").mkdir()
        spawner, outside = Spawning(tmp_path, source), Outside()
        told: Any = outside
        patience = lc.Patience(stop_s=0.5, abort_s=0.5, start_s=1.0, heartbeat_s=0.5)
        bench = Bench(tmp_path, time.monotonic, lambda: None, lambda name, life: None, patience, lambda: 0.5)
        tools = Tools(bench, spawner, told, Hub(time.monotonic, lambda name, row: None))
        keepers.append(Keeper("alpha", tools))
        return keepers[0], spawner, outside

    yield build
    for keeper in keepers:
        keeper.tell(lc.StopAsked())
        assert await keeper.until(lambda life: not life.alive, 60)
        keeper.let_go()


async def reaches(keeper: Keeper, state: State) -> lc.Life:
    assert await keeper.until(lambda life: life.state is state, 60), keeper.life
    return keeper.life


async def test_a_bug_in_making_one_process_ends_nothing_else(make: Make) -> None:
    keeper, spawner, _ = make()
    spawner.error = ZeroDivisionError("by nothing")
    keeper.tell(lc.StartAsked())
    life = await reaches(keeper, State.FATAL)
    assert spawner.made == POLICY.limit
    assert "by nothing" in (life.error or "")
    spawner.error = None
    keeper.tell(lc.StartAsked())
    await keeper.spawned()
    assert keeper.process is not None


async def test_no_room_for_a_process_is_tried_again_without_end(make: Make) -> None:
    keeper, spawner, _ = make()
    spawner.error = TryAgain("No room.")
    keeper.tell(lc.StartAsked())
    assert (await reaches(keeper, State.BACKOFF)).failures == ()
    async with asyncio.timeout(60):
        while spawner.made < POLICY.limit + 2:  # noqa: ASYNC110 - counts what another thread does
            await asyncio.sleep(0.01)
    spawner.error = None
    async with asyncio.timeout(60):
        while keeper.process is None:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.01)


async def test_a_broken_file_parks_before_there_is_a_process(make: Make) -> None:
    keeper, spawner, outside = make()
    outside.error = ConfigError("Edit it.")
    keeper.tell(lc.StartAsked())
    life = await reaches(keeper, State.FATAL)
    assert (life.error, life.exit_code, spawner.made) == ("Edit it.", 78, 0)


async def test_a_stop_while_the_process_is_being_made_reaches_it(make: Make) -> None:
    keeper, spawner, _ = make()
    spawner.pause_s = 0.2
    keeper.tell(lc.StartAsked())
    await asyncio.sleep(0.05)
    keeper.tell(lc.StopAsked())
    assert keeper.process is None
    life = await reaches(keeper, State.STOPPED)
    assert (spawner.made, life.error) == (1, None)


async def test_a_deaf_process_that_took_long_to_make_is_killed_all_the_same(make: Make, tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('deaf', 'w'); time.sleep(60)"
    keeper, spawner, _ = make(deaf)
    spawner.linger_s = 1.5
    keeper.tell(lc.StartAsked())
    async with asyncio.timeout(60):
        while not (tmp_path / "deaf").exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.01)
    keeper.tell(lc.StopAsked())
    life = await reaches(keeper, State.STOPPED)
    assert life.exit_code == -9


async def test_the_silence_of_one_process_is_not_the_next_ones(make: Make) -> None:
    keeper, _, _ = make()
    keeper.tell(lc.StartAsked())
    await keeper.spawned()
    keeper.tick(0.9)
    assert keeper.process is not None
    os.kill(keeper.process.pid, signal.SIGKILL)
    assert await keeper.until(lambda life: life.restarts == 1, 60)
    await keeper.spawned()
    keeper.tick(0.9)
    assert not keeper.life.hung


async def test_a_process_that_never_says_hello_is_given_up(make: Make) -> None:
    keeper, _, _ = make()
    keeper.tell(lc.StartAsked())
    await keeper.spawned()
    told = []
    for seconds, hears in ((0.9, True), (0.9, False), (0.2, False)):
        keeper.tick(seconds)
        told.append(keeper.life.hung)
        if hears:
            keeper.heard({"phase": "starting"})
    assert told == [False, False, True]
    life = await reaches(keeper, State.BACKOFF)
    assert "no sign of life" in (life.error or "")


async def test_a_running_one_has_the_shorter_patience(make: Make) -> None:
    keeper, _, _ = make()
    keeper.tick(100.0)
    keeper.tell(lc.StartAsked())
    await keeper.spawned()
    keeper.heard({"phase": "ready"})
    assert keeper.life.state is State.RUNNING
    keeper.tick(0.6)
    assert keeper.life.hung


async def test_a_second_process_is_not_adopted(make: Make) -> None:
    keeper, _, _ = make()
    keeper.tell(lc.StartAsked())
    await keeper.spawned()
    first = keeper.process
    assert first is not None
    again = WatchedProcess(first.pid)
    keeper.adopt(again)
    assert keeper.process is first
    assert again.fileno() == -1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"code": 70, "message": "Mine.", "pid": OWN}', "Mine."),
        ('{"code": 70, "message": "Another one.", "pid": 1}', "ended with exit code 7"),
        ("[1]", "ended with exit code 7"),
        ("", "ended with exit code 7"),
    ],
)
async def test_only_its_own_testament_counts(make: Make, tmp_path: Path, body: str, words: str) -> None:
    path = json.dumps(str(tmp_path / "instances" / "alpha" / "exit.json"))
    source = f"import os; open({path}, 'w').write({body!r}.replace('OWN', str(os.getpid()))); os._exit(7)"
    keeper, _, _ = make(source)
    keeper.tell(lc.StartAsked())
    life = await reaches(keeper, State.BACKOFF)
    assert words in (life.error or "")
    assert life.exit_code == 7


async def test_waiting_for_what_does_not_come_ends(make: Make) -> None:
    keeper, _, _ = make()
    assert not await keeper.until(lambda life: life.alive, 0.05)


async def test_nobody_is_adopted_while_a_process_is_just_being_made(make: Make) -> None:
    """It may have been looked for before the making began: there would be two."""
    keeper, spawner, _ = make()
    spawner.pause_s = 0.3
    keeper.tell(lc.StartAsked())
    with subprocess.Popen([sys.executable, "-c", SLEEPER]) as stranger:  # noqa: ASYNC220 - it is over in a moment
        found = WatchedProcess(stranger.pid)
        keeper.adopt(found)
        assert found.fileno() == -1
        await keeper.spawned()
        assert keeper.process is not None
        assert keeper.process.pid != stranger.pid
        stranger.kill()


async def test_one_that_is_not_on_the_line_is_stopped_by_a_signal(make: Make) -> None:
    keeper, _, _ = make()
    keeper.tell(lc.StartAsked())
    await keeper.spawned()
    keeper.tell(lc.StopAsked())
    life = await reaches(keeper, State.STOPPED)
    assert life.exit_code == -signal.SIGTERM
