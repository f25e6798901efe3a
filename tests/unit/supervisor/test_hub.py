"""Links, requests and watchers over a real pair of sockets."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from investbot.control.connection import Connection
from investbot.control.messages import WORD_S, InstanceRequest
from investbot.domain.errors import ConfigError, TryAgain, UsageError
from investbot.supervisor.hub import MAX_WAITING, Hub


async def connection(end: socket.socket) -> Connection:
    return Connection(*await asyncio.open_unix_connection(sock=end, limit=1 << 20))


class Line:
    """Both ends of one link."""

    def __init__(self, hub: Hub, near: Connection, far: Connection) -> None:
        self.near, self.far = near, far
        self.listening = asyncio.create_task(hub.listen("alpha", near))

    async def close(self) -> None:
        await self.far.close()
        await asyncio.gather(self.listening, return_exceptions=True)
        await self.near.close()


@pytest.fixture
def heard() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def hub(heard: list[dict[str, Any]]) -> Hub:
    return Hub(time.monotonic, lambda name, row: heard.append(row))


async def dial(hub: Hub) -> Line:
    near, far = socket.socketpair()
    line = Line(hub, await connection(near), await connection(far))
    assert await line.far.receive() == {"watching": True}
    return line


@pytest.fixture
async def line(hub: Hub) -> AsyncIterator[Line]:
    line = await dial(hub)
    yield line
    await line.close()


PAUSE = InstanceRequest(action="pause", by="me")


async def test_the_last_status_is_kept_with_its_time(hub: Hub, line: Line, heard: list[dict[str, Any]]) -> None:
    assert hub.last("alpha") is None
    waiting = asyncio.create_task(hub.until("alpha", lambda row: row.get("n") == 2, 5))
    await line.far.send({"status": {"n": 1}})
    await line.far.send({"status": {"n": 2}})
    assert await waiting
    last = hub.last("alpha")
    assert last is not None
    assert last.row == {"n": 2}
    assert heard == [{"n": 1}, {"n": 2}]
    assert not await hub.until("alpha", lambda row: True, 0.05)
    hub.forget("alpha")
    assert hub.last("alpha") is None


async def test_a_request_has_its_answer(hub: Hub, line: Line) -> None:
    asking = asyncio.create_task(hub.ask("alpha", PAUSE, 5))
    message = await line.far.receive()
    assert message == {"id": 1, "request": {"action": "pause", "by": "me"}}
    await line.far.send({"id": 99, "ok": True})
    await line.far.send({"id": 1, "ok": True, "result": 5})
    assert await asking == 5
    asking = asyncio.create_task(hub.ask("alpha", PAUSE, 5))
    await line.far.receive()
    await line.far.send({"id": 2, "ok": False, "exit_code": 78, "message": "No."})
    with pytest.raises(ConfigError, match="No"):
        await asking


@pytest.mark.parametrize("word_s", [1.0, WORD_S])
async def test_it_is_told_that_it_is_watched_as_often_as_it_asked_for(
    heard: list[dict[str, Any]], word_s: float
) -> None:
    """With every heartbeat at most, so that a supervisor that hangs says nothing."""
    now = [100.0]
    hub = Hub(lambda: now[0], lambda name, row: heard.append(row))
    near, far = [await connection(end) for end in socket.socketpair()]
    listening = asyncio.create_task(hub.listen("alpha", near, word_s))
    for words in (0.0, 0.9, 1.0, 1.9, 2.0, 2.9):
        now[0] = 100.0 + words * word_s
        await far.send({"status": {"at": words}})
        await hub_has(heard, words)
    near.abort()
    await asyncio.gather(listening, return_exceptions=True)
    told = []
    while (word := await far.receive()) is not None:
        told.append(word)
    await far.close()
    assert told == [{"watching": True}] * 3


async def hub_has(heard: list[dict[str, Any]], moment: float) -> None:
    while not heard or heard[-1] != {"at": moment}:  # noqa: ASYNC110 - what comes over a real socket
        await asyncio.sleep(0.01)


async def test_nobody_waits_for_an_answer_that_cannot_come(hub: Hub, line: Line) -> None:
    with pytest.raises(TryAgain, match="within 0 s"):
        await hub.ask("alpha", PAUSE, 0.05)
    with pytest.raises(TryAgain, match="not on the line"):
        await hub.ask("beta", PAUSE, 5)
    asking = asyncio.create_task(hub.ask("alpha", PAUSE, 60))
    await line.far.receive()
    await line.far.close()
    with pytest.raises(TryAgain, match="did not answer"):
        await asyncio.wait_for(asking, 60)
    with pytest.raises(TryAgain, match="not on the line"):
        await hub.ask("alpha", PAUSE, 5)


async def test_a_new_line_replaces_the_old_one(hub: Hub, line: Line) -> None:
    second = await dial(hub)
    await asyncio.wait_for(asyncio.gather(line.listening, return_exceptions=True), 60)
    asking = asyncio.create_task(hub.ask("alpha", PAUSE, 5))
    assert await second.far.receive() is not None
    await second.far.send({"id": 1, "ok": True})
    assert await asking is None
    await second.close()


@pytest.mark.parametrize("junk", [{"status": 5}, {"event": []}, {"id": "x", "ok": True}, {"hello": {}}])
async def test_junk_ends_the_line(hub: Hub, line: Line, junk: dict[str, Any]) -> None:
    await line.far.send(junk)
    with pytest.raises(UsageError):
        await line.listening


async def test_a_slow_watcher_loses_frames_and_is_told_how_many(hub: Hub) -> None:
    with hub.watching() as quick, hub.watching() as slow:
        for number in range(MAX_WAITING + 3):
            hub.publish({"n": number})
            quick.take()
        assert quick.lost == 0
        events = slow.take()
        assert (len(events), slow.lost, events[0]["n"]) == (MAX_WAITING, 3, 3)
        assert slow.take() == []
    hub.publish({"n": 0})
    assert slow.take() == []
