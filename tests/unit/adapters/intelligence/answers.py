"""A server on loopback that answers as it is told to, byte by byte if need be."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


def response(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """One whole answer of HTTP/1.1, after which the connection ends."""
    told = {"Content-Type": "application/json", "Connection": "close", "Content-Length": str(len(body))}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


class Stranger:
    """Gives `answer` to every request; with `pause_s` between one byte and the next."""

    def __init__(self, answer: bytes = b"", pause_s: float = 0.0) -> None:
        self.answer = answer
        self.pause_s = pause_s
        self.asked: list[str] = []
        self.port = 0
        self.serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/news?all=1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        try:
            await self._answer(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            step = 1 if self.pause_s else 1 << 16
            for start in range(0, len(self.answer), step):
                writer.write(self.answer[start : start + step])
                await writer.drain()
                if self.pause_s:
                    await asyncio.sleep(self.pause_s)


@contextlib.asynccontextmanager
async def stranger(answer: bytes = b"", pause_s: float = 0.0) -> AsyncIterator[Stranger]:
    """Let a stranger listen while the context lasts."""
    made = Stranger(answer, pause_s)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in made.serving:
            task.cancel()
        await asyncio.gather(*made.serving, return_exceptions=True)
