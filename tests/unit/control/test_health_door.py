"""The health door, asked over real sockets: what it says, and what it does with guests who mean harm."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from investbot.bootstrap.systemd import Manager, ToldLink, told_link
from investbot.control import health_door
from investbot.control.health_door import FRESH_S, MAX_GUESTS, MAX_HEAD, HealthDoor, open_door, parse_address
from investbot.domain.errors import ConfigError, TryAgain, UsageError


class Watch:
    """Seconds that a test turns on."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Open:
    """One door, and what a test asks there."""

    def __init__(self, door: HealthDoor, port: int, watch: Watch) -> None:
        self.door = door
        self.port = port
        self.watch = watch

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, question: bytes) -> tuple[int, dict[str, str], Any]:
        """Send a question and read until the door ends it: status, headers, what the JSON says."""
        reader, writer = await self.connect()
        writer.write(question)
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        line, *fields = head.decode("ascii").split("\r\n")
        headers = dict(field.split(": ", 1) for field in fields)
        assert int(headers["Content-Length"]) == len(body)
        return int(line.split(" ")[1]), headers, json.loads(body)

    async def get(self, path: str = "/health") -> tuple[int, Any]:
        status, _, told = await self.ask(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return status, told


@asynccontextmanager
async def opened() -> AsyncIterator[Open]:
    listening = open_door("127.0.0.1", 0)
    watch = Watch()
    door = HealthDoor("alpha", listening, watch)
    task = asyncio.create_task(door.run())
    try:
        yield Open(door, listening.getsockname()[1], watch)
    finally:
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()
        assert listening.fileno() == -1


@pytest.fixture
async def place() -> AsyncIterator[Open]:
    async with opened() as found:
        yield found


RUNNING = {"state": "RUNNING", "equity": "512.25"}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("8788", ("127.0.0.1", 8788)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),  # noqa: S104 - read, not bound
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:8788", ("::1", 8788)),
    ],
)
def test_an_address_is_read(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text", ["", ":80", "x", "localhost:80", "127.0.0.1", "127.0.0.1:65536", "::1:80", "1:-1", "²"]
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no address of a door; write a port"):
        parse_address(text)


def test_a_door_that_cannot_be_opened_is_told_with_what_to_do() -> None:
    with open_door("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(TryAgain, match=f"cannot open at 127.0.0.1 port {port} .* give --health another port"):
            open_door("127.0.0.1", port)
    denied = PermissionError(errno.EACCES, "Permission denied")
    with (
        mock.patch.object(socket.socket, "bind", side_effect=denied),
        pytest.raises(ConfigError, match=r"port 80 \(Permission denied\); give --health an address of this machine"),
    ):
        open_door("127.0.0.1", 80)
    with open_door("::1", 0) as sixth:
        assert sixth.family is socket.AF_INET6


async def test_it_is_healthy_while_it_runs_and_beats(place: Open) -> None:
    assert await place.get() == (503, {"name": "alpha", "healthy": False, "state": "STARTING", "silent_ms": 0})
    place.door.beat(RUNNING)
    place.watch.now_s += FRESH_S
    for path in ("/", "/health", "/healthz", "/health?x=1"):
        assert await place.get(path) == (
            200,
            {"name": "alpha", "healthy": True, "state": "RUNNING", "silent_ms": 15000},
        )
    place.watch.now_s += 0.1
    assert await place.get() == (503, {"name": "alpha", "healthy": False, "state": "RUNNING", "silent_ms": 15100})
    place.door.beat({"state": "STOPPING"})
    assert await place.get() == (503, {"name": "alpha", "healthy": False, "state": "STOPPING", "silent_ms": 0})


async def test_an_answer_is_json_and_kept_by_nobody(place: Open) -> None:
    _, headers, told = await place.ask(b"GET / HTTP/1.0\r\n\r\n")
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Connection"] == "close"
    assert told.keys() == {"name", "healthy", "state", "silent_ms"}


@pytest.mark.parametrize(
    ("question", "status"),
    [
        (b"POST /health HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 405),
        (b"HEAD /health HTTP/1.1\r\n\r\n", 405),
        (b"get /health HTTP/1.1\r\n\r\n", 405),
        (b"GET /metrics HTTP/1.1\r\n\r\n", 404),
        (b"GET /../health HTTP/1.1\r\n\r\n", 404),
        (b"GET /h\xff HTTP/1.1\r\n\r\n", 404),
        (b"GET /health\r\n\r\n", 400),
        (b"GET /health HTTP/2\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"\x16\x03\x01 a b c\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nX: " + b"x" * MAX_HEAD, 431),
        (b"GET /health HTTP/1.1\r\nX: " + b"x" * MAX_HEAD + b"\r\n\r\n", 431),
    ],
)
async def test_anything_else_is_refused(place: Open, question: bytes, status: int) -> None:
    place.door.beat(RUNNING)
    answered, headers, told = await place.ask(question)
    assert answered == status
    assert ("Allow" in headers) is (status == 405)
    assert told.keys() == {"error"}
    assert (await place.get())[0] == 200


async def test_a_question_may_come_in_pieces(place: Open) -> None:
    place.door.beat(RUNNING)
    reader, writer = await place.connect()
    for part in (b"GET /hea", b"lth HTTP/1.1\r\nHost: x\r\n", b"\r", b"\n"):
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.01)
    assert (await reader.read()).startswith(b"HTTP/1.1 200 OK\r\n")
    writer.close()


async def test_who_says_nothing_or_goes_away_is_let_go(place: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_door, "PATIENCE_S", 0.2)
    place.door.beat(RUNNING)
    _, gone = await place.connect()
    gone.write(b"GET")
    gone.close()
    silent = [await place.connect() for _ in range(MAX_GUESTS + 4)]
    assert (await place.get())[0] == 200  # after the first of them were sent away
    for reader, writer in silent:
        assert await reader.read() == b""
        writer.close()


async def test_who_never_ends_is_cut_off(place: Open) -> None:
    place.door.beat(RUNNING)
    reader, writer = await place.connect()
    writer.write(b"GET / HTTP/1.1\r\n\r\n" + bytes(1 << 20))
    assert (await reader.read(12)) == b"HTTP/1.1 200"
    writer.transport.abort()
    assert (await place.get())[0] == 200


async def test_a_refused_accept_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_door, "_REST_S", 0.01)
    events = asyncio.get_running_loop()
    real = events.sock_accept
    refused: list[socket.socket] = []

    async def refuse_twice(door: socket.socket) -> Any:
        if len(refused) < 2:
            refused.append(door)
            raise OSError(24, "Too many open files")
        return await real(door)

    monkeypatch.setattr(events, "sock_accept", refuse_twice)
    async with opened() as place:
        assert (await place.get())[0] == 503
    assert len(refused) == 2


async def test_the_end_waits_for_nobody() -> None:
    async with opened() as place:
        reader, writer = await place.connect()
        await asyncio.sleep(0.01)
    assert await reader.read() == b""
    writer.close()


async def serve(_: object) -> None:
    pass


async def test_a_link_in_the_foreground_beats_for_its_door(tmp_path: Path) -> None:
    listening = open_door("127.0.0.1", 0)
    listening.set_inheritable(True)
    link = told_link(tmp_path, "alpha", serve, listening.detach())
    door = link._health
    assert door is not None
    assert not door._door.get_inheritable()
    place = Open(door, door._door.getsockname()[1], Watch())
    running = asyncio.create_task(link.run())
    link.status({"phase": "ready", **RUNNING})
    assert (await place.get())[0] == 200
    running.cancel()
    await asyncio.wait((running,))
    assert running.cancelled()
    with pytest.raises(ConnectionRefusedError):
        await place.connect()


async def test_a_link_without_a_door_only_dials(tmp_path: Path) -> None:
    link = told_link(tmp_path, "alpha", serve, None)
    assert isinstance(link, ToldLink)
    assert ToldLink(tmp_path, "alpha", serve, Manager({}))._health is None
    running = asyncio.create_task(link.run())
    await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait((running,))
