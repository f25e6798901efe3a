"""Prices between two closes, followed while a target or a stop is kept here, the newest of each symbol worked on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from investbot.domain.events import Event
from investbot.domain.facts import Tick
from investbot.engine.engine import Engine
from investbot.engine.kept import watched
from investbot.instance.live import Conclude
from investbot.instance.parts import Market
from investbot.ports.prices import Prices


class Pricing:
    """Brings ticks into the loop of an instance on a live venue; `hear` puts work for it there."""

    def __init__(self, prices: Prices, engine: Engine, market: Market, hear: Callable[[Conclude], None]) -> None:
        self._prices = prices
        self._engine = engine
        self._market = market
        self._hear = hear
        self._followed: frozenset[str] = frozenset()
        self._newest: dict[str, Tick] = {}

    def look(self) -> None:
        """Follow what matters now, and nothing else."""
        wanted = watched(self._engine.state, self._engine.spec)
        if wanted != self._followed:
            self._follow(wanted)

    def end(self) -> None:
        """Follow nothing any more, and forget what was not worked on: what is kept is for the next start."""
        self._newest = {}
        self._follow(frozenset())

    def _follow(self, wanted: frozenset[str]) -> None:
        self._followed = wanted
        self._prices.follow(wanted, self._take)

    def _take(self, tick: Tick) -> None:
        """Take a price in; one that waits is replaced, so that a slow loop works on the newest."""
        if tick.symbol in self._followed:
            waits = bool(self._newest)
            self._newest[tick.symbol] = tick
            if not waits:
                self._hear(self._conclude)

    def _conclude(self) -> list[Event]:
        ticks, self._newest = self._newest, {}
        events: list[Event] = []
        for tick in ticks.values():
            at = max(tick.at, self._engine.state.last_at)
            events += self._market.handle(replace(tick, at=at))
        return events
