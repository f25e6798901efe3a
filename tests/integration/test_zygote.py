"""The fork server with real instances: nothing is left to import, keys stay sealed, lives end as they should."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from investbot.bootstrap.home import Home, InstanceHome
from investbot.supervisor.processes import WatchedProcess, lock_holder
from investbot.supervisor.spawn import PlainSpawner
from investbot.supervisor.zygote_spawner import ForkServerSpawner
from tests.integration.instance_homes import (
    KEY,
    ending,
    is_ready,
    log_lines,
    make_home,
    replaying,
    wait_for,
    write_candles,
)

LOOK = """
import json, sys
from pathlib import Path
from investbot.bootstrap.process import harden
from investbot.bootstrap.zygote import nursery, read_in
harden()
home, name = Path(sys.argv[1]), sys.argv[2]
read_in()
nursery(home).prepare(name)
before = set(sys.modules)
from investbot.bootstrap.instance import run_foreground
ending = run_foreground(home, name, bytes(range(32)), isolated=True)
late = sorted(name for name in set(sys.modules) - before if name.startswith("investbot"))
print(json.dumps([ending.exit_code, ending.message, late]))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_home(tmp_path_factory.mktemp("zygote") / "home")


@pytest.fixture(scope="module")
def spawner(home: Home) -> Iterator[ForkServerSpawner]:
    made = ForkServerSpawner(home.path, PlainSpawner(home.path, ("-c", "raise SystemExit(9)")))
    yield made
    made.close()


def instance(home: Home, name: str, candles: int = 300, speed: float = 0) -> InstanceHome:
    shutil.rmtree(home.instance(name).path, ignore_errors=True)
    file = write_candles(home.path / f"{name}.csv", candles)
    return replaying(home, name, file, speed=speed)


def end_of(process: WatchedProcess) -> int | None:
    assert select.select([process.fileno()], [], [], 60)[0]
    code = process.reap()
    process.close()
    return code


def start(spawner: ForkServerSpawner, name: str) -> WatchedProcess:
    process = spawner.spawn(name, KEY)
    assert isinstance(process, WatchedProcess)
    return process


def test_an_instance_works_its_candles_off_and_ends(home: Home, spawner: ForkServerSpawner) -> None:
    alpha = instance(home, "alpha")
    process = start(spawner, "alpha")
    assert end_of(process) == 0
    assert ending(alpha)["pid"] == process.pid
    (started, *_) = (line for line in log_lines(alpha) if line["event"] == "started")
    assert started["pid"] == process.pid
    assert (home.run.path / "alpha.err").read_text() == ""


def test_a_wrong_key_is_the_operators_and_the_fork_server_goes_on(home: Home, spawner: ForkServerSpawner) -> None:
    instance(home, "alpha")
    process = spawner.spawn("alpha", bytes(32))
    assert isinstance(process, WatchedProcess)
    assert end_of(process) == 74
    server = spawner.pid
    assert end_of(start(spawner, "alpha")) == 0
    assert spawner.pid == server


@pytest.mark.scenarios
def test_two_of_one_name_never_run_at_once(home: Home, spawner: ForkServerSpawner) -> None:
    alpha = instance(home, "alpha", candles=5000, speed=5)
    first = start(spawner, "alpha")
    wait_for(lambda: is_ready(alpha))
    assert end_of(start(spawner, "alpha")) == 75
    assert lock_holder(alpha.lock) == first.pid
    first.send(signal.SIGTERM)
    assert end_of(first) == 0


@pytest.mark.scenarios
def test_instances_trade_on_without_their_fork_server(home: Home, spawner: ForkServerSpawner) -> None:
    folders = [instance(home, name, candles=5000, speed=5) for name in ("alpha", "beta")]
    first = start(spawner, "alpha")
    wait_for(lambda: is_ready(folders[0]))
    server = spawner.pid
    assert server is not None
    os.kill(server, signal.SIGKILL)
    second = start(spawner, "beta")
    wait_for(lambda: is_ready(folders[1]))
    assert spawner.pid not in {None, server}
    for process in (first, second):
        assert not select.select([process.fileno()], [], [], 0)[0]
        process.send(signal.SIGTERM)
        assert end_of(process) == 0


def test_instances_share_most_of_their_memory_and_nobody_looks_into_it(home: Home, spawner: ForkServerSpawner) -> None:
    alpha = instance(home, "alpha", candles=5000, speed=5)
    process = start(spawner, "alpha")
    wait_for(lambda: is_ready(alpha))
    status = Path(f"/proc/{process.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    assert line.rstrip(b"\0").split(b"\0")[1:] == [
        *(b"-m", b"investbot.bootstrap.instance", b"--home"),
        *(str(home.path).encode(), b"--name", b"alpha"),
    ]
    assert KEY.hex().encode() not in line
    listed = Path(f"/proc/{process.pid}/fd").iterdir() if os.geteuid() == 0 else ()  # others see none of it
    opened = {str(each.readlink()) for each in listed}
    assert not any("memfd" in each for each in opened)  # the key's file is closed once it was read
    process.send(signal.SIGKILL)
    assert end_of(process) == -signal.SIGKILL


def test_the_fork_server_has_read_in_all_that_an_instance_needs(home: Home) -> None:
    instance(home, "alpha")
    done = subprocess.run(
        [sys.executable, "-P", "-c", LOOK, str(home.path), "alpha"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    code, message, late = json.loads(done.stdout)
    assert (code, late) == (0, []), message


def test_settings_it_cannot_read_are_the_instances_to_tell(home: Home, spawner: ForkServerSpawner) -> None:
    alpha = instance(home, "alpha")
    whole = alpha.settings.read_text()
    server = spawner.pid
    for text in ("", "[venue]\nname = 3", '[venue]\nname = "no_such_exchange"', "\0"):
        alpha.settings.write_text(text)
        assert end_of(start(spawner, "alpha")) == 78, text
    alpha.settings.write_text(whole)
    assert end_of(start(spawner, "alpha")) == 0
    assert spawner.pid == server is not None
