"""What a service manager hears, over real datagram sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from investbot.bootstrap.systemd import Manager, SupervisorHerald, ToldLink


@contextlib.contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind("\0" + address[1:] if address.startswith("@") else address)
        door.settimeout(5)
        yield door


def heard(door: socket.socket) -> dict[str, str]:
    return dict(line.split("=", 1) for line in door.recv(4096).decode().split("\n"))


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return (
        str(tmp_path / "notify") if request.param == "path" else f"@investbot-test-{os.getpid()}-{time.monotonic_ns()}"
    )


def test_what_is_told_arrives_in_one_datagram(address: str) -> None:
    with listening(address) as door:
        Manager({"NOTIFY_SOCKET": address}).tell(READY=1, STATUS="two\nlines")
        assert door.recv(4096) == b"READY=1\nSTATUS=two lines"


def test_nobody_who_listens_is_no_trouble(address: str) -> None:
    Manager({"NOTIFY_SOCKET": address}).tell(READY=1)
    Manager({}).tell(READY=1)


@pytest.mark.parametrize(
    ("usec", "pid", "beat_s"),
    [
        ("4000000", None, 2.0),
        ("4000000", "own", 2.0),
        ("4000000", "1", 10.0),
        ("", None, 10.0),
        ("x", None, 10.0),
        ("0", None, 10.0),
    ],
)
def test_the_watchdog_is_fed_at_half_its_time(usec: str, pid: str | None, beat_s: float) -> None:
    environment = {"WATCHDOG_USEC": usec} | ({"WATCHDOG_PID": str(os.getpid()) if pid == "own" else pid} if pid else {})
    assert Manager(environment).beat_s == beat_s


async def test_a_supervisor_tells_its_whole_life(tmp_path: Path) -> None:
    with listening(str(tmp_path / "n")) as door:
        herald = SupervisorHerald(Manager({"NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": "100000"}))
        herald.ready()
        assert heard(door) == {"READY": "1", "MAINPID": str(os.getpid())}
        beating = asyncio.create_task(herald.beat(lambda: "2 RUNNING"))
        for _ in range(2):
            assert await asyncio.to_thread(heard, door) == {"WATCHDOG": "1", "STATUS": "2 RUNNING"}
        beating.cancel()
        await asyncio.wait((beating,))
        before = time.monotonic_ns() // 1000
        herald.reloading()
        told = heard(door)
        assert told.pop("RELOADING") == "1"
        assert before <= int(told["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        herald.stopping()
        assert heard(door) == {"STOPPING": "1", "STATUS": "stopping the instances"}


def test_an_instance_in_the_foreground_tells_ready_once_and_each_heartbeat(tmp_path: Path) -> None:
    async def serve(_: object) -> None:
        pass

    with listening(str(tmp_path / "n")) as door:
        link = ToldLink(tmp_path, "alpha", serve, Manager({"NOTIFY_SOCKET": str(tmp_path / "n")}))
        told = []
        for phase in ("starting", "ready", "ready", "stopping", "stopping"):
            link.status({"phase": phase, "state": "RUNNING", "trading_state": "ACTIVE", "open_positions": 1})
            told.append(heard(door))
        assert [set(each) - {"WATCHDOG", "STATUS"} for each in told] == [set(), {"READY"}, set(), {"STOPPING"}, set()]
        assert {(each["WATCHDOG"], each["STATUS"]) for each in told} == {("1", "RUNNING, ACTIVE, 1 open")}
        link.status({"phase": "starting", "state": "STARTING", "open_positions": 0})
        assert heard(door)["STATUS"] == "STARTING, no candle yet, 0 open"
