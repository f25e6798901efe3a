"""Asking the world outside beside the loop: each source in its own time, and whatever it does stays its own affair."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from investbot.domain.errors import InvestBotError
from investbot.domain.facts import Intelligence, IntelligenceFailed
from investbot.domain.market import Millis
from investbot.instance.host import FactAt
from investbot.ports.intelligence import Answer, IntelligenceSource

_LOG = logging.getLogger("investbot.instance")
_GRACE_S = 2.0
"""Seconds that a source has beyond its own time before it is broken off."""
_READY_S = 0.5
"""Seconds between two looks whether the engine has begun."""


class Listening:
    """Asks `sources` again and again and tells what they say, as facts that still want their moment."""

    def __init__(
        self,
        sources: Sequence[IntelligenceSource],
        tell: Callable[[Sequence[FactAt]], None],
        now: Callable[[], Millis],
        is_ready: Callable[[], bool],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Ask from when `is_ready` on; `now` reads the venue's time in milliseconds UTC."""
        self._sources = sources
        self._tell = tell
        self._now = now
        self._is_ready = is_ready
        self._sleep = sleep
        self._said: dict[str, str] = {}
        self._failing: set[str] = set()

    async def run(self) -> None:
        """Go on until cancelled; then let all connections go."""
        try:
            while not self._is_ready():
                await self._sleep(_READY_S)
            async with asyncio.TaskGroup() as tasks:
                for source in self._sources:
                    tasks.create_task(self._follow(source))
        finally:
            for source in self._sources:
                await source.close()

    def health(self) -> dict[str, str]:
        """Say how each source is."""
        told = "; ".join(f"{name}: {said}" for name, said in self._said.items())
        return {"intelligence": told} if told else {}

    async def look(self, source: IntelligenceSource) -> None:
        """Ask once and tell what came of it; nothing that the source does gets past this."""
        asking = asyncio.ensure_future(source.look(self._now()))
        asking.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            await asyncio.wait((asking,), timeout=source.timeout_s + _GRACE_S)
        finally:
            late = not asking.done() or asking.cancelled()
            asking.cancel()
        if late:
            self._failed(source.name, f"It did not answer within {source.timeout_s:g} seconds.")
            return
        error = asking.exception()
        if isinstance(error, InvestBotError):
            self._failed(source.name, str(error))
        elif error is not None:
            if source.name not in self._failing:
                _LOG.critical("intelligence_broke", exc_info=error, extra={"fields": {"source": source.name}})
            self._failed(source.name, f"Asking it broke off ({type(error).__name__}).")
        else:
            self._answered(source.name, asking.result())

    async def _follow(self, source: IntelligenceSource) -> None:
        while True:
            await self.look(source)
            await self._sleep(source.every_s)

    def _answered(self, name: str, answer: Answer) -> None:
        if answer.items:
            items = answer.items
            self._tell([lambda at: Intelligence(at, items)])
        if answer.left_out:
            count = len(answer.left_out)
            self._failed(name, f"{count} of its items cannot be used: {answer.left_out[0]}")
            return
        self._said[name] = f"{len(answer.items)} items"
        if name in self._failing:
            self._failing.discard(name)
            _LOG.warning("intelligence_again", extra={"fields": {"source": name}})

    def _failed(self, name: str, reason: str) -> None:
        """Note a failure; the first one after an answer without fault is told to the ledger."""
        self._said[name] = reason
        if name not in self._failing:
            self._failing.add(name)
            _LOG.warning("intelligence_failed", extra={"fields": {"source": name, "message": reason}})
            self._tell([lambda at: IntelligenceFailed(at, name, reason)])
