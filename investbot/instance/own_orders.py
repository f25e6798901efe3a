"""The orders of this instance as its host knows them: what the engine was told of each, and which ones are ours."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from investbot.domain.market import Millis
from investbot.domain.order import Fill, Order, OrderState, Role
from investbot.engine.state import OpenOrder

KEPT = 4096
"""Orders that are remembered as ours after they are done."""


@dataclass(eq=False, slots=True)
class OwnOrder:
    """One order until it is done.

    `filled` (base) and `trades` are what the engine has booked or was told; `sent` says that the ledger says SENT,
    `tried` that the venue may have heard of the order, `accepted` that it is known to have had it; `busy` that
    something is being done about it right now. `late`
    orders were decided by an earlier process; `sent_at` (venue time, milliseconds) is when that process sent them.
    """

    order: Order
    venue_order_id: str | None = None
    filled: Decimal = Decimal(0)
    trades: set[str] = field(default_factory=set)
    sent: bool = False
    tried: bool = False
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
            tried=known.state is not OrderState.INTENDED,
            accepted=accepted,
            cancel_wanted=known.cancel_asked,
            late=True,
            sent_at=sent_at,
        )

    @classmethod
    def surfaced(cls, known: OpenOrder, venue_order_id: str | None) -> OwnOrder:
        """Take an order up again that counted as done: what is still open of it is withdrawn, what filled is booked."""
        return cls(
            known.order,
            venue_order_id or known.venue_order_id,
            known.filled,
            set(known.trades),
            sent=True,
            tried=True,
            accepted=True,
            cancel_wanted=True,
            late=True,
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
        """Take note that the ledger says SENT: from now on the venue may hear of the order."""
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
        self.booked: dict[tuple[str, str], None] = {}
        """Symbol and venue's trade id of the newest fills that the engine was told, oldest first."""
        self._made: dict[str, Order] = {}
        self._at_venue: dict[tuple[str, str], Order] = {}
        self._since: dict[str, Millis] = {}

    def remember(self, order: Order, venue_order_id: str | None = None) -> None:
        """Count an order as ours, by its client order id and by the venue's."""
        self._made[order.client_order_id] = order
        self._since.setdefault(order.symbol, order.placed_at)
        _bound(self._made)
        if venue_order_id:
            self._at_venue[order.symbol, venue_order_id] = order
            _bound(self._at_venue)

    def book(self, symbol: str, trade_id: str, at: Millis) -> None:
        """Note a fill that the engine was told; `at` in milliseconds UTC."""
        self.booked[symbol, trade_id] = None
        self._since[symbol] = max(at, self._since.get(symbol, at))
        _bound(self.booked)

    def since(self, symbol: str) -> Millis | None:
        """Tell when the newest fill of ours was (or the first order decided), None when there was none."""
        return self._since.get(symbol)

    def add(self, own: OwnOrder) -> None:
        """Look after an order from now on."""
        self.remember(own.order, own.venue_order_id)
        self.open[own.order.order_id] = own

    def owner(self, symbol: str, client_order_id: str, venue_order_id: str | None) -> Order | None:
        """Give the order of ours that a venue tells of, by either of its ids; None when it is somebody else's."""
        return self._made.get(client_order_id) or self._at_venue.get((symbol, venue_order_id or ""))

    def of(self, symbol: str, client_order_id: str, venue_order_id: str | None) -> OwnOrder | None:
        """Give that order if it is not done."""
        order = self.owner(symbol, client_order_id, venue_order_id)
        return None if order is None else self.open.get(order.order_id)


def _bound(remembered: dict[Any, Any]) -> None:
    if len(remembered) > KEPT:
        del remembered[next(iter(remembered))]
