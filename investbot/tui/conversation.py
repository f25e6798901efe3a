"""The dashboard's side of the control socket: many questions over one connection, and its end noticed at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Self

from investbot.control import codec
from investbot.control.address import connect
from investbot.control.connection import Connection
from investbot.domain.errors import DataError, InvariantError, SupervisorDown

GONE = "The supervisor is gone; start it again with `investbot up --detach`."


class Conversation:
    """One open connection to a supervisor."""

    def __init__(self, connection: Connection) -> None:
        """Listen on `connection`; made by `dial`."""
        self._connection = connection
        self._waiting: dict[int, asyncio.Queue[dict[str, Any] | None]] = {}
        self._next_id = 0
        self.gone = asyncio.Event()
        """Set as soon as the other side hangs up or talks nonsense."""
        self._listener = asyncio.create_task(self._listen())

    @classmethod
    async def dial(cls, path: Path) -> Self | None:
        """Connect to the socket at `path`; None when nobody listens."""
        try:
            opened = connect(path, 0)
        except OSError:
            return None
        reader, writer = await asyncio.open_unix_connection(sock=opened, limit=codec.MAX_LINE)
        return cls(Connection(reader, writer))

    async def call(self, verb: str, args: Mapping[str, Any], timeout_s: float) -> Any:
        """Ask and give the result, or all rows of a result that comes in pieces; the supervisor's error is raised here.

        SupervisorDown when it goes away or is silent for `timeout_s` seconds.
        """
        rows: list[Any] = []
        result: Any = None
        try:
            async with asyncio.timeout(timeout_s):
                async for answer in self._answers(verb, args):
                    if "item" in answer:
                        rows += answer["item"]
                    else:
                        result = answer.get("result")
        except TimeoutError:
            message = f"The supervisor did not answer within {timeout_s:.0f} s; look at it with `investbot doctor`."
            raise SupervisorDown(message) from None
        return rows if rows or _counted(result) else result

    async def stream(self, verb: str, args: Mapping[str, Any]) -> AsyncIterator[Any]:
        """Ask and give each item as it comes; SupervisorDown when the other side goes away."""
        async for answer in self._answers(verb, args):
            if "item" in answer:
                yield answer["item"]

    async def close(self) -> None:
        """Hang up; safe to call twice."""
        self._listener.cancel()
        await asyncio.gather(self._listener, return_exceptions=True)
        await self._connection.close()

    async def _answers(self, verb: str, args: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        self._next_id += 1
        request_id = self._next_id
        queue = self._waiting[request_id] = asyncio.Queue()
        try:
            await self._ask({"id": request_id, "verb": verb, "args": dict(args)})
            while (answer := None if self.gone.is_set() and queue.empty() else await queue.get()) is not None:
                yield answer
                if "item" in answer:
                    continue
                if answer.get("ok") is not True:
                    raise codec.error_for(int(answer.get("exit_code", 70)), str(answer.get("message", "")))
                return
            raise SupervisorDown(GONE)
        finally:
            del self._waiting[request_id]

    async def _ask(self, message: dict[str, Any]) -> None:
        try:
            await self._connection.send(message)
        except ConnectionError:
            raise SupervisorDown(GONE) from None

    async def _listen(self) -> None:
        try:
            while (message := await self._connection.receive()) is not None:
                queue = self._waiting.get(message.get("id") or 0)
                if queue is not None:
                    queue.put_nowait(message)
        except (DataError, InvariantError):
            self._connection.abort()
        finally:
            self.gone.set()
            for queue in self._waiting.values():
                queue.put_nowait(None)


def _counted(result: object) -> bool:
    """Tell whether a result is that of rows that came in pieces, of which there were none."""
    return isinstance(result, Mapping) and set(result) == {"count"}
