"""The small blocking client of the faces: standard library only, so that a short command stays short."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from investbot.control import codec
from investbot.control.address import connect, socket_path
from investbot.domain.errors import DataError, SupervisorDown

_CHUNK = 1 << 16


class ControlClient:
    """One connection to the supervisor of a home; use it as a context manager, from one thread.

    `timeout_s` bounds the wait for each line; None waits for ever (a stream, a long `flatten`).
    """

    def __init__(self, home: Path, *, timeout_s: float | None = 180.0) -> None:
        """Connect; SupervisorDown when none answers at `home`."""
        self._buffer = bytearray()
        self._next_id = 0
        try:
            self._socket = connect(socket_path(home), timeout_s)
        except OSError:
            raise SupervisorDown("No supervisor runs for this home; start one with `investbot up --detach`.") from None

    def __enter__(self) -> Self:
        """Give the connected client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        self._socket.close()

    def call(self, verb: str, **args: Any) -> Any:
        """Ask and give the result; the supervisor's own error is raised here, SupervisorDown when it goes away."""
        conversation = self._converse(verb, args)
        while True:
            try:
                next(conversation)
            except StopIteration as end:
                return end.value

    def stream(self, verb: str, **args: Any) -> Iterator[Any]:
        """Ask and give each item as it comes, until the stream ends or the caller stops asking."""
        yield from self._converse(verb, args)

    def rows(self, kind: str, name: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """Give the rows of a read, oldest first (see `read` in docs/operating.md)."""
        for chunk in self.stream("read", kind=kind, name=name, **filters):
            yield from chunk

    def _converse(self, verb: str, args: dict[str, Any]) -> Generator[Any, None, Any]:
        self._next_id += 1
        request_id = self._next_id
        self._send({"id": request_id, "verb": verb, "args": args})
        while True:
            answer = self._receive()
            if answer.get("id") not in {request_id, None}:
                continue  # the rest of a stream that was left before its end
            if "item" in answer:
                yield answer["item"]
            elif answer.get("ok") is True:
                return answer.get("result")
            else:
                raise codec.error_for(int(answer.get("exit_code", 70)), str(answer.get("message", "")))

    def _send(self, message: dict[str, Any]) -> None:
        line = codec.encode(message)
        with contextlib.suppress(OSError):  # who hung up may have said why: reading tells
            self._socket.sendall(line)

    def _receive(self) -> dict[str, Any]:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > codec.MAX_LINE:
                raise codec.too_long()
            try:
                chunk = self._socket.recv(_CHUNK)
            except TimeoutError:
                raise SupervisorDown(
                    "The supervisor did not answer in time; look at it with `investbot doctor`."
                ) from None
            except OSError:
                raise SupervisorDown(_GONE) from None
            if not chunk:
                raise SupervisorDown(_GONE)
            self._buffer += chunk
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return codec.decode(line)


_GONE = "The supervisor went away before it answered; see `investbot status`."


def supervisor_answers(home: Path, *, timeout_s: float = 2.0) -> bool:
    """Tell whether a supervisor of `home` answers a ping within `timeout_s` seconds."""
    try:
        with ControlClient(home, timeout_s=timeout_s) as client:
            client.call("ping")
    except (SupervisorDown, DataError):
        return False
    return True
