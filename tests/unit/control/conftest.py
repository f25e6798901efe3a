"""A desk that answers as tests want, behind a real server on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster

from investbot.control.connection import Connection
from investbot.control.messages import Hello, NoArgs, Request
from investbot.control.server import ControlServer, Emit, HomeLock
from investbot.domain.errors import InvestBotError, TryAgain


class TestDesk:
    """Answers `ping` with what it was sent, fails on `stop`, streams on `watch`, breaks on `down`."""

    __test__ = False

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.turned_away: list[tuple[str, str]] = []
        self.hellos: list[Hello] = []
        self.lines: list[dict[str, Any]] = []
        self.instance: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        self.cancelled = asyncio.Event()

    async def answer(self, connection: Connection, request: Request, args: NoArgs, emit: Emit) -> Any:
        self.asked.append(request.verb)
        match request.verb:
            case "stop":
                raise TryAgain("Not now.")
            case "down":
                raise RuntimeError
            case "watch":
                for number in range(3):
                    await emit(number)
                return "end"
            case "top":
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    self.cancelled.set()
                    raise
            case "restart":
                await asyncio.sleep(0.2)
            case _:
                pass
        return {"by": args.by, "pid": connection.peer.pid}

    async def refused(self, connection: Connection, what: str, error: InvestBotError) -> None:
        self.turned_away.append((what, str(error)))

    async def attend(self, connection: Connection, hello: Hello) -> None:
        self.hellos.append(hello)
        if self.instance.done():
            self.instance = asyncio.get_running_loop().create_future()
        self.instance.set_result(connection)
        while (message := await connection.receive()) is not None:
            self.lines.append(message)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


@pytest.fixture
def locked(home: Path) -> Iterator[Path]:
    """A home whose lock this test holds, as the caller of a server has to."""
    lock = HomeLock(home)
    yield home
    lock.close()


@pytest.fixture
async def desk(locked: Path, blockbuster: BlockBuster) -> AsyncIterator[TestDesk]:
    desk = TestDesk()
    server = ControlServer(locked, desk)
    await server.open()
    yield desk
    await server.close(0.5)
    await server.close()
