"""One GET with bounds: bytes, seconds, no way elsewhere, nothing that unfolds to more than it may."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from investbot.domain.errors import DataError

_GZIP = 31
"""The window of zlib that reads gzip (zlib.h: 15 + 16)."""
_AGENT = "investbot"


class Fetcher:
    """Asks one address; `headers` may hold a key, which no error repeats."""

    def __init__(self, url: str, timeout_s: float, max_bytes: int, headers: Mapping[str, str] | None = None) -> None:
        """Ask `url`; an answer has `timeout_s` seconds from asking to its last byte, and `max_bytes` unfolded."""
        self._url = url
        self._host = urlsplit(url).hostname or url
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        told = {"Accept-Encoding": "gzip", "User-Agent": _AGENT, **(headers or {})}
        self._client = httpx.AsyncClient(headers=told, timeout=timeout_s, follow_redirects=False, trust_env=False)

    def __repr__(self) -> str:
        """Show whom it asks and never with which key."""
        return f"<Fetcher {self._host}>"

    async def get(self) -> bytes:
        """Give the body of the answer; DataError for one that is none, too slow, too long, or sends us elsewhere."""
        try:
            async with asyncio.timeout(self._timeout_s), self._client.stream("GET", self._url) as answer:
                self._demand_good(answer)
                return await self._body(answer)
        except (TimeoutError, httpx.TimeoutException):
            raise DataError(f"{self._host} did not answer within {self._timeout_s:g} seconds.") from None
        except httpx.HTTPError as error:
            raise DataError(f"{self._host} cannot be asked ({type(error).__name__}).") from None

    async def close(self) -> None:
        """Close the connection; safe to call twice."""
        await self._client.aclose()

    def _demand_good(self, answer: httpx.Response) -> None:
        if answer.is_redirect:
            raise DataError(f"{self._host} leads elsewhere ({answer.status_code}), and nobody follows.")
        if answer.status_code != httpx.codes.OK:
            raise DataError(f"{self._host} answered {answer.status_code}.")

    async def _body(self, answer: httpx.Response) -> bytes:
        encoding = answer.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"identity", "gzip", ""}:
            raise DataError(f"{self._host} answered in a coding nobody asked for.")
        unfold = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
        body, taken = bytearray(), 0
        async for chunk in answer.aiter_raw():
            taken += len(chunk)
            body += chunk if unfold is None else self._unfolded(unfold, chunk, self._max_bytes + 1 - len(body))
            if max(taken, len(body)) > self._max_bytes:
                raise DataError(f"{self._host} answered with more than {self._max_bytes} bytes.")
        if unfold is not None and not unfold.eof:
            raise DataError(f"{self._host} broke off in the middle of its answer.")
        return bytes(body)

    def _unfolded(self, unfold: zlib._Decompress, chunk: bytes, most: int) -> bytes:
        try:
            return unfold.decompress(chunk, most)
        except zlib.error:
            raise DataError(f"{self._host} answered with gzip that is none.") from None
