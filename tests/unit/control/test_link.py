"""The instance's end: never waits, never gives up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster

from investbot.control.identity import start_time
from investbot.control.link import MAX_WAITING, InstanceLink
from investbot.control.messages import WORD_S, InstanceRequest
from investbot.control.server import ControlServer
from investbot.domain.errors import TryAgain
from tests.unit.control.conftest import TestDesk


async def serve(request: InstanceRequest) -> Any:
    if request.action == "flatten":
        raise TryAgain("Not yet.")
    return {"did": request.action, "by": request.by}


async def eventually(check: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not check():  # noqa: ASYNC110 - looks at the other side of a socket
            await asyncio.sleep(0.01)


def is_connected(link: InstanceLink) -> bool:
    return link.connected


def link_of(home: Path) -> InstanceLink:
    return InstanceLink(home, "alpha", serve, first_s=0.02, longest_s=0.1)


@pytest.mark.parametrize(("word_s", "told"), [(WORD_S, {"name", "pid", "start_time"}), (1.0, {"word_s"})])
async def test_one_in_a_hurry_says_how_often_it_wants_a_word(
    home: Path, desk: TestDesk, word_s: float, told: set[str]
) -> None:
    """The rest says nothing of it, so that an older supervisor understands."""
    talking = asyncio.create_task(InstanceLink(home, "alpha", serve, first_s=0.02, word_s=word_s).run())
    await eventually(lambda: desk.hellos)
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)
    said = desk.hellos[0].hello
    assert told <= said.model_fields_set
    assert said.word_s == word_s


async def test_it_says_hello_and_then_what_it_has_to_say(home: Path, desk: TestDesk) -> None:
    link = link_of(home)
    link.event({"seq": 1})
    link.status({"phase": "starting"})
    link.status({"phase": "ready"})
    talking = asyncio.create_task(link.run())
    await eventually(lambda: len(desk.lines) == 2)
    assert desk.lines == [{"event": {"seq": 1}}, {"status": {"phase": "ready"}}]
    (hello,) = desk.hellos
    began = await asyncio.to_thread(start_time)
    assert (hello.hello.name, hello.hello.pid, hello.hello.start_time) == ("alpha", os.getpid(), began)
    assert link.connected
    link.event({"seq": 2})
    await link.flush()
    await eventually(lambda: desk.lines[-1] == {"event": {"seq": 2}})
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)
    assert not link.connected


async def test_it_answers_requests(home: Path, desk: TestDesk) -> None:
    talking = asyncio.create_task(link_of(home).run())
    connection = await asyncio.wait_for(desk.instance, 60)
    await connection.send({"id": 7, "request": {"action": "pause", "by": "me"}})
    await connection.send({"id": 8, "request": {"action": "flatten"}})
    await eventually(lambda: len(desk.lines) == 2)
    assert {"id": 7, "ok": True, "result": {"did": "pause", "by": "me"}} in desk.lines
    assert {"id": 8, "ok": False, "exit_code": 75, "message": "Not yet."} in desk.lines
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)


async def test_it_dials_again_when_turned_away_or_sent_junk(home: Path, desk: TestDesk) -> None:
    talking = asyncio.create_task(link_of(home).run())
    refusals: list[dict[str, Any]] = [{"id": None, "ok": False}, {"id": 1, "request": {"action": "dance"}}]
    for number, message in enumerate(refusals, start=1):
        connection = await asyncio.wait_for(desk.instance, 60)
        desk.instance = asyncio.get_running_loop().create_future()
        assert len(desk.hellos) == number
        await connection.send(message)
    await asyncio.wait_for(desk.instance, 60)
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)


async def test_it_waits_for_a_supervisor_and_finds_the_next_one(locked: Path, blockbuster: BlockBuster) -> None:
    home = locked
    link = link_of(home)
    talking = asyncio.create_task(link.run())
    await asyncio.sleep(0.1)
    assert not is_connected(link)
    for _ in range(2):
        desk = TestDesk()
        server = ControlServer(home, desk)
        await server.open()
        link.status({"phase": "ready"})
        await eventually(lambda desk=desk: desk.lines)  # type: ignore[misc]
        assert is_connected(link)
        await server.close(0.1)
        await eventually(lambda: not link.connected)
    assert not talking.done()
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)


async def test_without_a_reader_events_are_dropped_and_nobody_waits(home: Path) -> None:
    link = link_of(home)
    for number in range(MAX_WAITING + 5):
        link.event({"seq": number})
    assert link.dropped == 5
    await asyncio.wait_for(link.flush(), 1)


async def test_flush_does_not_wait_for_ever(home: Path, desk: TestDesk) -> None:
    link = link_of(home)
    talking = asyncio.create_task(link.run())
    await eventually(lambda: link.connected)
    link.event({"x": 1})
    await link.flush(0.0)
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)
