"""Hearing of own orders: the venue's stream where it has one, and looks at what rests all the same."""

from __future__ import annotations

from collections.abc import Sequence

from investbot.domain.errors import VenueError
from investbot.domain.order import Fill
from investbot.instance.floor import Floor
from investbot.instance.own_orders import OwnOrder
from investbot.instance.patience import Pauses
from investbot.instance.surfacing import Surfacing
from investbot.ports.trading import VenueOrder

_AGAIN_S, _MOST_S = 5.0, 60.0
"""The shortest and the longest pause before a broken stream is asked again, in seconds."""


class Listener:
    """Wakes the keepers of orders that something has happened to; books fills that the stream tells whole."""

    def __init__(self, floor: Floor, surfacing: Surfacing) -> None:
        self._floor = floor
        self._surfacing = surfacing
        self.streaming = False
        """Whether the stream was heard since it last broke."""

    async def listen(self) -> None:
        """Follow the stream for ever; after a break everything is compared, for something may have been missed."""
        floor = self._floor
        pauses = Pauses(floor.pace, _AGAIN_S, _MOST_S)
        while True:
            try:
                items = await floor.venue.news()
            except VenueError as error:
                if self.streaming:
                    floor.troubles.met(error)
                    self.streaming = False
                    self.wake(list(floor.orders.open.values()))
                    floor.reconcile_soon()
                await floor.pace.sleep(pauses.next())
            else:
                self.streaming = True
                pauses.reset()
                self.heed(items)

    async def poll(self) -> None:
        """Look at resting orders for ever: often without a stream, now and then with one, for streams fall silent."""
        floor, waits = self._floor, self._floor.waits
        while True:
            await floor.pace.sleep(waits.calm_poll_s if self.streaming else waits.poll_s)
            for symbol in sorted({own.order.symbol for own in self._resting()}):
                rows = await floor.ask(lambda name=symbol: floor.venue.open_orders(name))  # type: ignore[misc]
                told = {}
                for row in rows:
                    own = floor.orders.of(symbol, row.client_order_id, row.venue_order_id)
                    if own is not None:
                        told[own.order.client_order_id] = row.filled
                self.wake(
                    [
                        own
                        for own in self._resting()
                        if own.order.symbol == symbol and told.get(own.order.client_order_id) != own.filled
                    ]
                )

    def heed(self, items: Sequence[VenueOrder | Fill]) -> None:
        """Take in what the stream tells, in whatever order and however often it does.

        Fills of one order that come together are told together, so that one stop is placed over all of them.
        """
        floor = self._floor
        fills: dict[str, list[Fill]] = {}
        for item in items:
            if isinstance(item, Fill):
                own = floor.orders.of(item.symbol, item.order_id, None)
                if own is not None:
                    fills.setdefault(item.order_id, []).append(item)
                elif not item.order_id:
                    self.wake([each for each in self._resting() if each.order.symbol == item.symbol])
            else:
                own = floor.orders.of(item.symbol, item.client_order_id, item.venue_order_id)
                if own is not None:
                    self.wake([own])
            if own is None and self._surfacing.is_news(item):
                floor.reconcile_soon()
        for client_order_id, together in fills.items():
            own = floor.orders.of(together[0].symbol, client_order_id, None)
            if own is not None:
                floor.report(own, own.take(together))

    def wake(self, orders: Sequence[OwnOrder]) -> None:
        """Let the keepers of `orders` have a look."""
        for own in orders:
            own.news.set()

    def _resting(self) -> list[OwnOrder]:
        return [own for own in self._floor.orders.open.values() if not own.busy]
