"""Companions as real processes: ready on their pipe, kept alive by its lines, started anew, ended in the end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from investbot.domain.states import InstanceState as State
from investbot.supervisor import lifecycle as lc
from investbot.supervisor.companions import Companion, CompanionKeeper, Companions
from investbot.supervisor.process_keeper import Bench
from investbot.supervisor.processes import WatchedProcess, lock_holder

PATIENCE = lc.Patience(stop_s=1.0, abort_s=0.5, start_s=20.0, heartbeat_s=30.0)
POLICY = lc.RestartPolicy(backoff_s=0.05, max_s=0.1, limit=3, window_s=60)
SOURCE = """
import argparse, fcntl, os, signal, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("--home")
parser.add_argument("--ready-fd", type=int)
given = parser.parse_args()
lock = os.open(os.path.join(given.home, "run", "feed.lock"), os.O_RDWR | os.O_CREAT, 0o600)
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit(75)
BEHAVIOUR
"""
BEATS = "while True: os.write(given.ready_fd, b'x\\n'); time.sleep(0.05)"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


@asynccontextmanager
async def keeping(home: Path, behaviour: str, **more: Any) -> AsyncIterator[tuple[Companions, CompanionKeeper]]:
    (home / "feed.py").write_text(SOURCE.replace("BEHAVIOUR", behaviour))
    bench = Bench(home, time.monotonic, lambda: None, lambda name, life: None, PATIENCE, lambda: 0.5)
    companion = Companion("feed", (str(home / "feed.py"),), POLICY, **more)
    companions = Companions([companion], bench)
    companions.open()
    try:
        yield companions, companions.keepers[0]
    finally:
        await companions.close()


async def reaches(keeper: CompanionKeeper, done: Callable[[lc.Life], bool]) -> lc.Life:
    assert await keeper.until(done, 60), keeper.life
    return keeper.life


async def test_it_is_ready_when_it_says_so_and_gone_when_all_is_over(home: Path) -> None:
    async with keeping(home, BEATS) as (companions, keeper):
        await companions.ready()
        assert keeper.life.state is State.RUNNING
        (row,) = companions.rows()
        assert (row["name"], row["state"], row["restarts"], row["error"]) == ("feed", "RUNNING", 0, None)
        assert row["pid"] == lock_holder(home / "run" / "feed.lock")
        process = WatchedProcess(row["pid"])
    assert process.wait(0)
    process.close()
    assert companions.rows()[0]["state"] == "STOPPED"


async def test_a_killed_one_is_started_anew(home: Path) -> None:
    async with keeping(home, BEATS) as (companions, keeper):
        await companions.ready()
        first = companions.rows()[0]["pid"]
        os.kill(first, signal.SIGKILL)
        await reaches(keeper, lambda life: life.restarts == 1 and life.state is State.RUNNING)
        assert companions.rows()[0]["pid"] != first


async def test_one_that_fails_again_and_again_is_parked_and_nobody_waits_for_it(home: Path) -> None:
    async with keeping(home, "print('no candles', file=sys.stderr); sys.exit(70)") as (companions, keeper):
        await companions.ready()
        life = await reaches(keeper, lambda life: life.state is State.FATAL)
        assert "no candles" in (life.error or "")
    assert keeper.life.state is State.STOPPED


async def test_silence_on_the_pipe_ends_it(home: Path) -> None:
    behaviour = "os.write(given.ready_fd, b'x'); time.sleep(600)"
    async with keeping(home, behaviour, heartbeat_s=1.0) as (_, keeper):
        life = await reaches(keeper, lambda life: life.restarts == 1)
        assert keeper.life.failures
        assert life.attempts == 1


async def test_a_line_in_time_counts_as_life(home: Path) -> None:
    async with keeping(home, BEATS, heartbeat_s=1.5) as (companions, keeper):
        await companions.ready()
        await asyncio.sleep(2.5)
        assert (keeper.life.state, keeper.life.restarts) == (State.RUNNING, 0)


async def test_a_closed_pipe_is_no_end_of_it(home: Path) -> None:
    behaviour = "os.write(given.ready_fd, b'x'); os.close(given.ready_fd); time.sleep(600)"
    async with keeping(home, behaviour) as (companions, keeper):
        await companions.ready()
        await asyncio.sleep(0.3)
        assert keeper.life.state is State.RUNNING


async def test_one_that_is_never_ready_is_waited_for_only_so_long(home: Path) -> None:
    async with keeping(home, "time.sleep(600)", ready_s=0.3) as (companions, keeper):
        await companions.ready()
        assert keeper.life.state is State.STARTING


async def test_one_that_a_dead_supervisor_left_is_ended_first(home: Path) -> None:
    (home / "left.py").write_text(SOURCE.replace("BEHAVIOUR", "signal.signal(15, signal.SIG_IGN); time.sleep(600)"))
    left = await asyncio.create_subprocess_exec(sys.executable, str(home / "left.py"), "--home", str(home))
    async with asyncio.timeout(60):
        while lock_holder(home / "run" / "feed.lock") != left.pid:  # noqa: ASYNC110 - another process takes it
            await asyncio.sleep(0.02)
    async with keeping(home, BEATS) as (companions, keeper):
        await companions.ready()
        assert await left.wait() == -signal.SIGKILL
        assert keeper.life.state is State.RUNNING


async def test_no_room_for_a_process_is_tried_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("investbot.supervisor.companions.sys.executable", str(home / "nothing"))
    async with keeping(home, BEATS) as (companions, keeper):
        await companions.ready()
        life = await reaches(keeper, lambda life: life.restarts >= POLICY.limit)
        assert life.failures == ()
        assert "could not be made" in (keeper.life.error or life.error or "could not be made")
        monkeypatch.undo()
        await reaches(keeper, lambda life: life.state is State.RUNNING)


async def test_one_that_is_not_always_wanted_is_started_once_it_is(home: Path) -> None:
    wanted: list[int] = []
    async with keeping(home, BEATS, wanted=lambda: bool(wanted)) as (companions, keeper):
        await companions.ready()
        assert keeper.life.state is State.STOPPED
        wanted.append(1)
        await asyncio.gather(*(companions.ready() for _ in range(5)))
        assert (keeper.life.state, keeper.life.restarts) == (State.RUNNING, 0)


async def test_one_that_is_wanted_from_the_beginning_needs_no_instance(home: Path) -> None:
    async with keeping(home, BEATS, wanted=lambda: True) as (_, keeper):
        await reaches(keeper, lambda life: life.state is State.RUNNING)


async def test_without_companions_nothing_is_waited_for(home: Path) -> None:
    bench = Bench(home, time.monotonic, lambda: None, lambda name, life: None)
    companions = Companions([], bench)
    await companions.ready()
    await companions.close()
    assert companions.rows() == []
