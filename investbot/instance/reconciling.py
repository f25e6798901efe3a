"""Holding ledger and venue against each other: at every start, after every break, and every few minutes."""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal

from investbot.domain.facts import Reconciled
from investbot.engine.reconcile import differences
from investbot.instance.floor import Floor
from investbot.instance.surfacing import Surfacing

_LOG = logging.getLogger("investbot.instance")
_LOOKS = 3
"""Comparisons that must all find a difference before it counts: reads lag, and orders move meanwhile."""
_BETWEEN_S = 1.0
"""Seconds between them, at least."""
_SPACING_S = 5.0
"""Seconds between two rounds, at least."""


class Reconciler:
    """Compares, and tells the engine what does not agree; other people's orders are never touched or counted."""

    def __init__(self, floor: Floor, surfacing: Surfacing) -> None:
        self._floor = floor
        self._surfacing = surfacing
        self._asked = asyncio.Event()
        self._turn = asyncio.Lock()
        self.rounds = 0
        """How many comparisons have come to an end."""
        self.found: tuple[str, ...] = ()
        """What the last one found."""
        floor.reconcile_soon = self._asked.set

    async def run(self) -> None:
        """Compare for ever: every so often, and soon after somebody asked for it."""
        floor = self._floor
        while True:
            await floor.pace.either(self._asked, floor.waits.reconcile_s)
            await floor.pace.sleep(_SPACING_S)
            await self.once()

    async def once(self) -> None:
        """Compare until both agree or all looks found a difference; tell the engine, which settles all its plans."""
        async with self._turn:
            await self._once()

    async def _once(self) -> None:
        floor = self._floor
        self._asked.clear()
        between_s = max(_BETWEEN_S, floor.venue.capabilities.read_lag_ms / 1000)
        found: tuple[str, ...] = ()
        for look in range(_LOOKS):
            if look:
                await floor.pace.sleep(between_s)
            found = await self._compare(patient=look > 0)
            if not found:
                break
            for own in list(floor.orders.open.values()):
                own.news.set()
        if found != self.found:
            log = _LOG.error if found else _LOG.info
            log("reconciled", extra={"fields": {"differences": list(found)}})
        self.found = found
        self.rounds += 1
        floor.tell(Reconciled(floor.now(), found))

    async def _compare(self, *, patient: bool) -> tuple[str, ...]:
        """Say what does not agree now; what only the first look finds may be on its way."""
        floor = self._floor
        venue, orders = floor.venue, floor.orders
        resting: set[str] = set()
        for symbol in floor.engine.spec.instruments:
            for row in await floor.ask(lambda name=symbol: venue.open_orders(name)):  # type: ignore[misc]
                order = orders.owner(symbol, row.client_order_id, row.venue_order_id)
                if order is None:
                    continue
                resting.add(order.client_order_id)
                if order.order_id in orders.open or not patient:
                    continue
                if not self._surfacing.take_up(order, row.venue_order_id, row.filled):
                    _LOG.error("stray_order", extra={"fields": {"order_id": order.order_id}})
                    await floor.ask(lambda gone=order, name=row.venue_order_id: venue.cancel(gone, name))  # type: ignore[misc]
        balances = await floor.ask(venue.balances)
        totals: dict[str, Decimal] = {name: each.free + each.locked for name, each in balances.items()}
        missing = await self._surfacing.look(patient=patient)
        return (*differences(floor.engine.state, resting, totals), *missing)
