"""Finding what the venue has of us and the ledger lacks: orders that counted as never accepted, fills told too late."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from decimal import Decimal

from investbot.domain.facts import Reconciled
from investbot.domain.market import HOUR, Millis
from investbot.domain.order import DONE, Fill, Order, OrderReport, OrderState, Side
from investbot.engine.orders import SURFACED, can_surface
from investbot.instance.floor import Floor
from investbot.instance.own_orders import OwnOrder
from investbot.ports.trading import VenueOrder

_LOG = logging.getLogger("investbot.instance")
_DOUBTS = 8
"""Orders in doubt, the newest first, that one comparison asks the venue for."""
_BEFORE: Millis = HOUR
"""How long before the newest own fill others are looked for, in milliseconds: they may be told in any order."""


class Surfacing:
    """Takes up what the venue turns out to have of ours; foreign orders and fills are never looked at twice."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._settled: set[str] = set()

    async def look(self, *, patient: bool) -> list[str]:
        """Say what is missing in the ledger, each a sentence with both numbers, and take it up where it can be booked.

        `patient` comparisons are not the first: what they find is no news that is still on its way.
        """
        told = [sentence for order in self._doubted() for sentence in await self._ask_again(order)]
        for symbol in self._floor.engine.spec.instruments:
            told += await self._unbooked(symbol, patient=patient)
        return told

    def take_up(self, order: Order, venue_order_id: str | None, filled: Decimal | None) -> bool:
        """Take an order up again that counts as done; False when what it did cannot be booked in its plan.

        `filled` (base) is what the venue tells, None where it was not asked.
        """
        floor, state = self._floor, self._floor.engine.state
        ended = state.ended.get(order.order_id)
        if ended is None or order.order_id in floor.orders.open or not can_surface(state, order.order_id):
            return False
        known = ended.open_order
        if (
            order.side is Side.SELL
            and (filled or order.quantity) - known.filled > state.holdings[order.plan_id].quantity
        ):
            return False
        own = OwnOrder.surfaced(known, venue_order_id)
        why = f"it counted as {'never accepted' if ended.doubted else 'done'} with {known.filled:f} filled"
        told = f"{why}, and the venue has {'it' if filled is None else f'{filled:f} of {order.quantity:f}'}"
        _LOG.error("order_surfaced", extra={"fields": {"order_id": order.order_id, "message": told}})
        now = floor.now()
        report = OrderReport(now, order.order_id, OrderState.ACKNOWLEDGED, own.venue_order_id, f"{SURFACED}: {told}")
        floor.report(own, [report])
        floor.tell(Reconciled(now, (f"Order {order.order_id} surfaced: {told}; it is booked now.",)))
        floor.look_after(own)
        floor.reconcile_soon()
        return True

    def is_news(self, item: VenueOrder | Fill) -> bool:
        """Tell whether a word about an order that is done may be about more than the ledger knows."""
        floor = self._floor
        if isinstance(item, Fill):
            order = floor.orders.owner(item.symbol, item.order_id, None)
            return order is not None and (item.symbol, item.trade_id) not in floor.orders.booked
        order = floor.orders.owner(item.symbol, item.client_order_id, item.venue_order_id)
        ended = None if order is None else floor.engine.state.ended.get(order.order_id)
        return ended is not None and ended.doubted

    def _doubted(self) -> Iterator[Order]:
        newest = [
            each.open_order.order
            for each in reversed(self._floor.engine.state.ended.values())
            if each.doubted and each.open_order.order.order_id not in self._settled
        ]
        yield from newest[:_DOUBTS]

    async def _ask_again(self, order: Order) -> list[str]:
        """Look once more for an order that the venue did not know."""
        found = await self._floor.ask(lambda: self._floor.venue.lookup(order))
        ended = self._floor.engine.state.ended.get(order.order_id)
        if found is None or ended is None:
            return []
        known = ended.open_order.filled
        if found.report.state in DONE and found.filled <= known:
            self._settled.add(order.order_id)
            return []
        self.take_up(order, found.venue_order_id, found.filled)
        there = f"{found.filled:f} of {order.quantity:f} ({found.report.state.lower()})"
        return [f"Order {order.order_id} counts as done with {known:f} filled, and the venue has {there}."]

    async def _unbooked(self, symbol: str, *, patient: bool) -> list[str]:
        """Find fills of our orders that are not booked."""
        floor, orders = self._floor, self._floor.orders
        since = orders.since(symbol)
        if since is None:
            return []
        told: list[str] = []
        for venue_order_id, fill in await floor.ask(lambda: floor.venue.fills(symbol, None, max(0, since - _BEFORE))):
            order = orders.owner(symbol, fill.order_id, venue_order_id)
            if order is None or (symbol, fill.trade_id) in orders.booked:
                continue
            if (own := orders.open.get(order.order_id)) is not None:
                own.news.set()
            elif patient:
                self.take_up(order, venue_order_id, None)
            done = f"{fill.quantity:f} {symbol} at {fill.price:f}"
            told.append(f"The venue has trade {fill.trade_id} of order {order.order_id} ({done}), the ledger has none.")
        return told
