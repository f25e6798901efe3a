"""A small exchange without sockets whose clocks only the test moves."""

from __future__ import annotations

from decimal import Decimal

from tests.exchange import filters
from tests.exchange.bars import listed
from tests.exchange.clock import HandClock
from tests.exchange.core import Core
from tests.exchange.private import fresh_id
from tests.exchange.truth import unbalanced
from tests.exchange.values import Order, OrderList, Trade, VenueRules

START = 1_700_000_040_000
BTC = listed("BTCUSDT")
TICK = Decimal("0.01")


class Stand:
    """Places orders for account "main", and checks the books on the way out."""

    def __init__(self, seed: int = 7, rules: VenueRules | None = None) -> None:
        self.clock = HandClock(START)
        self.core = Core(seed, rules or VenueRules(), self.clock.now, self.clock.monotonic)
        for name in ("main", "other"):
            self.core.open_account(name, {"USDT": Decimal(10_000), "BTC": Decimal("0.1")})

    @property
    def price(self) -> Decimal:
        return self.core.path.price(BTC, self.clock.at)

    def order(self, by: str = "main", /, **query: object) -> Order:
        said = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
        by = str(query.pop("account", by))
        said |= {name: str(value) for name, value in query.items()}
        wanted = filters.read(said, self.core.rules, fresh_id(self.core))
        return self.core.matching.place(by, wanted, self.clock.at, "test")

    def pair(self, **query: object) -> OrderList:
        said = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01"}
        legs = filters.pair(said | {name: str(value) for name, value in query.items()}, self.core.rules, "pair")
        return self.core.matching.place_pair("main", legs, "list", self.clock.at, "test")

    def limit(self, price: Decimal, tif: str = "GTC", /, **query: object) -> Order:
        return self.order(**{"type": "LIMIT", "timeInForce": tif, "price": price} | query)

    def stop(self, price: Decimal, /, **query: object) -> Order:
        return self.order(**{"type": "STOP_LOSS", "side": "SELL", "stopPrice": price} | query)

    def again(self, order: Order) -> Order:
        return self.core.records.current(order.order_id)

    def trades(self, order: Order) -> list[Trade]:
        return [trade for trade in self.core.records.trades(order.account) if trade.order_id == order.order_id]

    def free(self, asset: str) -> Decimal:
        return self.core.accounts["main"].holding(asset).free

    def locked(self, asset: str) -> Decimal:
        return self.core.accounts["main"].holding(asset).locked

    def move(self, factor: float, seconds: int = 1) -> None:
        """Let the price jump, and time pass."""
        self.core.path.shock(BTC, self.clock.at, factor)
        self.wait(seconds)

    def wait(self, seconds: int) -> None:
        self.clock.tick(seconds * 1000)
        self.core.matching.advance(self.clock.at)
        assert unbalanced(self.core) == []


def on_tick(price: Decimal) -> Decimal:
    return price // TICK * TICK
