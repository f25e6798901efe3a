"""The fork server and whoever asks it, on real processes."""

from __future__ import annotations

import array
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from investbot.control.identity import start_time
from investbot.domain.errors import InvariantError, TryAgain
from investbot.supervisor.processes import Process, WatchedProcess
from investbot.supervisor.spawn import PlainSpawner, last_words, sealed
from investbot.supervisor.zygote import demand_clean, open_descriptors
from investbot.supervisor.zygote_spawner import ForkServerSpawner, make_spawner

KEY = b"k" * 32
PROGRAM = """
import argparse, errno, fcntl, json, os, random, signal, socket, sys, threading
from pathlib import Path
from investbot.supervisor.zygote import Nursery, serve

parser = argparse.ArgumentParser()
parser.add_argument("--home", type=Path); parser.add_argument("--control", type=int); parser.add_argument("--room")
given = parser.parse_args()
home, behave = given.home, set((given.home / "behave").read_text().split())
(home / "servers").open("a").write(f"{os.getpid()}\\n")
if "numpy" in behave:
    import numpy.random
if "thread" in behave:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
if "file" in behave:
    held = open(given.home / "behave")
fork = os.fork

def refuse():
    if (home / "full").exists() or (os.getpid() != server and (home / "tight").exists()):
        raise OSError(errno.EAGAIN, "full")
    return fork()

os.fork = refuse
server = os.getpid()

def prepare(name):
    if name == "deadly" and len((home / "servers").read_text().split()) == 1:
        os._exit(3)

def live(name, key):
    if name == "raises":
        raise ValueError("no idea")
    if name == "sleeps":
        signal.pause()
    seals = fcntl.fcntl(key, fcntl.F_GET_SEALS)
    look = {"key": os.read(key, 99).decode(), "seals": seals, "sid": os.getsid(0), "pid": os.getpid(),
        "ppid": os.getppid(), "cwd": os.getcwd(), "env": dict(os.environ), "chance": random.random(), "argv": sys.argv,
        "comm": Path("/proc/self/comm").read_text().strip(), "threads": len(os.listdir("/proc/self/task")),
        "umask": os.umask(0), "line": Path("/proc/self/cmdline").read_bytes().rstrip(b"\\0").decode().split("\\0"),
        "numpy": sys.modules["numpy.random"].random() if "numpy" in behave else None,
        "fds": sorted(fd for fd in range(30) if Path(f"/proc/self/fd/{fd}").exists()), "in": os.read(0, 9).decode()}
    (home / f"{name}.{look['pid']}.json").write_text(json.dumps(look))
    print("spoken", file=sys.stderr)
    return 7

with socket.socket(fileno=given.control) as control:
    serve(control, Nursery(prepare, live, lambda name: ["python", "-m", "investbot.x", "--home", str(home), name]))
"""
PLAIN = "raise SystemExit(9)"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "plain.py").write_text(PLAIN)
    (tmp_path / "behave").write_text("")
    return tmp_path


Make = Callable[..., ForkServerSpawner]


@pytest.fixture
def make(home: Path) -> Iterator[Make]:
    made: list[ForkServerSpawner] = []

    def one(*behave: str, **options: Any) -> ForkServerSpawner:
        (home / "behave").write_text(" ".join(behave))
        plain = PlainSpawner(home, (str(home / "plain.py"),))
        made.append(ForkServerSpawner(home, plain, (str(home / "program.py"),), **options))
        return made[-1]

    yield one
    for spawner in made:
        spawner.close()


def ended(process: Process) -> int | None:
    """Wait for the end of a child and give its exit code."""
    assert isinstance(process, WatchedProcess)
    assert select.select([process.fileno()], [], [], 30)[0]
    code = process.reap()
    process.close()
    return code


def look(home: Path, process: Process) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / f"alpha.{process.pid}.json").read_text())
    return found


def test_a_child_is_the_spawners_own_and_shares_nothing_it_should_not(
    home: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_SECRET", "x")
    open_before = open_descriptors()
    spawner = make()
    process = spawner.spawn("alpha", KEY)
    began = process.start_time
    assert began == start_time(process.pid)
    assert ended(process) == 7
    seen = look(home, process)
    assert seen["key"] == KEY.decode()
    assert seen["seals"] == 0b1111
    assert (seen["pid"], seen["sid"], seen["ppid"]) == (process.pid, process.pid, os.getpid())
    assert seen["cwd"] == str(home)
    assert "API_SECRET" not in seen["env"]
    assert seen["comm"] == "ib:alpha"
    assert seen["line"] == ["python", "-m", "investbot.x", "--home", str(home), "alpha"]
    assert seen["argv"] == ["python", "--home", str(home), "alpha"]
    assert (seen["threads"], seen["umask"], seen["in"]) == (1, 0o077, "")
    assert len(seen["fds"]) == 4  # nothing but the standard ones and the key
    assert last_words(home, "alpha") == "spoken"
    assert (home / "run" / "alpha.err").stat().st_mode & 0o777 == 0o600
    spawner.close()
    assert spawner.pid is None
    assert open_descriptors() == open_before


def test_children_have_chances_of_their_own(home: Path, make: Make) -> None:
    spawner = make("numpy")
    seen = []
    for _ in range(2):
        process = spawner.spawn("alpha", KEY)
        assert ended(process) == 7
        seen.append(look(home, process))
    assert seen[0]["chance"] != seen[1]["chance"]
    assert seen[0]["numpy"] != seen[1]["numpy"]


def test_what_a_child_raises_is_its_last_word(home: Path, make: Make) -> None:
    spawner = make()
    assert ended(spawner.spawn("raises", KEY)) == InvariantError.exit_code
    assert last_words(home, "raises") == "ValueError: no idea"
    assert ended(spawner.spawn("alpha", KEY)) == 7


def test_instances_outlive_a_killed_fork_server_and_a_new_one_takes_over(
    home: Path, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    spawner = make()
    spawner.begin()
    asleep = spawner.spawn("sleeps", KEY)
    first = spawner.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert ended(spawner.spawn("alpha", KEY)) == 7
    assert spawner.pid not in {None, first}
    assert not Path(f"/proc/{first}").exists()  # buried
    assert [record.message for record in caplog.records] == ["fork_server_lost"]
    assert not select.select([asleep.fileno()], [], [], 0)[0]
    asleep.send(signal.SIGTERM)
    assert ended(asleep) == -signal.SIGTERM


def test_a_fork_server_that_dies_over_a_request_is_asked_anew(home: Path, make: Make) -> None:
    spawner = make()
    process = spawner.spawn("deadly", KEY)
    assert ended(process) == 7
    assert len((home / "servers").read_text().split()) == 2


def test_a_fork_server_that_hangs_is_replaced(home: Path, make: Make) -> None:
    spawner = make(answer_s=3.0)
    assert ended(spawner.spawn("alpha", KEY)) == 7
    first = spawner.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    assert ended(spawner.spawn("alpha", KEY)) == 7
    assert spawner.pid != first


@pytest.mark.parametrize("trouble", ["thread", "file"])
def test_a_fork_server_that_is_not_clean_ends_and_instances_are_made_plainly(
    home: Path, make: Make, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    spawner = make(trouble)
    assert ended(spawner.spawn("alpha", KEY)) == 9
    told = [record.message for record in caplog.records]
    assert told == ["fork_server_lost", "fork_server_lost", "fork_server_missing"]
    assert "InvariantError" in str(vars(caplog.records[-1])["fields"]["its_words"])
    servers = (home / "servers").read_text()
    assert ended(spawner.spawn("alpha", KEY)) == 9
    assert (home / "servers").read_text() == servers  # it is left alone for a while


def test_no_room_for_a_child_is_try_again_and_the_fork_server_stays(home: Path, make: Make) -> None:
    spawner = make()
    spawner.begin()
    server = spawner.pid
    (home / "full").touch()
    with pytest.raises(TryAgain, match=r"The process of alpha could not be made \(Resource temporarily unavailable\)"):
        spawner.spawn("alpha", KEY)
    (home / "full").unlink()
    assert ended(spawner.spawn("alpha", KEY)) == 7
    assert spawner.pid == server


def test_no_room_for_the_second_fork_is_try_again(home: Path, make: Make) -> None:
    spawner = make()
    (home / "tight").touch()
    with pytest.raises(TryAgain, match="Resource temporarily unavailable"):
        spawner.spawn("alpha", KEY)
    (home / "tight").unlink()
    assert ended(spawner.spawn("alpha", KEY)) == 7


def test_a_disk_that_takes_no_words_is_try_again(home: Path, make: Make) -> None:
    spawner = make()
    (home / "run" / "alpha.err").mkdir()
    with pytest.raises(TryAgain, match="could not be made"):
        spawner.spawn("alpha", KEY)


def test_a_child_whose_pid_nobody_learnt_ends_unseen(home: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, str(home / "program.py"), "--home", str(home), "--control", str(theirs.fileno())]
    reading, writing = os.pipe()
    words = os.open(home / "words", os.O_WRONLY | os.O_CREAT)
    key = sealed(KEY)
    with subprocess.Popen(command, pass_fds=(theirs.fileno(),)) as server, ours:
        theirs.close()
        assert json.loads(ours.recv(100)) == {"ready": server.pid}
        socket.send_fds(ours, [b'{"name": "alpha"}'], [key, words, reading])
        pid = json.loads(ours.recv(100))["pid"]
        assert Path(f"/proc/{pid}").exists()
        os.close(writing)
    for descriptor in (reading, words, key):
        os.close(descriptor)
    assert server.returncode == 0
    with_child = os.pidfd_open(pid) if Path(f"/proc/{pid}").exists() else None
    if with_child is not None:
        assert select.select([with_child], [], [], 30)[0]
        os.close(with_child)
    assert list(home.glob("alpha.*")) == []


def test_a_request_without_its_descriptors_ends_the_fork_server(home: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, str(home / "program.py"), "--home", str(home), "--control", str(theirs.fileno())]
    with subprocess.Popen(command, pass_fds=(theirs.fileno(),), stderr=subprocess.DEVNULL) as server, ours:
        theirs.close()
        ours.recv(100)
        ours.sendmsg([b'{"name": "alpha"}'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))])
        assert ours.recv(100) == b""
    assert server.returncode == 1


def test_a_process_with_threads_is_not_copied() -> None:
    ours, theirs = socket.socketpair()
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    with ours, theirs, pytest.raises(InvariantError, match="threads"):
        demand_clean(ours)
    over.set()
    thread.join()


def test_a_sealed_key_cannot_be_changed() -> None:
    descriptor = sealed(KEY)
    with pytest.raises(PermissionError):
        os.write(descriptor, b"x")
    with pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)
    os.close(descriptor)


def test_where_fork_is_not_wanted_each_instance_is_a_fresh_interpreter(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(make_spawner(home, fork=False), PlainSpawner)
    monkeypatch.setattr(sys, "platform", "darwin")
    spawner = make_spawner(home)
    assert isinstance(spawner, PlainSpawner)
    spawner.close()
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
