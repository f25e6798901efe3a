"""The server's door: owner, admin, reader, stranger, and an instance that would give commands."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster

from investbot.control import codec
from investbot.control.access import Access, Accounts
from investbot.control.address import socket_path
from investbot.control.client import ControlClient
from investbot.control.server import ControlServer
from investbot.domain.errors import ConfigError, VaultError
from tests.unit.control.conftest import TestDesk

OTHER = os.getuid() + 1
MINE = Accounts(frozenset({os.getuid()}))
BRANDED = """
import resource, sys
from pathlib import Path
from investbot.control.client import ControlClient
from investbot.domain.errors import VaultError
with ControlClient(Path(sys.argv[1]), timeout_s=10) as client:
    client.call("ping")
    resource.setrlimit(resource.RLIMIT_MSGQUEUE, (0, 0))
    for verb in ("ping", "status", "stop", "down"):
        try:
            client.call(verb)
        except VaultError as refusal:
            print(refusal)
"""


@asynccontextmanager
async def serving(home: Path, access: Access) -> AsyncIterator[TestDesk]:
    desk = TestDesk()
    server = ControlServer(home, desk, access=access)
    await server.open()
    try:
        yield desk
    finally:
        await server.close(0.5)


def call(home: Path, verb: str) -> Any:
    with ControlClient(home, timeout_s=10) as client:
        return client.call(verb)


async def test_a_reader_looks_and_is_refused_the_rest(locked: Path, blockbuster: BlockBuster) -> None:
    async with serving(locked, Access(OTHER, readers=MINE)) as desk:
        assert (await asyncio.to_thread(call, locked, "ping"))["pid"] == os.getpid()
        for verb in ("stop", "flatten", "down", "start"):
            with pytest.raises(VaultError, match=f"You may look at this fleet and not act on it: {verb} is for"):
                await asyncio.to_thread(call, locked, verb)
        assert desk.asked == ["ping"]
        assert [what for what, _ in desk.turned_away] == ["stop", "flatten", "down", "start"]


async def test_an_admin_acts(locked: Path) -> None:
    async with serving(locked, Access(OTHER, admins=MINE)) as desk:
        await asyncio.to_thread(call, locked, "restart")
        assert desk.asked == ["restart"]


async def test_a_stranger_is_turned_away_unheard(locked: Path) -> None:
    async with serving(locked, Access(OTHER)) as desk:
        with pytest.raises(VaultError, match="belongs to another user"):
            await asyncio.to_thread(call, locked, "ping")
        assert desk.asked == []
        assert [what for what, _ in desk.turned_away] == ["connect"]


@pytest.mark.parametrize("who", [{"admins": MINE}, {"readers": MINE}])
async def test_an_instance_belongs_to_the_owner(locked: Path, who: dict[str, Accounts]) -> None:
    async with serving(locked, Access(OTHER, **who)) as desk:
        reader, writer = await asyncio.open_unix_connection(socket_path(locked))
        writer.write(codec.encode({"hello": {"name": "alpha", "pid": os.getpid(), "start_time": 1}}))
        answer = codec.decode(await reader.readline())
        assert (answer["ok"], answer["exit_code"]) == (False, 77)
        assert "is not of the owner" in answer["message"]
        assert desk.hellos == []
        writer.close()


async def test_a_process_that_became_an_instance_gives_no_more_commands(locked: Path) -> None:
    async with serving(locked, Access(os.getuid())) as desk:
        command = [sys.executable, "-c", BRANDED, str(locked)]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
        said = done.stdout.splitlines()
        assert len(said) == 4
        assert all("is an instance: it may tell of itself, and give no commands" in line for line in said)
        assert desk.asked == ["ping"]
        assert [what for what, _ in desk.turned_away] == ["ping", "status", "stop", "down"]


async def test_a_way_that_cannot_be_opened_keeps_the_door_shut(locked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, uid: int, gid: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.chown", refuse)
    with pytest.raises(ConfigError, match="usermod"):
        async with serving(locked, Access(os.getuid(), readers=Accounts(groups=frozenset({7})))):
            pass
