"""The server and both clients, over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from investbot.control import codec, connection
from investbot.control.address import connect, reachable, socket_path
from investbot.control.client import ControlClient, supervisor_answers
from investbot.control.identity import peer_of
from investbot.control.server import ControlServer, HomeLock
from investbot.domain.errors import DataError, SupervisorDown, TryAgain
from tests.unit.control.conftest import TestDesk


def call(home: Path, verb: str, **args: Any) -> Any:
    with ControlClient(home, timeout_s=10) as client:
        return client.call(verb, **args)


async def test_a_question_gets_its_answer(home: Path, desk: TestDesk) -> None:
    answer = await asyncio.to_thread(call, home, "ping", by="me")
    assert answer == {"by": "me", "pid": os.getpid()}
    assert await asyncio.to_thread(supervisor_answers, home)


async def test_an_error_is_raised_where_it_was_asked_for(home: Path, desk: TestDesk) -> None:
    with pytest.raises(TryAgain, match="Not now"):
        await asyncio.to_thread(call, home, "stop", names=["a"])
    assert desk.turned_away == []


async def test_a_stream_ends_with_its_result(home: Path, desk: TestDesk) -> None:
    def listen() -> tuple[list[Any], Any]:
        with ControlClient(home, timeout_s=10) as client:
            return list(client.stream("watch")), client.call("watch")

    assert await asyncio.to_thread(listen) == ([0, 1, 2], "end")


async def test_a_stream_may_be_left_and_the_next_question_still_fits(home: Path, desk: TestDesk) -> None:
    def leave() -> Any:
        with ControlClient(home, timeout_s=10) as client:
            assert next(client.stream("watch")) == 0
            return client.call("ping", by="me")

    assert (await asyncio.to_thread(leave))["by"] == "me"


async def test_questions_are_answered_beside_each_other(home: Path, desk: TestDesk) -> None:
    reader, writer = await asyncio.open_unix_connection(socket_path(home))
    writer.write(codec.encode({"id": 1, "verb": "restart"}) + codec.encode({"id": 2, "verb": "ping"}))
    assert [codec.decode(await reader.readline())["id"] for _ in range(2)] == [2, 1]
    writer.close()


async def test_work_for_a_face_that_hangs_up_is_dropped(home: Path, desk: TestDesk) -> None:
    _, writer = await asyncio.open_unix_connection(socket_path(home))
    writer.write(codec.encode({"id": 1, "verb": "top"}))
    async with asyncio.timeout(60):
        while not desk.asked:  # noqa: ASYNC110 - looks at the other side of a socket
            await asyncio.sleep(0.01)
    writer.close()
    await asyncio.wait_for(desk.cancelled.wait(), 60)


async def test_a_bug_hangs_up_instead_of_hanging(home: Path, desk: TestDesk) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    with pytest.raises(SupervisorDown, match="went away"):
        await asyncio.to_thread(call, home, "down")
    gc.collect()
    await asyncio.sleep(0.05)


async def test_an_answer_that_is_due_goes_out_before_the_end(home: Path) -> None:
    lock = HomeLock(home)
    server = ControlServer(home, TestDesk())
    await server.open()
    answer = asyncio.create_task(asyncio.to_thread(call, home, "restart"))
    await asyncio.sleep(0.1)
    await server.close()
    assert (await answer)["by"] == "operator"
    lock.close()


async def test_arguments_that_are_not_understood_are_noted(home: Path, desk: TestDesk) -> None:
    reader, writer = await asyncio.open_unix_connection(socket_path(home))
    writer.write(codec.encode({"id": 4, "verb": "ping", "args": {"x": 1}}))
    answer = codec.decode(await reader.readline())
    assert (answer["id"], answer["exit_code"]) == (4, 64)
    writer.write(codec.encode({"id": 5, "verb": "ping"}))
    assert codec.decode(await reader.readline())["ok"] is True
    assert [what for what, _ in desk.turned_away] == ["ping"]
    writer.close()


@pytest.mark.parametrize("junk", [b"junk\n", b'{"id": 1}\n', b'{"hello": 5}\n', b"x" * (codec.MAX_LINE + 1)])
async def test_junk_gets_one_error_and_the_end(home: Path, desk: TestDesk, junk: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(socket_path(home))
    writer.write(junk)
    answer = codec.decode(await reader.readline())
    assert (answer["id"], answer["ok"]) == (None, False)
    assert len(desk.turned_away) == 1
    writer.close()


async def test_half_a_line_is_nothing(home: Path, desk: TestDesk) -> None:
    reader, writer = await asyncio.open_unix_connection(socket_path(home))
    writer.write(b'{"id": 1, "verb": "ping"}')
    writer.write_eof()
    assert await reader.read() == b""
    assert desk.asked == []
    writer.close()


async def test_the_socket_is_private(home: Path, desk: TestDesk) -> None:
    assert stat.S_IMODE(socket_path(home).stat().st_mode) == 0o600
    assert stat.S_IMODE(socket_path(home).parent.stat().st_mode) == 0o700


async def test_a_home_with_a_long_name_has_a_supervisor_too(tmp_path: Path) -> None:
    home = tmp_path / ("h" * 120)
    home.mkdir()
    lock = HomeLock(home)
    server = ControlServer(home, TestDesk())
    await server.open()
    assert (await asyncio.to_thread(call, home, "ping"))["by"] == "operator"
    await server.close()
    assert not socket_path(home).exists()
    lock.close()


async def test_a_peer_that_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PATIENCE_S", 0.1)
    near, far = socket.socketpair()
    reader, writer = await asyncio.open_unix_connection(sock=near)
    mine = connection.Connection(reader, writer)
    assert mine.peer == peer_of(far)
    with pytest.raises(ConnectionError):
        await asyncio.gather(*(mine.send({"x": "y" * 500_000}) for _ in range(10)))
    with pytest.raises(ConnectionError):
        await mine.send({})
    await mine.close()
    far.close()


def test_nobody_listens(home: Path) -> None:
    with pytest.raises(SupervisorDown, match="investbot up --detach"):
        ControlClient(home)
    assert not supervisor_answers(home)
    (home / "run").mkdir()
    assert not supervisor_answers(home)


@contextlib.contextmanager
def listening(home: Path, *answers: bytes) -> Iterator[None]:
    """A server that says one thing to one client, from a thread of its own."""
    (home / "run").mkdir(exist_ok=True)

    def serve() -> None:
        with contextlib.suppress(OSError):
            peer, _ = server.accept()
            with peer, contextlib.suppress(OSError):
                peer.recv(1000)
                for answer in answers:
                    peer.sendall(answer)
                if not answers:
                    peer.recv(1000)

    with socket.socket(socket.AF_UNIX) as server:
        with reachable(socket_path(home)) as name:
            server.bind(name)
        server.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join(60)
    assert not thread.is_alive()


def test_a_supervisor_that_dies_in_the_middle(home: Path) -> None:
    with listening(home, b'{"id": 1, "it'), ControlClient(home, timeout_s=5) as client:
        with pytest.raises(SupervisorDown, match="went away"):
            client.call("ping")
        with pytest.raises(SupervisorDown, match="went away"):
            client.call("ping")


def test_a_supervisor_that_says_nothing(home: Path) -> None:
    with (
        listening(home),
        ControlClient(home, timeout_s=0.1) as client,
        pytest.raises(SupervisorDown, match="in time"),
    ):
        client.call("ping")


def test_a_supervisor_that_never_ends_a_line(home: Path) -> None:
    endless = b"x" * (codec.MAX_LINE + 100_000)
    with (
        listening(home, endless),
        ControlClient(home, timeout_s=5) as client,
        pytest.raises(DataError, match="longer"),
    ):
        client.call("ping")


def test_connect_says_when_nobody_is_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        connect(tmp_path / "nobody", 1.0)
