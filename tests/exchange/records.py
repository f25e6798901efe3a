"""Everything that ever happened to orders, readable as it was at any moment of the wall's clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from tests.exchange.path import scatter
from tests.exchange.values import Order, OrderList, Refusal, Trade

NOW = float("inf")


class Records:
    """Orders with all their versions, trades, lists. `as_of` is in seconds of the wall's monotonic clock."""

    def __init__(self, seed: int, wall: Callable[[], float]) -> None:
        self._seed = seed
        self._wall = wall
        self._versions: dict[int, list[tuple[float, Order]]] = {}
        self._of_account: dict[str, list[int]] = defaultdict(list)
        self._open: dict[str, dict[int, Order]] = defaultdict(dict)
        self._trades: dict[str, list[tuple[float, Trade]]] = defaultdict(list)
        self._trade_ids: dict[str, int] = {}
        self._next_id = 1000 + seed % 1000
        self.lists: dict[int, OrderList] = {}

    def next_id(self) -> int:
        """Give the next order or list number."""
        self._next_id += 1
        return self._next_id

    def next_trade_id(self, market: str) -> int:
        """Give the next trade number of a market; others trade too, so numbers are left out."""
        last = self._trade_ids.get(market, 5000)
        self._trade_ids[market] = last + 1 + scatter(self._seed, market, last) % 4
        return self._trade_ids[market]

    def put(self, order: Order) -> None:
        """Write down a new order, or a change of one."""
        if order.order_id not in self._versions:
            self._versions[order.order_id] = []
            self._of_account[order.account].append(order.order_id)
        self._versions[order.order_id].append((self._wall(), order))
        if order.open:
            self._open[order.listing.id][order.order_id] = order
        else:
            self._open[order.listing.id].pop(order.order_id, None)

    def add_trade(self, trade: Trade) -> None:
        """Write down an execution."""
        self._trades[trade.account].append((self._wall(), trade))

    def current(self, order_id: int) -> Order:
        """Tell an order as it is."""
        return self._versions[order_id][-1][1]

    def versions(self, order_id: int) -> list[tuple[float, Order]]:
        """Tell all that an order ever was, with the wall's time of each change."""
        return self._versions[order_id]

    def resting(self, market: str) -> list[Order]:
        """Tell the open orders of a market, oldest first."""
        return list(self._open[market].values())

    def busy(self) -> list[str]:
        """Tell the markets that have open orders."""
        return [market for market, orders in self._open.items() if orders]

    def orders(self, account: str, as_of: float = NOW) -> Iterator[Order]:
        """Tell an account's orders as a reader saw them at a moment, oldest first."""
        for order_id in self._of_account[account]:
            if (order := self._at(order_id, as_of)) is not None:
                yield order

    def trades(self, account: str, as_of: float = NOW) -> list[Trade]:
        """Tell an account's trades as a reader saw them at a moment, oldest first."""
        return [trade for wall, trade in self._trades[account] if wall <= as_of]

    def find(self, account: str, market: str, query: dict[str, str], as_of: float = NOW) -> Order | None:
        """Find by `orderId` or by `origClientOrderId`; of several with one client id the open one, else the newest."""
        order_id, client_id = query.get("orderId"), query.get("origClientOrderId")
        if order_id is None and client_id is None:
            raise Refusal(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        found: Order | None = None
        for order in self.orders(account, as_of):
            if order.listing.id != market or (order_id is not None and str(order.order_id) != order_id):
                continue
            if client_id in {None, order.client_id} and (found is None or order.open or not found.open):
                found = order
        return found

    def _at(self, order_id: int, as_of: float) -> Order | None:
        versions = self._versions[order_id]
        if as_of >= versions[-1][0]:
            return versions[-1][1]
        for wall, order in reversed(versions):
            if wall <= as_of:
                return order
        return None
