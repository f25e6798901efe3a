"""The feed's socket: the processes of one user, each told what it subscribed to, none waited for."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any

from investbot.control import codec
from investbot.control.address import feed_path, listen
from investbot.control.connection import Connection
from investbot.control.feed_messages import CandlesArgs, PricesArgs, SubscribeArgs, parse_feed_args
from investbot.control.messages import Request, parse
from investbot.domain.errors import InvestBotError, VaultError
from investbot.feed.feed import Feed

MOST_UNREAD = 1 << 16
"""Bytes that may wait for one subscriber; what comes beyond is left out, and he asks for it later."""


class FeedServer:
    """Listens at `run/feed.sock` (0600); the caller holds the feed's lock."""

    def __init__(self, home: Path, feed: Feed, *, owner_uid: int | None = None) -> None:
        """Serve `home` for `owner_uid`, by default the user of this process."""
        self._path = feed_path(home)
        self._feed = feed
        self._owner_uid = os.getuid() if owner_uid is None else owner_uid
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen; a socket file left behind by a dead feed is replaced."""
        listening = await asyncio.to_thread(listen, self._path)
        self._server = await asyncio.start_unix_server(self._welcome, sock=listening, limit=codec.MAX_LINE)

    async def close(self) -> None:
        """Stop listening and end every conversation; the socket file is taken away. Safe to call twice."""
        if self._server is None:
            return
        await asyncio.to_thread(self._path.unlink, missing_ok=True)
        self._server.close()
        for task in list(self._talks):
            task.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        self._server = None

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this callback as a task
        self._talks.add(task)
        subscriber = _Subscriber(reader, writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await self._talk(subscriber)
        finally:
            self._talks.discard(task)
            self._feed.leave(subscriber)
            await subscriber.close()

    async def _talk(self, subscriber: _Subscriber) -> None:
        """Answer one request after another: who asks for much waits for himself."""
        if subscriber.peer.uid != self._owner_uid:
            refusal = VaultError("This feed belongs to another user.")
            await subscriber.send(codec.failure(None, refusal))
            return
        number: int | None = None
        try:
            while (message := await subscriber.receive()) is not None:
                number = None
                request = parse(Request, message)
                number = request.id
                try:
                    result = await self._answer(subscriber, request)
                    await subscriber.send({"id": number, "ok": True, "result": result})
                except InvestBotError as error:
                    await subscriber.send(codec.failure(number, error))
        except InvestBotError as error:  # a line that is none of ours: whoever sent it is not listened to any further
            await subscriber.send(codec.failure(number, error))

    async def _answer(self, subscriber: _Subscriber, request: Request) -> Any:
        match parse_feed_args(request):
            case SubscribeArgs() as args:
                return await self._feed.subscribe(subscriber, args)
            case CandlesArgs() as args:
                return self._feed.candles(args.stream, args.since)
            case PricesArgs() as args:
                return self._feed.prices(subscriber, args)
            case _:
                return {"pid": os.getpid(), "streams": self._feed.state(), "prices": self._feed.price_lines()}


class _Subscriber(Connection):
    """A connection that can also be pushed to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self._pushing = writer

    def push(self, line: bytes) -> bool:
        """Send one line without waiting; False when too much waits for the other end already, or it has gone."""
        if self._pushing.is_closing() or self._pushing.transport.get_write_buffer_size() > MOST_UNREAD:
            return False
        self._pushing.write(line)
        return True

    def offer(self, line: bytes) -> bool:
        """Send one line, without waiting; False where an earlier one is still unread, or the other end has gone."""
        if self._pushing.is_closing() or self._pushing.transport.get_write_buffer_size():
            return False
        self._pushing.write(line)
        return True
