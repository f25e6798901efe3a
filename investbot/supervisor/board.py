"""One message that says how the fleet is, edited whenever that changes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from investbot.domain.errors import InvestBotError
from investbot.domain.market import Millis
from investbot.domain.states import InstanceState, TradingState
from investbot.ports.clock import Clock
from investbot.ports.notifier import Delivery, Fate, Kind, Notice, Tone
from investbot.supervisor.news import Route
from investbot.supervisor.sender import in_daemon

LOG = logging.getLogger(__name__)
MOST = 24
"""Instances that are named; the rest is counted."""
_USUAL_PAUSE_S = 60.0
_TROUBLED = frozenset({InstanceState.BACKOFF.value, InstanceState.STARTING.value})
ReadRows = Callable[[], Awaitable[list[dict[str, Any]]]]
"""Gives the row of each instance."""


class StatusBoard:
    """Keeps the message; its id outlives the supervisor in `path`, so that the next one edits the same."""

    def __init__(
        self,
        path: Path,
        way: Callable[[], Awaitable[Route | None]],
        rows: ReadRows,
        clock: Clock,
        turn: Callable[[], AbstractAsyncContextManager[None]],
    ) -> None:
        """`way` gives the address, None while no message is wanted; `turn` waits until it may be written to."""
        self._path = path
        self._way = way
        self._rows = rows
        self._clock = clock
        self._turn = turn
        self._mark, self._message = _read(path)
        self._shown: tuple[object, ...] = ()
        self._refused = ""

    async def run(self, every_s: float) -> None:
        """Look every so many seconds, longer where the other side asks for it, until cancelled."""
        while True:
            pause_s = 0.0
            try:
                pause_s = await self._put(told(await self._rows(), self._clock.now()))
            except InvestBotError as error:
                LOG.warning("status_message_failed", extra={"fields": {"why": str(error)}})
            await asyncio.sleep(max(every_s, pause_s))

    async def down(self, seconds: float) -> None:
        """Let it say that nobody watches any more, if that can be done within so many seconds."""
        if self._message:
            text = "What it said of the instances is not kept up to date any more."
            notice = Notice(self._clock.now(), Kind.LIFECYCLE, "The supervisor is down", text=text, tone=Tone.WARNING)
            with contextlib.suppress(TimeoutError, InvestBotError):
                async with asyncio.timeout(seconds):
                    await self._put(notice)

    async def _put(self, notice: Notice) -> float:
        """Show it if it says something new; give the seconds in which the other side wants to be left alone."""
        route = await self._way()
        face = (notice.title, notice.text, notice.fields, notice.tone)
        if route is None or route.board is None or route.mark == self._refused:
            return 0.0
        if route.mark != self._mark:
            self._mark, self._message, self._shown = route.mark, "", ()
        if face == self._shown:
            return 0.0
        board, message = route.board, self._message
        async with self._turn():
            shown = await in_daemon(lambda: board.show(notice, message))
        delivery, message = shown or (Delivery(Fate.UNFIT), message)
        if message != self._message:
            self._message = message
            await asyncio.to_thread(_write, self._path, self._mark, message)
        if delivery.fate is Fate.SENT:
            self._shown = face
        elif delivery.fate is Fate.REFUSED:
            self._refused = route.mark
        else:
            LOG.warning("status_message_failed", extra={"fields": {"why": delivery.why}})
        return _USUAL_PAUSE_S if delivery.pause_s is None else delivery.pause_s


def told(rows: Sequence[dict[str, Any]], now: Millis) -> Notice:
    """Say how all instances are; `now` in milliseconds UTC."""
    counts = Counter(str(row["state"]) for row in rows)
    title = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "No instances"
    more = len(rows) - MOST
    text = f"{more} more: `investbot status`." if more > 0 else ""
    fields = tuple((str(row["name"]), _line(row)) for row in rows[:MOST])
    return Notice(now, Kind.LIFECYCLE, title, text=text, fields=fields, tone=_tone(rows))


def _line(row: dict[str, Any]) -> str:
    words = [str(row["state"]), str(row.get("mode") or "")]
    if row.get("trading_state") not in {None, TradingState.ACTIVE.value}:
        words.append(str(row["trading_state"]))
    if row.get("paused"):
        words.append("paused")
    if row.get("equity") is not None:
        words.append(f"equity {row['equity']}")
    if row.get("day_pnl") is not None:
        words.append(f"today {row['day_pnl']}")
    if row.get("open_positions"):
        words.append(f"{row['open_positions']} open")
    return " · ".join(word for word in words if word)


def _tone(rows: Sequence[dict[str, Any]]) -> Tone:
    states = {str(row["state"]) for row in rows}
    if InstanceState.FATAL.value in states:
        return Tone.ALARM
    reduced = any(row.get("trading_state") not in {None, TradingState.ACTIVE.value} for row in rows)
    if states & _TROUBLED or reduced:
        return Tone.WARNING
    return Tone.GOOD if InstanceState.RUNNING.value in states else Tone.PLAIN


def _read(path: Path) -> tuple[str, str]:
    """Read the address's mark and the message's id; empty where nothing was written."""
    try:
        body = json.loads(path.read_bytes())
        return str(body["mark"]), str(body["message"])
    except (OSError, ValueError, TypeError, KeyError):
        return "", ""


def _write(path: Path, mark: str, message: str) -> None:
    """Replace the file in one step; with a full disk the next supervisor writes a new message."""
    beside = path.with_suffix(".json.new")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"mark": mark, "message": message}, file)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
