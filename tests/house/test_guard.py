"""The guard of tests/conftest.py: loopback and Unix paths only."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

OUTSIDE = ("192.0.2.1", 80)


def test_a_connection_beyond_loopback_is_refused() -> None:
    with socket.socket() as opened, pytest.raises(AssertionError, match="loopback only"):
        opened.connect(OUTSIDE)


def test_a_datagram_beyond_loopback_is_refused() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as opened, pytest.raises(AssertionError, match="loopback only"):
        opened.sendto(b"x", OUTSIDE)


def test_listening_on_every_address_is_refused() -> None:
    with socket.socket() as opened, pytest.raises(AssertionError, match="loopback only"):
        opened.bind(("0.0.0.0", 0))  # noqa: S104 - the very thing that is refused


def test_a_name_beyond_this_machine_is_not_looked_up() -> None:
    with pytest.raises(AssertionError, match="look up loopback only"):
        socket.getaddrinfo("exchange.example", 443)


async def test_asyncio_is_guarded_too() -> None:
    with pytest.raises(AssertionError, match="loopback only"):
        await asyncio.open_connection(*OUTSIDE)


async def test_loopback_and_unix_paths_work(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()
        await writer.wait_closed()

    inet = await asyncio.start_server(answer, "localhost", 0)
    unix = await asyncio.start_unix_server(answer, tmp_path / "s")
    for opening in (
        asyncio.open_connection(*inet.sockets[0].getsockname()[:2]),
        asyncio.open_unix_connection(tmp_path / "s"),
    ):
        reader, writer = await opening
        writer.write(b"hello\n")
        assert await reader.readline() == b"hello\n"
        writer.close()
        await writer.wait_closed()
    for server in (inet, unix):
        server.close()
        await server.wait_closed()
