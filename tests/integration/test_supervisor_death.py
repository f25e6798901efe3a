"""A supervisor is killed, doubled, lied to and sent junk; no instance ever runs twice."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from investbot.control import codec
from investbot.control.address import socket_path
from investbot.control.client import ControlClient, supervisor_answers
from investbot.control.identity import start_time
from investbot.control.server import HomeLock
from investbot.domain.errors import AlreadyExists, SupervisorDown
from investbot.supervisor.journal import boot
from tests.integration import supervision
from tests.integration.supervision import (
    CHILD,
    alive,
    eventually,
    make_home,
    make_instance,
    pids,
    state,
    supervising,
    until,
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path / "home")


@contextmanager
def daemon(home: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A supervisor in a process of its own; at the end it is told to go down if it is still there."""
    code = "import asyncio, sys; from pathlib import Path; from tests.integration.supervision import serve;"
    code += "asyncio.run(serve(Path(sys.argv[1]), restore='--restore' in sys.argv))"
    repository = Path(supervision.__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", code, str(home), *options], cwd=repository) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


async def ready(home: Path) -> None:
    await eventually(lambda: supervisor_answers(home))


def ask(home: Path, verb: str, **args: Any) -> Any:
    with ControlClient(home, timeout_s=60) as client:
        return client.call(verb, **args)


def row_of(home: Path, name: str) -> dict[str, Any]:
    (row,) = ask(home, "status", names=[name])
    assert isinstance(row, dict)
    return row


@pytest.mark.scenarios
async def test_instances_outlive_a_killed_supervisor_and_are_found_again(home: Path) -> None:
    make_instance(home, "alpha")
    make_instance(home, "beta")
    with daemon(home) as process:
        await ready(home)
        assert all(line["ok"] for line in ask(home, "start", names=["alpha", "beta"]))
        process.kill()
        process.wait()
    (alpha,), (beta,) = pids(home, "alpha"), pids(home, "beta")
    assert alive(alpha)
    os.kill(beta, signal.SIGKILL)
    assert socket_path(home).exists()
    with pytest.raises(SupervisorDown):
        ask(home, "ping")
    with daemon(home):
        await ready(home)
        await eventually(lambda: row_of(home, "alpha")["heartbeat_age_s"] is not None)
        row = row_of(home, "alpha")
        assert (row["state"], row["pid"]) == ("RUNNING", alpha)
        await eventually(lambda: row_of(home, "beta")["state"] == "RUNNING" and len(pids(home, "beta")) == 2)
        assert pids(home, "alpha") == [alpha]
        (line,) = ask(home, "stop", names=["alpha"])
        assert line["ok"]
        assert not alive(alpha)
    assert not (home / "instances" / "alpha" / "duplicates").exists()


async def test_an_adopted_instance_that_dies_is_started_anew(home: Path) -> None:
    make_instance(home, "alpha")
    with daemon(home) as process:
        await ready(home)
        ask(home, "start", names=["alpha"])
        process.kill()
        process.wait()
    with daemon(home):
        await ready(home)
        os.kill(pids(home, "alpha")[0], signal.SIGKILL)
        await eventually(lambda: len(pids(home, "alpha")) == 2)
        await eventually(lambda: row_of(home, "alpha")["state"] == "RUNNING")


@pytest.mark.scenarios
async def test_a_restart_that_a_killed_supervisor_began_is_done_by_the_next(home: Path) -> None:
    make_instance(home, "alpha", {"deaf": True})
    with daemon(home) as process:
        await ready(home)
        ask(home, "start", names=["alpha"])
        asking = asyncio.create_task(asyncio.to_thread(ask, home, "restart", names=["alpha"]))
        await eventually(lambda: row_of(home, "alpha")["state"] == "STOPPING")
        await eventually(lambda: told(home, b"STOPPING"))
        process.kill()
        process.wait()
        with pytest.raises(SupervisorDown):
            await asking
    with daemon(home):
        await ready(home)
        await eventually(lambda: row_of(home, "alpha")["state"] == "RUNNING" and len(pids(home, "alpha")) == 2)
        assert not alive(pids(home, "alpha")[0])


@pytest.mark.scenarios
async def test_how_an_instance_ended_while_nobody_watched_counts(home: Path) -> None:
    """Work that is done is done, what an operator must cure is parked, a crash is a failure, a kill is started anew."""
    make_instance(home, "alpha", {"exit": 0, "on_word": True})
    make_instance(home, "beta", {"exit": 78, "on_word": True, "message": "Edit it."})
    make_instance(home, "gamma", {"exit": 70, "on_word": True, "times": 1, "message": "Broken."})
    make_instance(home, "delta")
    make_instance(home, "epsilon")
    names = ["alpha", "beta", "gamma", "delta", "epsilon"]
    with daemon(home) as process:
        await ready(home)
        ask(home, "start", names=names)
        process.kill()
        process.wait()
    for name in names:
        (home / "instances" / name / "go").touch()
    os.kill(pids(home, "delta")[0], signal.SIGKILL)
    os.kill(pids(home, "epsilon")[0], signal.SIGTERM)
    await eventually(lambda: not any(alive(pids(home, name)[0]) for name in names))
    with daemon(home):
        await ready(home)
        for name, state, starts, failures in (
            ("alpha", "EXITED", 1, 0),
            ("beta", "FATAL", 1, 0),
            ("gamma", "RUNNING", 2, 1),
            ("delta", "RUNNING", 2, 0),
            ("epsilon", "RUNNING", 2, 0),
        ):
            row = await eventually(partial(row_in, home, name, state))
            assert (len(pids(home, name)), row["restarts"]) == (starts, starts - 1), name
            await eventually(partial(has_failed, home, name, failures))
        assert row_of(home, "beta")["error"] == "Edit it."


def told(home: Path, pattern: bytes) -> bool:
    """Tell whether the supervisor has written down what it knows like this."""
    path = home / "run" / "supervisor.json"
    return path.exists() and re.search(pattern, path.read_bytes()) is not None


def has_failed(home: Path, name: str, times: int) -> bool:
    """Tell whether the supervisor remembers so many failures, once it has written what it knows."""
    kept = json.loads((home / "run" / "supervisor.json").read_text())["instances"][name]
    return kept["state"] != "STARTING" and len(kept["failure_ages_s"]) == times


def row_in(home: Path, name: str, state: str) -> dict[str, Any] | None:
    row = row_of(home, name)
    return row if row["state"] == state else None


@pytest.mark.scenarios
async def test_what_was_stopped_by_hand_stays_stopped_when_the_supervisor_is_killed(home: Path) -> None:
    make_instance(home, "alpha")
    with daemon(home) as process:
        await ready(home)
        ask(home, "start", names=["alpha"])
        ask(home, "stop", names=["alpha"])
        process.kill()
        process.wait()
    with daemon(home, "--restore"):
        await ready(home)
        await asyncio.sleep(0.5)
        assert row_of(home, "alpha")["state"] == "STOPPED"
        assert len(pids(home, "alpha")) == 1


@pytest.mark.scenarios
async def test_the_count_of_failures_survives_a_killed_supervisor(home: Path) -> None:
    make_instance(home, "alpha", {"exit": 70, "silent": True}, restart={"backoff_s": 1.0, "max_s": 1.0, "limit": 3})
    with daemon(home) as process:
        await ready(home)
        (line,) = ask(home, "start", names=["alpha"])
        assert line["state"] == "BACKOFF"
        await eventually(lambda: told(home, rb'"attempts": 1'))
        process.kill()
        process.wait()
    with daemon(home):
        await ready(home)
        await eventually(lambda: row_of(home, "alpha")["state"] == "FATAL")
        assert len(pids(home, "alpha")) == 3


@pytest.mark.scenarios
async def test_a_second_supervisor_is_refused_and_a_stale_socket_is_not_in_the_way(home: Path) -> None:
    lock = HomeLock(home)
    with pytest.raises(AlreadyExists, match="already"):
        HomeLock(home)
    lock.close()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(socket_path(home)))
    assert not supervisor_answers(home)
    async with supervising(home) as (_, call):
        assert (await call("ping"))["pid"] == os.getpid()


@pytest.mark.parametrize("junk", [b"\x00\xff\n", b"[1]\n", b'{"id":1}\n', b'{"id":1,"verb":"ping","more":1}\n'])
async def test_junk_gets_one_clear_error_and_is_written_down(home: Path, junk: bytes) -> None:
    async with supervising(home) as (_, call):
        reader, writer = await asyncio.open_unix_connection(socket_path(home))
        writer.write(junk)
        answer = codec.decode(await reader.readline())
        assert answer["ok"] is False
        assert answer["exit_code"] in {64, 65}
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        assert (await call("ping"))["pid"] == os.getpid()
    assert '"verb": "junk"' in (home / "run" / "audit.jsonl").read_text()


async def test_an_endless_line_is_cut_off(home: Path) -> None:
    async with supervising(home) as (_, call):
        reader, writer = await asyncio.open_unix_connection(socket_path(home))
        writer.write(b"x" * (codec.MAX_LINE + 10))
        answer = codec.decode(await reader.readline())
        assert "longer than" in answer["message"]
        writer.close()
        assert (await call("ping"))["pid"] == os.getpid()


async def test_another_user_is_turned_away(home: Path) -> None:
    lines: list[dict[str, Any]] = []
    ready = asyncio.Event()
    supervisor = supervision.make_supervisor(home, owner_uid=os.getuid() + 1)
    running = asyncio.create_task(supervisor.run(ready.set))
    await ready.wait()
    reader, writer = await asyncio.open_unix_connection(socket_path(home))
    lines.append(codec.decode(await reader.readline()))
    writer.close()
    assert lines[0]["exit_code"] == 77
    await supervisor.go_down()
    await running


async def say_hello(home: Path, hello: dict[str, Any]) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(socket_path(home))
    writer.write(codec.encode({"hello": hello}))
    answer = codec.decode(await asyncio.wait_for(reader.readline(), 60))
    writer.close()
    return answer


@pytest.mark.scenarios
async def test_impostors_are_turned_away(home: Path) -> None:
    make_instance(home, "alpha")
    make_instance(home, "beta")
    own = {"pid": os.getpid(), "start_time": start_time()}
    async with supervising(home) as (_, call):
        await call("start", names=["alpha"])
        child = pids(home, "alpha")[0]
        others = {"name": "alpha", "pid": child, "start_time": start_time(child)}
        assert "is another process" in (await say_hello(home, others))["message"]
        assert "is another process" in (await say_hello(home, others | {"start_time": own["start_time"]}))["message"]
        assert "which is process" in (await say_hello(home, {"name": "alpha", **own}))["message"]
        assert "does not hold its lock" in (await say_hello(home, {"name": "beta", **own}))["message"]
        assert (await say_hello(home, {"name": "nobody", **own}))["exit_code"] == 66
        assert (await say_hello(home, {"name": "alpha", **own, "start_time": 1}))["exit_code"] == 77
        assert (await state(call, "alpha"))["state"] == "RUNNING"
        assert (await state(call, "beta"))["state"] == "STOPPED"


@pytest.mark.scenarios
async def test_whom_the_kernel_does_not_name_as_holder_is_not_believed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock is held, and nobody tells by whom: it could be another one's."""
    folder = make_instance(home, "alpha")
    (tmp_path / "locks").touch()
    monkeypatch.setattr("investbot.supervisor.processes._LOCKS", tmp_path / "locks")
    monkeypatch.setattr("investbot.supervisor.fleet.CALL_S", 0.3)
    command = [sys.executable, str(CHILD), "--home", str(home), "--name", "alpha"]
    with subprocess.Popen(command) as by_hand:  # noqa: ASYNC220 - it is over in a moment
        await eventually(lambda: pids(home, "alpha"))
        async with supervising(home) as (_, call):
            await eventually(lambda: "does not hold its lock" in (home / "run" / "audit.jsonl").read_text())
            (line,) = await call("start", names=["alpha"])
            assert line["exit_code"] == 75
            row = await state(call, "alpha")
            assert row["pid"] is None
            assert pids(home, "alpha") == [by_hand.pid]
            by_hand.kill()
    assert not (folder / "duplicates").exists()


async def test_an_instance_run_by_hand_is_adopted_and_never_doubled(home: Path) -> None:
    make_instance(home, "alpha")
    command = [sys.executable, str(CHILD), "--home", str(home), "--name", "alpha"]
    with subprocess.Popen(command) as by_hand:  # noqa: ASYNC220 - it is over in a moment
        await eventually(lambda: pids(home, "alpha"))
        async with supervising(home) as (_, call):
            row = await until(call, "alpha", "RUNNING")
            assert row["pid"] == by_hand.pid
            (line,) = await call("start", names=["alpha"])
            assert line["message"] == "already running"
            (line,) = await call("stop", names=["alpha"])
            assert line["ok"]
            by_hand.wait(60)
    assert len(pids(home, "alpha")) == 1


async def test_a_locked_instance_that_says_nothing_is_not_started(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("investbot.supervisor.fleet.CALL_S", 0.3)
    folder = make_instance(home, "alpha")
    holding = "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX);"
    command = [sys.executable, "-c", holding + "print(1, flush=True); time.sleep(60)", str(folder / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:  # noqa: ASYNC220 - it is over in a moment
        assert holder.stdout is not None
        assert holder.stdout.readline()
        async with supervising(home) as (_, call):
            (line,) = await call("start", names=["alpha"])
            assert line["exit_code"] == 75
            assert f"process {holder.pid}" in line["message"]
            began = await asyncio.to_thread(start_time)
            answer = await say_hello(home, {"name": "alpha", "pid": os.getpid(), "start_time": began})
            assert "does not hold its lock" in answer["message"]
            holder.kill()
            holder.wait()
            await until(call, "alpha", "RUNNING")
    assert len(pids(home, "alpha")) == 1


@pytest.mark.scenarios
async def test_no_way_leads_to_two_processes_of_one_instance(home: Path) -> None:
    """One process trades at any time, and it is the same one for as long as nobody ends it."""
    folder = make_instance(home, "alpha", {"lock_after_s": 0.4})

    def once() -> bool:
        return [alive(pid) for pid in pids(home, "alpha")] == [True]

    with daemon(home) as process:
        await ready(home)
        # Many faces at once; a supervisor that dies before its child has the lock.
        asking = [asyncio.create_task(asyncio.to_thread(ask, home, "start", names=["alpha"])) for _ in range(4)]
        await eventually(lambda: told(home, rb'"pid": \d'))
        process.kill()
        process.wait()
        await asyncio.gather(*asking, return_exceptions=True)
    with daemon(home) as process:
        await ready(home)
        await eventually(lambda: row_of(home, "alpha")["state"] == "RUNNING")
        lines = await asyncio.gather(*(asyncio.to_thread(ask, home, "start", names=["alpha"]) for _ in range(4)))
        assert [line["message"] for (line,) in lines] == ["already running"] * 4
        assert once()
        # By hand beside it.
        command = [sys.executable, str(CHILD), "--home", str(home), "--name", "alpha"]
        assert await asyncio.to_thread(subprocess.call, command) == 75
        process.kill()
        process.wait()
    # A memory that is lost, and one of another boot.
    journal = home / "run" / "supervisor.json"
    for memory in (b"", journal.read_bytes().replace(b'"boot": "', b'"boot": "0')):
        journal.write_bytes(memory)
        with daemon(home, "--restore") as process:
            await ready(home)
            (line,) = ask(home, "start", names=["alpha"])
            assert line["ok"], line
            assert once()
            process.kill()
            process.wait()
    # A lock file that somebody removed.
    (folder / "lock").unlink()
    with daemon(home, "--restore"):
        await ready(home)
        (line,) = ask(home, "start", names=["alpha"])
        assert line["message"] in {"already running", "running"}
        assert once()
        (line,) = ask(home, "stop", names=["alpha"])
        assert line["ok"]
        assert len(pids(home, "alpha")) == 1
        assert not alive(pids(home, "alpha")[0])


@pytest.mark.scenarios
async def test_a_memory_of_another_boot_names_nobody(home: Path) -> None:
    make_instance(home, "alpha")
    mine = {"wanted": True, "state": "RUNNING", "pid": os.getpid(), "start_time": start_time(), "failure_ages_s": []}
    body = {"version": 1, "boot": "another", "instances": {"alpha": mine}}
    (home / "run" / "supervisor.json").write_text(json.dumps(body))
    async with supervising(home) as (_, call):
        row = await until(call, "alpha", "RUNNING")
        assert row["pid"] == pids(home, "alpha")[0] != os.getpid()


@pytest.mark.scenarios
async def test_a_pid_that_is_another_process_by_now_is_left_alone(home: Path) -> None:
    make_instance(home, "alpha")
    mine = {"wanted": True, "state": "STOPPING", "pid": os.getpid(), "start_time": 1, "failure_ages_s": []}
    body = {"version": 1, "boot": boot(), "instances": {"alpha": mine}}
    (home / "run" / "supervisor.json").write_text(json.dumps(body))
    async with supervising(home) as (_, call):
        assert (await until(call, "alpha", "RUNNING"))["pid"] == pids(home, "alpha")[0]


async def test_a_torn_journal_is_put_aside(home: Path) -> None:
    make_instance(home, "alpha")
    (home / "run" / "supervisor.json").write_text('{"version": 1, "insta')
    async with supervising(home) as (_, call):
        assert (await state(call, "alpha"))["state"] == "STOPPED"
    assert (home / "run" / "supervisor.unreadable").exists()
    assert json.loads((home / "run" / "supervisor.json").read_text())["instances"]["alpha"]["state"] == "STOPPED"


@pytest.mark.scenarios
async def test_a_supervisor_that_hung_blames_nobody(home: Path) -> None:
    make_instance(home, "alpha")
    with daemon(home) as process:
        await ready(home)
        ask(home, "start", names=["alpha"])
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(4)
        process.send_signal(signal.SIGCONT)
        await asyncio.sleep(1)
        assert row_of(home, "alpha")["state"] == "RUNNING"
    assert len(pids(home, "alpha")) == 1


async def test_a_full_disk_stops_nobody(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_instance(home, "alpha")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async with supervising(home) as (_, call):
        ballast = home / "run" / "ballast"
        assert ballast.exists()
        monkeypatch.setattr("investbot.supervisor.journal.Journal.write", full)
        monkeypatch.setattr("investbot.supervisor.audit.AuditLog.append", full)
        assert (await call("start", names=["alpha"]))[0]["ok"]
        assert (await call("stop", names=["alpha"]))[0]["ok"]
        assert not ballast.exists()
