"""The real reader: the supervisor's stream of snapshots, or the ledgers while no supervisor answers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from investbot.domain.errors import InvestBotError
from investbot.tui.conversation import GONE, Conversation
from investbot.tui.log_tail import tail
from investbot.tui.model import Detail, Fields, Link, Result, Row, Snapshot, moment

Offline = Callable[[], list[dict[str, Any]]]
"""Reads the status rows out of the ledgers; blocking."""

_FIRST_FRAME_S = 3.0
_ACT_S = 120.0
_READ_S = 10.0
_OFFLINE_EVERY_S = 5.0
_LOG_LINES = 200
_KINDS = ("positions", "orders", "fills", "trips", "signals")
_LAST = {"orders": 500, "fills": 100, "trips": 100, "signals": 100}
_PANIC_ALONE = "No supervisor runs for this home; `investbot panic` in a shell flattens every instance without one."
_NO_SUPERVISOR = "No supervisor runs for this home; start one with `investbot up --detach`."


class ControlReader:
    """Dials the socket of a home again and again; `now` reads monotonic seconds."""

    def __init__(self, path: Path, offline: Offline | None, now: Callable[[], float] = time.monotonic) -> None:
        """Read from the supervisor at `path`, or with `offline` while there is none."""
        self._path = path
        self._offline = offline
        self._now = now
        self._talk: Conversation | None = None
        self._watch: asyncio.Task[None] | None = None
        self._first = asyncio.Event()
        self._snapshot: Snapshot | None = None
        self._stored: tuple[float, tuple[Row, ...], str] | None = None
        self._news: dict[str, int] = {}
        self._details: dict[str, tuple[int, Detail]] = {}

    async def fleet(self) -> Snapshot:
        """Give the newest frame, or what is known without a supervisor."""
        if await self._connected() is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._first.wait(), _FIRST_FRAME_S)
            if self._snapshot is not None and self._watch is not None and not self._watch.done():
                return self._snapshot
        if self._offline is not None:
            return await self._from_ledgers(self._offline)
        if self._snapshot is not None:
            return Snapshot(self._snapshot.rows, Link.LOST, self._snapshot.at, GONE)
        return Snapshot((), Link.DOWN, self._now(), _NO_SUPERVISOR)

    async def instance(self, name: str) -> Detail:
        """Read the rows of one instance anew when it has news, and the end of its log each time."""
        log = await asyncio.to_thread(tail, self._log_of(name), _LOG_LINES)
        news, known = self._details.get(name, (-1, Detail(name, None)))
        current = self._news.get(name, 0)
        talk = self._talk
        if talk is None or talk.gone.is_set():
            return _with_log(known, log, known.at, _NO_SUPERVISOR)
        if current == news:
            return _with_log(known, log, self._now(), known.why)
        try:
            positions, orders, fills, trips, signals = [await self._rows(talk, kind, name) for kind in _KINDS]
        except InvestBotError as error:
            return _with_log(known, log, known.at, str(error))
        detail = Detail(name, self._now(), positions, orders, fills, trips, signals, log)
        self._details[name] = (current, detail)
        return detail

    async def act(self, verb: str, names: Sequence[str], args: Fields) -> list[Result]:
        """Hand a verb to the supervisor; what it refuses is a result too."""
        talk = await self._connected()
        label = " ".join(names) or "fleet"
        if talk is None:
            return [Result(label, ok=False, message=_PANIC_ALONE if verb == "panic" else _NO_SUPERVISOR)]
        body = {"by": "dash", **args} | ({"names": list(names)} if names else {})
        try:
            return _results(label, await talk.call(verb, body, _ACT_S))
        except InvestBotError as error:
            return [Result(label, ok=False, message=str(error))]

    async def close(self) -> None:
        """Hang up."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if self._talk is not None:
            await self._talk.close()
        self._watch = self._talk = None

    async def _connected(self) -> Conversation | None:
        if self._talk is not None and not self._talk.gone.is_set() and self._watch and not self._watch.done():
            return self._talk
        await self.close()
        self._talk = await Conversation.dial(self._path)
        if self._talk is not None:
            self._first.clear()
            self._watch = asyncio.create_task(self._follow(self._talk))
        return self._talk

    async def _follow(self, talk: Conversation) -> None:
        """Take frames in until the stream ends, which a look then finds out; the first one may be waited for."""
        with contextlib.suppress(InvestBotError):
            async for frame in talk.stream("watch", {"interval_s": 1.0, "events": True}):
                self._take(frame)
                self._first.set()
        self._first.set()

    def _take(self, frame: Fields) -> None:
        for event in frame.get("events") or ():
            name = str(event.get("name"))
            self._news[name] = self._news.get(name, 0) + 1
        rows = tuple(Row.of(row) for row in frame["status"])
        for row in rows:
            self._state_news(row)
        self._snapshot = Snapshot(rows, Link.UP, self._now(), wall=moment(frame.get("at")))

    def _state_news(self, row: Row) -> None:
        """Count a change of state as news: what an instance did while nobody was watching is read then."""
        before = self._snapshot.row(row.name) if self._snapshot else None
        if before is None or before.state != row.state:
            self._news[row.name] = self._news.get(row.name, 0) + 1

    async def _rows(self, talk: Conversation, kind: str, name: str) -> tuple[Fields, ...]:
        last = {"last": _LAST[kind]} if kind in _LAST else {}
        rows = await talk.call("read", {"kind": kind, "name": name, **last}, _READ_S)
        return tuple(rows) if isinstance(rows, list) else ()

    async def _from_ledgers(self, offline: Offline) -> Snapshot:
        if self._stored is None or self._now() - self._stored[0] >= _OFFLINE_EVERY_S:
            try:
                rows = tuple(Row.of(row) for row in await asyncio.to_thread(offline))
                self._stored = (self._now(), rows, _NO_SUPERVISOR)
            except InvestBotError as error:
                self._stored = (self._now(), self._stored[1] if self._stored else (), str(error))
        at, rows, why = self._stored
        return Snapshot(rows, Link.DOWN, at, why)

    def _log_of(self, name: str) -> Path:
        return self._path.parent.parent / "instances" / name / "logs" / "instance.log"


def _with_log(known: Detail, log: tuple[str, ...], at: float | None, why: str) -> Detail:
    return Detail(known.name, at, known.positions, known.orders, known.fills, known.trips, known.signals, log, why)


def _results(label: str, answer: Any) -> list[Result]:
    """Read the lines of an answer; one that has none is a plain yes."""
    if isinstance(answer, dict):
        answer = answer.get("lines", [answer])
    lines = [line for line in answer or () if isinstance(line, dict)]
    return [
        Result(str(line.get("name", label)), line.get("ok") is not False, str(line.get("message") or "done"))
        for line in lines
    ] or [Result(label, ok=True, message="done")]
