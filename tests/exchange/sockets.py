"""One websocket of a client: what it is subscribed to, and what goes wrong on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

HELD_S = 0.3
"""How long a message held back for disorder waits for the next one, seconds."""


@dataclass(slots=True)
class Troubles:
    """How many of the next messages to users are doubled, swapped, lost, late; and refused subscriptions."""

    duplicate: int = 0
    reorder: int = 0
    lose: int = 0
    late: int = 0
    late_s: float = 1.0
    refuse: int = 0

    def due(self, name: str) -> bool:
        """Tell whether a trouble is due now, and count it."""
        left: int = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
        return left > 0


class Socket:
    """Sends in order, never blocks who sends, and can fall silent or be dropped."""

    def __init__(self, ws: web.WebSocketResponse, request: web.Request, wall: Callable[[], float]) -> None:
        self.ws = ws
        self.streams: set[str] = set()
        self.accounts: dict[int, tuple[str, str]] = {}
        """Subscription number (-1: by listen key): account and name of the key."""
        self.silent_until = 0.0
        self._request = request
        self._wall = wall
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._held: str | None = None

    @property
    def silent(self) -> bool:
        """Tell whether nothing goes out, not even a pong."""
        return self._wall() < self.silent_until

    def drop(self) -> None:
        """Cut the connection without a word."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def send(self, message: Any, troubles: Troubles | None = None) -> None:
        """Send one message, or what `troubles` make of it."""
        if self.silent:
            return
        text = json.dumps(message, separators=(",", ":"))
        if troubles is None:
            self._queue.put_nowait(text)
        elif troubles.due("lose"):
            return
        elif troubles.due("late"):
            asyncio.get_running_loop().call_later(troubles.late_s, self._queue.put_nowait, text)
        elif self._held is None and troubles.due("reorder"):
            self._held = text
            asyncio.get_running_loop().call_later(HELD_S, self._let_go)
        else:
            self._queue.put_nowait(text)
            if troubles.due("duplicate"):
                self._queue.put_nowait(text)
            self._let_go()

    async def serve(self, received: Callable[[Socket, dict[str, Any]], None]) -> None:
        """Read until the client goes; `received` takes each message."""
        writer = asyncio.create_task(self._write())
        try:
            async for message in self.ws:
                if message.type is WSMsgType.PING and not self.silent:
                    await self.ws.pong(message.data)
                if message.type is WSMsgType.TEXT:
                    received(self, json.loads(message.data))
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    def _let_go(self) -> None:
        if self._held is not None:
            text, self._held = self._held, None
            self._queue.put_nowait(text)

    async def _write(self) -> None:
        while True:
            text = await self._queue.get()
            try:
                await self.ws.send_str(text)
            except ConnectionError:
                return
