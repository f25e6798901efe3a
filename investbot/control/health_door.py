"""The health door: over HTTP (RFC 9112) one question, whether an instance runs and its loop turns, for probes.

It is answered from the trading loop's own thread, so that a loop that hangs gives no answer. Nothing that trades can be
read or changed there: no figure, no secret, no method but GET.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import json
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from investbot.domain.errors import ConfigError, TryAgain, UsageError
from investbot.domain.states import InstanceState

FRESH_S = 15.0
"""Seconds for which a heartbeat counts; there is one every two."""
PATHS = frozenset({"/", "/health", "/healthz"})
MAX_HEAD = 4096
"""Bytes that a question may have."""
MAX_GUESTS = 16
"""Questions that are answered side by side; more wait at the door."""
PATIENCE_S = 5.0
"""Seconds that one question and its answer may take."""
LOOPBACK = "127.0.0.1"
_REST_S = 1.0
_LEFT = 8
_END = b"\r\n\r\n"


def parse_address(text: str) -> tuple[str, int]:
    """Read `PORT`, `ADDRESS:PORT` or `[ADDRESS]:PORT`; without an address it is the loopback's. UsageError."""
    address, colon, port = text.rpartition(":")
    try:
        if not (port.isascii() and port.isdecimal() and int(port) < 1 << 16):
            raise ValueError
        if not colon:
            return LOOPBACK, int(port)
        if address.startswith("[") and address.endswith("]"):
            return str(ipaddress.IPv6Address(address[1:-1])), int(port)
        return str(ipaddress.IPv4Address(address)), int(port)
    except ValueError:
        raise UsageError(f"{text!r} is no address of a door; write a port, or such as 127.0.0.1:8788.") from None


def open_door(address: str, port: int) -> socket.socket:
    """Listen at an IP address; TryAgain when the port is taken, ConfigError when it cannot be had here."""
    door = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((address, port))
        door.listen(MAX_GUESTS)
    except OSError as error:
        door.close()
        where = f"The health door cannot open at {address} port {port} ({error.strerror})"
        if error.errno == errno.EADDRINUSE:
            raise TryAgain(f"{where}; end what uses it, or give --health another port.") from None
        raise ConfigError(f"{where}; give --health an address of this machine and a port from 1024 on.") from None
    door.setblocking(False)
    return door


def taken_over(descriptor: int) -> socket.socket:
    """Give the listening socket that this process was started with; what it may start in turn does not get it."""
    door = socket.socket(fileno=descriptor)
    door.set_inheritable(False)
    door.setblocking(False)
    return door


class HealthDoor:
    """Answers at a socket that listens already; `run` it beside the loop, and `beat` it with each heartbeat."""

    def __init__(self, name: str, door: socket.socket, monotonic: Callable[[], float]) -> None:
        """Speak for instance `name`; `monotonic` reads seconds that never jump."""
        self._name = name
        self._door = door
        self._monotonic = monotonic
        self._state = InstanceState.STARTING.value
        self._beaten = monotonic()

    def beat(self, row: dict[str, Any]) -> None:
        """Take note of a heartbeat, which is a row of `status`."""
        self._state = str(row.get("state"))
        self._beaten = self._monotonic()

    async def run(self) -> None:
        """Answer until cancelled; what goes wrong with one guest is his own affair."""
        events = asyncio.get_running_loop()
        room = asyncio.Semaphore(MAX_GUESTS)
        guests: set[asyncio.Task[None]] = set()
        try:
            while True:
                await room.acquire()
                try:
                    guest, _ = await events.sock_accept(self._door)
                except OSError:  # out of descriptors, or a guest who has gone again
                    room.release()
                    await asyncio.sleep(_REST_S)
                    continue
                task = asyncio.create_task(self._attend(guest))
                guests.add(task)
                task.add_done_callback(guests.discard)
                task.add_done_callback(lambda _: room.release())
        finally:
            self._door.close()
            for task in guests:
                task.cancel()
            await asyncio.gather(*guests, return_exceptions=True)

    async def _attend(self, guest: socket.socket) -> None:
        events = asyncio.get_running_loop()
        with guest, contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                head = bytearray()
                while _END not in head and len(head) <= MAX_HEAD:
                    more = await events.sock_recv(guest, MAX_HEAD)
                    if not more:
                        return
                    head += more
                await events.sock_sendall(guest, self.answer(bytes(head)))
                guest.shutdown(socket.SHUT_WR)
                for _ in range(_LEFT):  # closing on unread bytes would take the answer back
                    if not await events.sock_recv(guest, MAX_HEAD):
                        return

    def answer(self, head: bytes) -> bytes:
        """Give the whole answer to a question: 200 when the instance runs and beats, 503 when it does not."""
        line, *_ = head.split(b"\r\n", 1)
        words = line.split(b" ")
        if _END not in head[:MAX_HEAD]:
            return _written(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _written(HTTPStatus.BAD_REQUEST)
        if words[0] != b"GET":
            return _written(HTTPStatus.METHOD_NOT_ALLOWED, "Allow: GET\r\n")
        if words[1].partition(b"?")[0].decode("latin-1") not in PATHS:
            return _written(HTTPStatus.NOT_FOUND)
        silent_s = max(0.0, self._monotonic() - self._beaten)
        healthy = self._state == InstanceState.RUNNING.value and silent_s <= FRESH_S
        told = {"name": self._name, "healthy": healthy, "state": self._state, "silent_ms": round(silent_s * 1000)}
        return _written(HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE, told=told)


def _written(status: HTTPStatus, more: str = "", told: dict[str, Any] | None = None) -> bytes:
    body = json.dumps(told or {"error": status.phrase}).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Cache-Control: no-store\r\n{more}Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
