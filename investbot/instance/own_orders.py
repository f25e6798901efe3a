"""The orders of this instance as its host knows them: what the engine was told of each, and which ones are ours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from investbot.domain.market import Millis
from investbot.domain.order import Fill, Order, OrderState, Role
from investbot.engine.state import OpenOrder

KEPT = 4096
"""Orders that are remembered as ours after they are done."""


@dataclass(eq=False, slots=True)
class OwnOrder:
    """One order until it is done.

    `filled` (base) and `trades` are what the engine has booked or was told; `sent` says that the venue may know the
    order, `accepted` that it is known to have had it; `busy` that something is being done about it right now. `late`
    orders were decided by an earlier process; `sent_at` (venue time, milliseconds) is when that process sent them.
    """

    order: Order
    venue_order_id: str | None = None
    filled: Decimal = Decimal(0)
    trades: set[str] = field(default_factory=set)
    sent: bool = False
    accepted: bool = False
    cancel_wanted: bool = False
    busy: bool = True
    done: bool = False
    late: bool = False
    sent_at: Millis | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def known(cls, known: OpenOrder, sent_at: Millis | None, *, accepted: bool) -> OwnOrder:
        """Take over an order of an earlier process; what is only intended in the ledger was never sent."""
        return cls(
            known.order,
            known.venue_order_id,
            known.filled,
            set(known.trades),
            sent=known.state is not OrderState.INTENDED,
            accepted=accepted,
            cancel_wanted=known.cancel_asked,
            late=True,
            sent_at=sent_at,
        )

    @property
    def is_entry(self) -> bool:
        """Whether it opens a position; all others reduce one and come first."""
        return self.order.role is Role.ENTRY

    def take(self, fills: Iterable[Fill]) -> list[Fill]:
        """Give the fills that are news, in the engine's words; the order is done when they are all of it."""
        fresh = []
        for fill in fills:
            if fill.trade_id not in self.trades and not self.done:
                self.trades.add(fill.trade_id)
                self.filled += fill.quantity
                self.done = self.filled >= self.order.quantity
                fresh.append(replace(fill, order_id=self.order.order_id))
        return fresh

    def recorded(self) -> None:
        """Take note that the ledger says SENT: from now on the venue may know the order."""
        self.sent = True

    def withdraw(self) -> None:
        """Want it gone."""
        self.cancel_wanted = self.busy = True
        self.news.set()


class OwnOrders:
    """All orders this instance has made lately; whatever is not among them belongs to somebody else."""

    def __init__(self) -> None:
        self.open: dict[str, OwnOrder] = {}
        """By order id, oldest first."""
        self._made: dict[str, Order] = {}

    def remember(self, order: Order) -> None:
        """Count an order as ours, by its client order id."""
        self._made[order.client_order_id] = order
        if len(self._made) > KEPT:
            del self._made[next(iter(self._made))]

    def add(self, own: OwnOrder) -> None:
        """Look after an order from now on."""
        self.remember(own.order)
        self.open[own.order.order_id] = own

    def made(self, client_order_id: str) -> Order | None:
        """Give the order of that client id if it is ours."""
        return self._made.get(client_order_id)

    def of_client(self, client_order_id: str) -> OwnOrder | None:
        """Give the order of that client id if it is ours and not done."""
        order = self._made.get(client_order_id)
        return None if order is None else self.open.get(order.order_id)
