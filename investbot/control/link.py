"""The instance's end of the control socket: dials for ever, and never makes the trading loop wait."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from investbot.control import codec
from investbot.control.address import connect, socket_path
from investbot.control.connection import Connection
from investbot.control.identity import start_time
from investbot.control.messages import WORD_S, InstanceRequest, Message, parse
from investbot.domain.errors import InvestBotError

Serve = Callable[[InstanceRequest], Awaitable[Any]]
"""Does what the supervisor asks and gives a JSON value; InvestBotError when it cannot be done."""

MAX_WAITING = 1024
"""Events that wait for a slow supervisor; older ones are dropped (the ledger has them all)."""


class _Numbered(Message):
    id: int
    request: InstanceRequest


class InstanceLink:
    """Says hello, sends the last status and the events, answers requests; `run` it as one task of the instance.

    `first_s` and `longest_s` are the shortest and the longest wait between two attempts to dial, in seconds; `word_s`
    are those in which it wants to hear that it is watched.
    """

    def __init__(
        self,
        home: Path,
        name: str,
        serve: Serve,
        *,
        first_s: float = 0.2,
        longest_s: float = 2.0,
        word_s: float = WORD_S,
    ) -> None:
        """Make the link of instance `name`; nothing is dialled before `run`."""
        self._path = socket_path(home)
        self._name = name
        self._serve = serve
        self._waits_s = (first_s, longest_s)
        self._hurry = {"word_s": word_s} if word_s < WORD_S else {}
        self._status: dict[str, Any] | None = None
        self._events: deque[dict[str, Any]] = deque(maxlen=MAX_WAITING)
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._connected = False
        self._heard_at: float | None = None
        self.dropped = 0
        """Events that a slow or absent supervisor never got."""

    @property
    def connected(self) -> bool:
        """Tell whether a supervisor listens now."""
        return self._connected

    def unheard_s(self, now: float) -> float | None:
        """Tell how many seconds ago a supervisor said that it watches; None before it ever did.

        `now` in monotonic seconds.
        """
        return None if self._heard_at is None else max(0.0, now - self._heard_at)

    def status(self, row: dict[str, Any]) -> None:
        """Offer the newest status; an older one not yet sent is forgotten. Never waits."""
        self._status = row
        self._news.set()

    def event(self, event: dict[str, Any]) -> None:
        """Offer an event; with MAX_WAITING waiting the oldest is dropped. Never waits."""
        if len(self._events) == MAX_WAITING:
            self.dropped += 1
        self._events.append(event)
        self._news.set()

    async def run(self) -> None:
        """Dial, talk and dial again until cancelled; each wait doubles up to the longest."""
        wait_s, longest_s = self._waits_s
        clock = asyncio.get_running_loop().time
        while True:
            connection = await self._dial()
            if connection is not None:
                began = clock()
                await self._talk(connection)
                if clock() - began > longest_s:
                    wait_s = self._waits_s[0]
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, longest_s)

    async def flush(self, timeout_s: float = 1.0) -> None:
        """Wait until everything offered has been handed to the kernel, at most `timeout_s` seconds."""
        if self._connected and (self._events or self._status is not None):
            self._idle.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), timeout_s)

    async def _dial(self) -> Connection | None:
        try:
            opened = connect(self._path, 0)
        except OSError:
            return None
        reader, writer = await asyncio.open_unix_connection(sock=opened, limit=codec.MAX_LINE)
        return Connection(reader, writer)

    async def _talk(self, connection: Connection) -> None:
        """Talk until either side ends it."""
        began = await asyncio.to_thread(start_time) or 0
        hello = {"name": self._name, "pid": os.getpid(), "start_time": began, **self._hurry}
        sides = [asyncio.create_task(self._send(connection, hello)), asyncio.create_task(self._listen(connection))]
        try:
            await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._connected = False
            self._idle.set()
            for side in sides:
                side.cancel()
            await asyncio.gather(*sides, return_exceptions=True)
            await connection.close()

    async def _send(self, connection: Connection, hello: dict[str, Any]) -> None:
        await connection.send({"hello": hello})
        self._connected = True
        while True:
            self._news.clear()
            for frame in self._frames():
                await connection.send(frame)
            self._idle.set()
            await self._news.wait()

    def _frames(self) -> Iterator[dict[str, Any]]:
        while self._events:
            yield {"event": self._events.popleft()}
        if self._status is not None:
            row, self._status = self._status, None
            yield {"status": row}

    async def _listen(self, connection: Connection) -> None:
        answers: set[asyncio.Task[None]] = set()
        try:
            while (message := await connection.receive()) is not None:
                if message.get("ok") is False:
                    return  # turned away: dial again later
                if "watching" in message:
                    self._heard_at = asyncio.get_running_loop().time()
                    continue
                task = asyncio.create_task(self._answer(connection, parse(_Numbered, message)))
                answers.add(task)
                task.add_done_callback(answers.discard)
        finally:
            for task in answers:
                task.cancel()

    async def _answer(self, connection: Connection, numbered: _Numbered) -> None:
        try:
            answer = {"id": numbered.id, "ok": True, "result": await self._serve(numbered.request)}
        except InvestBotError as error:
            answer = codec.failure(numbered.id, error)
        with contextlib.suppress(ConnectionError):
            await connection.send(answer)
