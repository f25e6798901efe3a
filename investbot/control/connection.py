"""One connection as asyncio sees it: whole messages in, whole messages out, and who is on the other end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from investbot.control import codec
from investbot.control.identity import Peer, peer_of

PATIENCE_S = 30.0
"""Seconds that a peer may leave its lines unread before it is let go."""
_AT_ONCE = 1 << 14
"""Bytes that are read at once: asyncio's own quarter of a MiB is fresh memory of the kernel's for every short line."""


class Connection:
    """Messages over a stream; a peer that does not read for PATIENCE_S seconds is cut off."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take over an open stream whose reader was made with the limit of the codec."""
        self.peer: Peer = peer_of(writer.get_extra_info("socket"))
        self._reader = reader
        self._writer = writer
        self._sending = asyncio.Lock()
        writer.transport.max_size = _AT_ONCE  # type: ignore[attr-defined]

    async def receive(self) -> dict[str, Any] | None:
        """Give the next message, None at the end; DataError for junk."""
        try:
            line = await self._reader.readline()
        except ValueError:  # longer than the reader's limit
            raise codec.too_long() from None
        except ConnectionError:
            return None
        if not line.endswith(b"\n"):
            return None
        return codec.decode(line)

    async def send(self, message: Mapping[str, Any]) -> None:
        """Send a message; ConnectionError when the peer is gone or does not read."""
        line = codec.encode(message)
        async with self._sending:
            if self._writer.is_closing():
                raise ConnectionResetError
            self._writer.write(line)
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._writer.drain()
            except TimeoutError:
                self._writer.transport.abort()
                raise ConnectionResetError from None

    async def close(self) -> None:
        """Close; safe to call twice, whatever the peer does."""
        self._writer.close()
        with contextlib.suppress(ConnectionError, TimeoutError):
            await asyncio.wait_for(self._writer.wait_closed(), 1.0)

    def abort(self) -> None:
        """Drop the connection at once."""
        self._writer.transport.abort()
