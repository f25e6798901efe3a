"""At which price and fee a simulated order executes; every rounding goes against us."""

from __future__ import annotations

from decimal import ROUND_UP, Decimal

from investbot.domain.market import Candle, Instrument
from investbot.domain.order import Order, OrderType, Role, Side

FEE_STEP = Decimal("0.00000001")
"""Fees are quote currency in steps of this size, rounded up."""


def slipped(instrument: Instrument, side: Side, price: Decimal, slippage: Decimal) -> Decimal:
    """Worsen `price` (quote per base) by the fraction `slippage`, to the tick against us and never below one tick."""
    if side is Side.BUY:
        return instrument.price_up(price * (1 + slippage))
    return max(instrument.price_down(price * (1 - slippage)), instrument.tick)


def fee(price: Decimal, quantity: Decimal, rate: Decimal) -> Decimal:
    """Charge the fraction `rate` of the notional (quote), rounded up."""
    return (price * quantity * rate).quantize(FEE_STEP, rounding=ROUND_UP)


def stop_gapped(side: Side, stop_price: Decimal, candle: Candle) -> bool:
    """Tell whether the bar opens at or beyond the stop."""
    return stop_price >= candle.open if side is Side.SELL else stop_price <= candle.open


def stop_touched(side: Side, stop_price: Decimal, candle: Candle) -> bool:
    """Tell whether the bar reaches the stop."""
    return candle.low <= stop_price if side is Side.SELL else candle.high >= stop_price


def limit_crossed(side: Side, price: Decimal, candle: Candle) -> bool:
    """Tell whether the bar opens at the limit or better."""
    return price <= candle.open if side is Side.SELL else price >= candle.open


def limit_touched(side: Side, price: Decimal, candle: Candle) -> bool:
    """Tell whether the bar reaches the limit."""
    return candle.high >= price if side is Side.SELL else candle.low <= price


def worse(side: Side, price: Decimal, limit: Decimal) -> bool:
    """Tell whether `price` is beyond the limit of an order on that side."""
    return price > limit if side is Side.BUY else price < limit


def flaw(order: Order, instrument: Instrument) -> str | None:
    """Say why a venue would refuse the order, whatever the market does; None when it would not."""
    if order.quantity <= 0 or order.quantity % instrument.lot:
        return f"quantity {order.quantity} is not a positive multiple of the lot {instrument.lot}"
    level = order.stop_price if order.type is OrderType.STOP else order.price
    if order.type is OrderType.MARKET:
        return None
    if level is None or level <= 0 or level % instrument.tick:
        return f"price {level} is not a positive multiple of the tick {instrument.tick}"
    if order.role is Role.ENTRY and level * order.quantity < instrument.min_notional:
        return f"notional {level * order.quantity} is below the minimum {instrument.min_notional}"
    return None
