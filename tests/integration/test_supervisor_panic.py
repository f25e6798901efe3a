"""Panic with nobody in charge: deaf, hung and busy instances end, and everything is sold once."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from investbot.bootstrap.panic import panic
from investbot.control.server import HomeLock
from investbot.domain import events as e
from investbot.domain.order import Role
from investbot.supervisor.journal import Journal, Remembered
from scripts.chaos_run.fleet import KEY
from tests.integration.instance_homes import make_home, make_instance
from tests.integration.live_exchange import ONCE, Stage, staged, wait_for

DEAF = """
import fcntl, os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(float(sys.argv[2]))
lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
print(1, flush=True)
time.sleep(600)
"""


@contextmanager
def holding(lock: Path, after_s: float = 0.0) -> Iterator[subprocess.Popen[bytes]]:
    """A process that takes a lock and does not hear SIGTERM."""
    command = [sys.executable, "-c", DEAF, str(lock), str(after_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        if not after_s:
            assert process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def sold(stage: Stage, name: str) -> None:
    """See that an instance has nothing left at the exchange, that its ledger knows, and that nothing was sold twice."""
    stage.settles()
    assert not stage.orders(name, status="NEW")
    placed = [event.order.role for event in stage.events(name, e.OrderPlaced)]
    assert placed.count(Role.ENTRY) == placed.count(Role.FLATTEN) == 1
    assert stage.entered(name) == len(stage.events(name, e.PositionClosed)) == 1


@pytest.mark.scenarios
@pytest.mark.timeout(240)
def test_panic_ends_what_is_busy_hung_and_deaf_and_sells_once(tmp_path: Path) -> None:
    with staged(tmp_path / "fleet") as stage:
        for name, key in (("alpha", "main"), ("beta", "second")):
            stage.add(name, key, *ONCE)
        gamma = make_instance(stage.fleet.home, "gamma", "venue.name=synthetic")
        hung = stage.start("beta")
        wait_for(lambda: stage.is_protected("beta"), what="protection")
        stage.fault("POST order", "delay", when="after", seconds=2.0, count=1)
        busy = stage.start("alpha")
        wait_for(lambda: stage.orders("alpha", side="BUY"), what="an order on its way")
        hung.process.send_signal(signal.SIGSTOP)
        supervisor = stage.fleet.home.run.path / "supervisor.lock"
        supervisor.parent.mkdir(exist_ok=True)
        with holding(supervisor) as dead, holding(gamma.lock) as deaf:
            lines = panic(stage.fleet.home, lambda _: KEY, "test", patience_s=8.0)
            assert [(line["name"], line["ok"], line["open_positions"]) for line in lines] == [
                ("alpha", True, 0),
                ("beta", True, 0),
                ("gamma", True, 0),
            ]
            assert [process.wait(60) for process in (dead, deaf)] == [-signal.SIGKILL] * 2
        assert busy.process.wait(60) == 0  # the order in flight arrived before it went
        assert hung.process.wait(60) == -signal.SIGKILL
        for name in ("alpha", "beta"):
            sold(stage, name)


def test_panic_finds_a_process_that_takes_its_lock_late(tmp_path: Path) -> None:
    home = make_home(tmp_path / "fleet")
    folder = make_instance(home, "alpha", "venue.name=synthetic")
    journal = Journal(home.run.journal)
    journal.write({"alpha": Remembered(state="RUNNING", wanted=True, restore=True, pid=1, start_time=1)})
    rounds: list[int] = []
    with holding(folder.lock, after_s=2.0) as late:

        def key(_: str) -> bytes:
            rounds.append(1)
            if len(rounds) == 1:
                assert late.stdout is not None
                assert late.stdout.readline()
            return KEY

        (line,) = panic(home, key, "test", patience_s=0.2)
        assert line["ok"], line
        assert late.wait(60) == -signal.SIGKILL
    assert len(rounds) == 2
    HomeLock(home.path).close()
    assert journal.read()["alpha"] == Remembered()  # no later supervisor starts it by itself
