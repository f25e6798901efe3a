"""Orders and trades of the account, asked for by REST: found by client id, listed, read page by page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from investbot.adapters.venues.ccxt.caller import Caller
from investbot.adapters.venues.ccxt.capabilities import CLIENT, Oddities
from investbot.adapters.venues.ccxt.doubt import Absent, Asked
from investbot.adapters.venues.ccxt.naming import is_about, own_id, told
from investbot.adapters.venues.ccxt.translate import by_time, fill, in_market, rows, venue_order
from investbot.domain.errors import VenueUnavailable
from investbot.domain.market import MINUTE, Instrument, Millis
from investbot.domain.order import Fill, Order, OrderType
from investbot.ports.trading import VenueOrder

PAGES = 200
"""Most answers one reading of own trades may take."""
BEFORE_MS = 5 * MINUTE
"""How long before it was placed an order is searched for: clocks differ."""

Row = tuple[Millis, tuple[str, Fill] | None]
"""When a trade was, and what it was if it is one of the market asked for."""


class OwnOrders:
    """Reads the account; `venue_ids` and `client_ids` remember which order is which."""

    def __init__(self, caller: Caller, has: Mapping[str, Any], markets: Mapping[str, Any], oddities: Oddities) -> None:
        self._caller = caller
        self._markets = markets
        self._has = has
        self._told = oddities
        self.venue_ids: dict[str, str] = {}
        self.client_ids: dict[str, str] = {}

    def remember(self, venue_order_id: str, client_order_id: str, *, asked: bool = False) -> None:
        """Keep which venue id an order has; what was `asked` for by our id stays ours whatever else it is called."""
        if venue_order_id and client_order_id and (asked or venue_order_id not in self.client_ids):
            self.venue_ids[client_order_id] = venue_order_id
            self.client_ids[venue_order_id] = client_order_id

    def named(self, order: VenueOrder) -> VenueOrder:
        """Call an order of ours by our name for it."""
        known = self.client_ids.get(order.venue_order_id, "")
        return replace(order, client_order_id=own_id(order.client_order_id, known))

    async def find(self, order: Order, at: Millis) -> VenueOrder | None:
        """Find an order by its client id; None when the venue does not know it now; VenueError."""
        places = [{"stop": True}, {}] if self._told.stops_apart and order.type is OrderType.STOP else [{}]
        for place in places:
            if self._told.lookup == CLIENT:
                answer = await self._by_client_id(order, place)
            else:
                answer = await self._in_lists(order, place)
            if answer is not None:
                child = self._child(answer) if place else ""
                if child:
                    answer = await self._by_id(order, child) or answer
                found = _ours(answer, order, at)
                self.remember(found.venue_order_id, order.client_order_id, asked=True)
                return found
        return None

    async def open(self, symbol: str, at: Millis) -> list[VenueOrder]:
        """List the open orders of the account in a symbol, other people's too; VenueError."""
        found: dict[str, VenueOrder] = {}
        for place in [{}, {"stop": True}] if self._told.stops_apart else [{}]:
            answer = await self._caller.ask("fetch_open_orders", symbol, params=place)
            for row in rows(answer, "open orders"):
                if in_market(row, self._markets[symbol]):
                    order = venue_order(row, at)
                    self.remember(order.venue_order_id, order.client_order_id)
                    found[order.venue_order_id] = self.named(order)
        return list(found.values())

    async def fills(self, instrument: Instrument, since_trade_id: str | None, since: Millis) -> list[tuple[str, Fill]]:
        """Read own trades after a known one, or from `since` on, oldest first; VenueError."""
        read: dict[str, Row] = {}
        key = self._told.fills_from
        from_id = key and since_trade_id is not None and since_trade_id.isdecimal()
        start: Millis | None = None if from_id else since
        params: dict[str, Any] = {key: str(int(since_trade_id or 0) + 1)} if from_id else {}
        for _ in range(PAGES):
            page = await self._page(instrument, start, params)
            fresh = page.keys() - read.keys()
            read |= page
            if not fresh or len(page) < self._told.fills_page:
                break
            if from_id:
                params = {key: str(max(int(trade_id) for trade_id in page) + 1)}
            elif self._told.fills_newest_first:
                params = {"until": min(at for at, _ in page.values())}
            else:
                start = max(at for at, _ in page.values())
        else:
            raise VenueUnavailable(f"There are more own trades in {instrument.symbol} than can be read at once.")
        pairs = sorted((pair for _, pair in read.values() if pair is not None), key=lambda pair: by_time(pair[1]))
        known = next((place for place, pair in enumerate(pairs) if pair[1].trade_id == since_trade_id), -1)
        return pairs[known + 1 :]

    async def _page(self, instrument: Instrument, since: Millis | None, params: Mapping[str, Any]) -> dict[str, Row]:
        """Ask for one page of trades, by their id; those of other markets have no fill, but they fill a page."""
        market, limit = self._markets[instrument.symbol], self._told.fills_page or None
        answer = await self._caller.ask("fetch_my_trades", instrument.symbol, since, limit, dict(params))
        page: dict[str, Row] = {}
        for row in rows(answer, "own trades"):
            order_id, made = fill(row, instrument, self.client_ids)
            page[made.trade_id] = made.at, ((order_id, made) if in_market(row, market) else None)
        return page

    async def _by_client_id(self, order: Order, place: Mapping[str, Any]) -> Mapping[str, Any] | None:
        params = {self._told.lookup_param: order.client_order_id, **place}
        return await self._ask_order("", order, params)

    async def _by_id(self, order: Order, venue_order_id: str) -> Mapping[str, Any] | None:
        return await self._ask_order(venue_order_id, order, {})

    async def _ask_order(
        self, venue_order_id: str, order: Order, params: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        try:
            answer = await self._caller.ask(
                "fetch_order", venue_order_id, order.symbol, dict(params), asked=Asked.LOOKUP
            )
        except Absent:
            return None
        if not isinstance(answer, Mapping) or not told(answer, "id"):
            raise VenueUnavailable(f"The answer about order {order.order_id} names no order.")
        return answer

    async def _in_lists(self, order: Order, place: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Search the lists of orders; the open ones first, for an order moves from there to the others."""
        param = self._told.lookup_param
        params = {**({param: order.client_order_id} if param else {}), **place}
        since = max(order.placed_at - BEFORE_MS, 0)
        venue_id = self.venue_ids.get(order.client_order_id)
        for name in self._told.lookup_lists:
            if not self._has.get(_unified(name)):
                continue
            from_then = None if name == "fetch_open_orders" else since
            answer = await self._caller.ask(name, order.symbol, from_then, None, params, asked=Asked.LOOKUP)
            for row in rows(answer, "orders"):
                known = venue_order(row, 0)
                if known.client_order_id == order.client_order_id or known.venue_order_id == venue_id:
                    found: Mapping[str, Any] = row
                    return found
        return None

    def _child(self, answer: Mapping[str, Any]) -> str:
        """Tell the order that a triggered stop became, where the venue makes a new one of it."""
        info = answer.get("info")
        return told(info, self._told.stop_child) if self._told.stop_child and isinstance(info, Mapping) else ""


def _ours(answer: Mapping[str, Any], order: Order, at: Millis) -> VenueOrder:
    """Read what was found; VenueUnavailable where it is another order."""
    found = venue_order({**answer, "symbol": answer.get("symbol") or order.symbol}, at, order.order_id)
    if not is_about(answer, order):
        raise VenueUnavailable(f"The answer about order {order.order_id} is about another order.")
    return replace(found, client_order_id=order.client_order_id)


def _unified(name: str) -> str:
    """Turn `fetch_open_orders` into `fetchOpenOrders`, the word of ccxt's `has`."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
