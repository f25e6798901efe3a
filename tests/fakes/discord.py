"""A Discord of our own on loopback: takes webhook messages, holds to Discord's limits, fails as it is told to."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "canary-webhook-token-4be1f09c77d2"

TEXT_LIMITS = {"title": 256, "description": 4096}


@dataclass
class Reply:
    """What is answered instead of 200: `body` is bytes as they are; `delay_s` before it."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    delay_s: float = 0.0
    taken: bool = False
    """Whether the message counts as taken all the same (an answer that got lost)."""


@dataclass
class Message:
    """One message that was taken: when (monotonic seconds), where, what."""

    at: float
    path: str
    body: dict[str, Any]

    @property
    def titles(self) -> list[str]:
        return [embed["title"] for embed in self.body["embeds"]]


class Discord:
    """The server; `replies` are given in their order, then every message that keeps the limits is taken."""

    def __init__(self) -> None:
        self.replies: deque[Reply] = deque()
        self.always: Reply | None = None
        self.taken: list[Message] = []
        self.asked: list[float] = []
        self.unfit: list[str] = []
        self.edited: dict[str, list[dict[str, Any]]] = {}
        """What each message was edited to, by its id, oldest first."""
        self.deleted: set[str] = set()
        self.port = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/webhooks/1/{TOKEN}"

    @property
    def titles(self) -> list[str]:
        with self._lock:
            return [title for message in self.taken for title in message.titles]

    @property
    def said(self) -> str:
        with self._lock:
            return json.dumps([message.body for message in self.taken], ensure_ascii=False)

    def take(self, path: str, raw: bytes) -> Reply:
        body = json.loads(raw)
        with self._lock:
            self.asked.append(time.monotonic())
            reply = self.replies.popleft() if self.replies else self.always
            if reply is not None and not reply.taken:
                return reply
            wrong = faults(body) + ([] if "wait=true" in path else ["no wait"])
            if wrong:
                self.unfit += wrong
                return Reply(400, body=json.dumps({"errors": wrong}).encode())
            self.taken.append(Message(time.monotonic(), path, body))
            return reply or Reply(200, body=json.dumps({"id": str(len(self.taken))}).encode())

    def edit(self, path: str, raw: bytes) -> Reply:
        """Write over a message, as PATCH …/messages/ID does."""
        body, message = json.loads(raw), path.partition("?")[0].rpartition("/messages/")[2]
        with self._lock:
            reply = self.replies.popleft() if self.replies else self.always
            if reply is not None:
                return reply
            if message not in {str(number + 1) for number in range(len(self.taken))} - self.deleted:
                return Reply(404, body=b'{"message": "Unknown Message", "code": 10008}')
            if wrong := faults(body):
                self.unfit += wrong
                return Reply(400, body=json.dumps({"errors": wrong}).encode())
            self.edited.setdefault(message, []).append(body)
            return Reply(200, body=json.dumps({"id": message}).encode())


def faults(body: dict[str, Any]) -> list[str]:
    """Name every limit of Discord's that a message breaks, counted in UTF-16 units."""
    found = [] if body.get("allowed_mentions") == {"parse": []} else ["allowed_mentions"]
    embeds = body.get("embeds", [])
    if not 1 <= len(embeds) <= 10:
        found.append("embeds")
    total = 0
    for embed in embeds:
        for name, most in TEXT_LIMITS.items():
            total += units(embed.get(name, ""))
            found += [name] if units(embed.get(name, "")) > most else []
        footer = embed.get("footer", {}).get("text", "")
        total += units(footer)
        found += ["footer"] if units(footer) > 2048 else []
        found += ["fields"] if len(embed.get("fields", [])) > 25 else []
        for each in embed.get("fields", []):
            total += units(each["name"]) + units(each["value"])
            fits = 1 <= units(each["name"]) <= 256 and 1 <= units(each["value"]) <= 1024
            found += [] if fits else ["field"]
    return found + (["total"] if total > 6000 else [])


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@contextmanager
def discord() -> Iterator[Discord]:
    """Run a server while the context lasts."""
    state = Discord()

    class Handler(BaseHTTPRequestHandler):
        def do_PATCH(self) -> None:
            self._answer(state.edit(self.path, self.rfile.read(int(self.headers["Content-Length"]))))

        def do_POST(self) -> None:
            self._answer(state.take(self.path, self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, reply: Reply) -> None:
            time.sleep(reply.delay_s)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if reply.status != 204:
                self.wfile.write(reply.body)

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
