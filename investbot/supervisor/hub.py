"""Where the instances' links end: last status and its age, events for whoever watches, requests with an answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from investbot.control import codec
from investbot.control.connection import Connection
from investbot.control.messages import WORD_S, Answer, EventFrame, InstanceRequest, StatusFrame, parse
from investbot.domain.errors import TryAgain
from investbot.supervisor.vitals import Vitals

MAX_WAITING = 512
"""Events that wait for a slow watcher; older ones are dropped (a slow face loses frames, never facts)."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The last status row of an instance and when it came, in monotonic seconds."""

    row: dict[str, Any]
    at: float


class Puts(Protocol):
    """Whoever is shown events; what it does with one must not take long."""

    def put(self, event: dict[str, Any]) -> None:
        """Take an event."""
        ...


class Watcher:
    """The events that one face has not yet seen."""

    def __init__(self) -> None:
        """Begin with none."""
        self._events: deque[dict[str, Any]] = deque(maxlen=MAX_WAITING)
        self.lost = 0
        """Events dropped because the face was slow."""

    def put(self, event: dict[str, Any]) -> None:
        """Keep an event until it is taken."""
        self.lost += len(self._events) == MAX_WAITING
        self._events.append(event)

    def take(self) -> list[dict[str, Any]]:
        """Give what has come since the last call."""
        events = list(self._events)
        self._events.clear()
        return events


class Hub:
    """All links of a supervisor, by the name of the instance."""

    def __init__(self, now: Callable[[], float], heard: Callable[[str, dict[str, Any]], None]) -> None:
        """`now` reads monotonic seconds; `heard` is told every status row."""
        self._now = now
        self._heard = heard
        self._links: dict[str, Connection] = {}
        self._last: dict[str, Heard] = {}
        self._asked: dict[str, dict[int, asyncio.Future[Answer | None]]] = {}
        self._watchers: set[Puts] = set()
        self._next_id = 0
        self._beat = asyncio.Event()
        self.vitals = Vitals()
        """What the instances take, as their heartbeats tell it."""

    def last(self, name: str) -> Heard | None:
        """Give the last status of an instance; None before its first one."""
        return self._last.get(name)

    async def until(self, name: str, done: Callable[[dict[str, Any]], bool], timeout_s: float) -> bool:
        """Wait for a status that comes after this call and is as wanted; False when `timeout_s` seconds are over."""
        since = self._now()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while True:
                    await self._beat.wait()
                    heard = self._last.get(name)
                    if heard is not None and heard.at >= since and done(heard.row):
                        return True
        return False

    def connected(self, name: str) -> bool:
        """Tell whether the instance is on the line."""
        return name in self._links

    def forget(self, name: str) -> None:
        """Drop the last status of a process that is gone."""
        self._last.pop(name, None)
        self.vitals.forget(name)

    @contextlib.contextmanager
    def watching(self) -> Iterator[Watcher]:
        """Collect events while the context lasts."""
        watcher = Watcher()
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def attach(self, watcher: Puts) -> None:
        """Show every event to one who watches for as long as the hub is there."""
        self._watchers.add(watcher)

    def publish(self, event: dict[str, Any]) -> None:
        """Show an event to all who watch."""
        for watcher in self._watchers:
            watcher.put(event)

    async def listen(self, name: str, connection: Connection, word_s: float = WORD_S) -> None:
        """Take in what an instance says until it hangs up; DataError or UsageError for junk.

        It is told that it is watched with the first heartbeat after `word_s` seconds.
        """
        before = self._links.pop(name, None)
        if before is not None:
            before.abort()
        self._links[name] = connection
        told_at = -WORD_S
        try:
            while True:
                if self._now() - told_at >= word_s:  # a supervisor that hangs says nothing, and is lost
                    told_at = self._now()
                    await connection.send({"watching": True})
                message = await connection.receive()
                if message is None:
                    return
                self._take(name, message)
        finally:
            if self._links.get(name) is connection:
                del self._links[name]
                self._give_up(name)

    async def ask(self, name: str, request: InstanceRequest, timeout_s: float) -> Any:
        """Ask an instance and give its result; its own error is raised here, TryAgain when it does not answer."""
        connection = self._links.get(name)
        if connection is None:
            raise TryAgain(f"{name} is not on the line; see `investbot status`, then try again.")
        self._next_id += 1
        request_id = self._next_id
        answer: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        waiting = self._asked.setdefault(name, {})
        waiting[request_id] = answer
        body = request.model_dump(exclude_none=True)
        try:
            async with asyncio.timeout(timeout_s):
                await connection.send({"id": request_id, "request": body})
                given = await answer
        except (TimeoutError, ConnectionError):
            given = None
        finally:
            waiting.pop(request_id, None)
        if given is None:
            raise TryAgain(f"{name} did not answer within {timeout_s:.0f} s; see `investbot logs {name}`.")
        if not given.ok:
            raise codec.error_for(given.exit_code, given.message)
        return given.result

    def _take(self, name: str, message: dict[str, Any]) -> None:
        if "status" in message:
            row = parse(StatusFrame, message).status
            self._last[name] = Heard(row, self._now())
            self.vitals.heard(name, row, self._now())
            self._beat.set()
            self._beat = asyncio.Event()
            self._heard(name, row)
        elif "event" in message:
            self.publish({"name": name, **parse(EventFrame, message).event})
        else:
            answer = parse(Answer, message)
            waiting = self._asked.get(name, {}).get(answer.id)
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)

    def _give_up(self, name: str) -> None:
        """Let nobody wait for an answer that cannot come any more."""
        for waiting in self._asked.get(name, {}).values():
            if not waiting.done():
                waiting.set_result(None)
