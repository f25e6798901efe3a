"""Plain functions that make candles and orders for the tests of the matching model."""

from __future__ import annotations

from decimal import Decimal

from investbot.domain.market import MINUTE, Bar, Candle, Instrument, Timeframe
from investbot.domain.order import Fill, Order, OrderReport, OrderType, Role, Side, TimeInForce
from investbot.domain.rules import CostRules
from investbot.simulation import Happening

SYMBOL = "BTC/USDT"
ONE_MINUTE = Timeframe.parse("1m")
INSTRUMENT = Instrument(SYMBOL, Decimal("0.01"), Decimal("0.001"), Decimal(5))
INSTRUMENTS = {SYMBOL: INSTRUMENT}
COSTS = CostRules(taker_fee=Decimal("0.001"), maker_fee=Decimal("0.0002"), slippage=Decimal("0.0005"))


def candle(
    minute: int,
    opened: str | Decimal,
    high: str | Decimal,
    low: str | Decimal,
    close: str | Decimal,
    *,
    volume: float = 1000.0,
    symbol: str = SYMBOL,
) -> Candle:
    o, h, lo, c = Decimal(opened), Decimal(high), Decimal(low), Decimal(close)
    bar = Bar(float(o), float(h), float(lo), float(c), volume)
    return Candle(symbol, ONE_MINUTE, minute * MINUTE, o, h, lo, c, bar)


def flat(minute: int, price: str, *, volume: float = 1000.0, symbol: str = SYMBOL) -> Candle:
    return candle(minute, price, price, price, price, volume=volume, symbol=symbol)


def order(
    role: Role,
    quantity: str | Decimal = "1",
    *,
    minute: int = 1,
    plan: str = "1",
    number: int = 1,
    price: str | Decimal | None = None,
    stop: str | Decimal | None = None,
    ioc: bool = False,
    side: Side | None = None,
    replaces: str | None = None,
    symbol: str = SYMBOL,
    placed_at: int | None = None,
) -> Order:
    plain = OrderType.MARKET if price is None else OrderType.LIMIT
    kind = plain if stop is None else OrderType.STOP
    order_id = f"{plan}-{role.value}-{number}"
    return Order(
        order_id=order_id,
        client_order_id=f"c{order_id}",
        plan_id=plan,
        placed_at=minute * MINUTE if placed_at is None else placed_at,
        symbol=symbol,
        side=side or (Side.BUY if role is Role.ENTRY else Side.SELL),
        type=kind,
        role=role,
        quantity=Decimal(quantity),
        reason="test",
        price=None if price is None else Decimal(price),
        stop_price=None if stop is None else Decimal(stop),
        time_in_force=TimeInForce.IOC if ioc else TimeInForce.GTC,
        replaces=replaces,
    )


def told(happened: list[Happening]) -> list[str]:
    """Put happenings in short words: what a test compares."""
    return [
        f"{item.order_id} {item.quantity}@{item.price}"
        if isinstance(item, Fill)
        else f"{item.order_id} {item.state.value}" + (f" {item.reason}" if item.reason else "")
        for item in happened
    ]


def fills(happened: list[Happening]) -> list[Fill]:
    return [item for item in happened if isinstance(item, Fill)]


def reports(happened: list[Happening]) -> list[OrderReport]:
    return [item for item in happened if isinstance(item, OrderReport)]
