"""The supervisor's end of the control socket: one owner, one supervisor a home, one clear error for junk."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from investbot.control import codec
from investbot.control.access import Access, enterable
from investbot.control.address import listen, socket_path
from investbot.control.connection import Connection
from investbot.control.identity import is_instance
from investbot.control.messages import Hello, NoArgs, Request, parse, parse_args
from investbot.domain.errors import AlreadyExists, InvestBotError, VaultError

Emit = Callable[[Any], Awaitable[None]]
"""Sends one item of a streaming verb; ConnectionError when the face is gone."""


class Desk(Protocol):
    """Who answers: implemented by the supervisor, and by what tests put in its place."""

    async def answer(self, connection: Connection, request: Request, args: NoArgs, emit: Emit) -> Any:
        """Do what a face asks and give the result; InvestBotError when it cannot be done."""
        ...

    async def refused(self, connection: Connection, what: str, error: InvestBotError) -> None:
        """Take note of a connection or line that was turned away."""
        ...

    async def attend(self, connection: Connection, hello: Hello) -> None:
        """Listen to an instance until its connection ends; InvestBotError when it is not who it says."""
        ...


class HomeLock:
    """The lock that makes a supervisor the only one of its home; held until closed or death."""

    def __init__(self, home: Path) -> None:
        """Take the lock; AlreadyExists when another supervisor has it."""
        folder = home / "run"
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(enterable(folder))
        self._handle = os.open(folder / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._handle)
            raise AlreadyExists(
                "A supervisor runs for this home already; see `investbot status`, or end it with `investbot down`."
            ) from None

    def close(self) -> None:
        """Let the next supervisor in."""
        os.close(self._handle)


class ControlServer:
    """Listens at `run/supervisor.sock` for those who have access; the caller holds the HomeLock."""

    def __init__(self, home: Path, desk: Desk, *, owner_uid: int | None = None, access: Access | None = None) -> None:
        """Serve `home` for whoever has `access`: by default `owner_uid` alone, the user of this process."""
        self._home = home
        self._path = socket_path(home)
        self._desk = desk
        self._access = access or Access(os.getuid() if owner_uid is None else owner_uid)
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self._replies: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen; a socket file left behind by a dead supervisor is replaced (the HomeLock says that it is dead).

        ConfigError where those who have access cannot be given it.
        """
        listening = await asyncio.to_thread(self._listen)
        self._server = await asyncio.start_unix_server(self._welcome, sock=listening, limit=codec.MAX_LINE)

    def _listen(self) -> socket.socket:
        listening = listen(self._path)
        try:
            self._access.open_way(self._home, self._path)
        except BaseException:
            listening.close()
            raise
        return listening

    async def close(self, grace_s: float = 2.0) -> None:
        """Stop listening, let answers that are due go out, end every conversation; safe to call twice.

        The socket file is taken away; answers have `grace_s` seconds.
        """
        if self._server is None:
            return
        await asyncio.to_thread(self._path.unlink, missing_ok=True)
        self._server.close()
        if self._replies:
            await asyncio.wait(self._replies, timeout=grace_s)
        talks = [task for task in self._talks if task is not asyncio.current_task()]
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        self._server = None

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this callback as a task
        self._talks.add(task)
        connection = Connection(reader, writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await self._talk(connection)
        finally:
            self._talks.discard(task)
            await connection.close()

    async def _talk(self, connection: Connection) -> None:
        peer = connection.peer
        try:
            self._access.demand(peer, "ping")
        except InvestBotError as error:
            await self._turn_away(connection, "connect", error)
            return
        try:
            first = await connection.receive()
            if first is not None and "hello" in first:
                if peer.uid != self._access.owner:
                    raise VaultError(f"Process {peer.pid} is not of the owner of this home and no instance of it.")
                await self._desk.attend(connection, parse(Hello, first))
                return
            await self._serve(connection, first)
        except InvestBotError as error:
            await self._turn_away(connection, "junk", error)

    async def _turn_away(self, connection: Connection, what: str, error: InvestBotError) -> None:
        await self._desk.refused(connection, what, error)
        await connection.send(codec.failure(None, error))

    async def _serve(self, connection: Connection, first: dict[str, Any] | None) -> None:
        """Answer requests, each in its own task, until the face hangs up; then nobody waits for the rest."""
        tasks: set[asyncio.Task[None]] = set()
        message = first
        try:
            while message is not None:
                task = asyncio.create_task(self._reply(connection, parse(Request, message)))
                for answering in (tasks, self._replies):
                    answering.add(task)
                    task.add_done_callback(answering.discard)
                message = await connection.receive()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _reply(self, connection: Connection, request: Request) -> None:
        async def emit(item: Any) -> None:
            await connection.send({"id": request.id, "item": item})

        with contextlib.suppress(ConnectionError):
            try:
                args = await self._understood(connection, request)
                result = await self._desk.answer(connection, request, args, emit)
                await connection.send({"id": request.id, "ok": True, "result": result})
            except InvestBotError as error:
                await connection.send(codec.failure(request.id, error))
            except BaseException:
                connection.abort()  # the face must not wait for an answer that never comes
                raise

    async def _understood(self, connection: Connection, request: Request) -> NoArgs:
        """Read the arguments; what is not understood or not allowed is noted and refused."""
        peer = connection.peer
        try:
            self._access.demand(peer, request.verb)
            # Looked at for each request: a command may become an instance with its connection still open.
            if await asyncio.to_thread(is_instance, peer.pid):
                raise VaultError(f"Process {peer.pid} is an instance: it may tell of itself, and give no commands.")
            return parse_args(request)
        except InvestBotError as error:
            await self._desk.refused(connection, request.verb, error)
            raise
