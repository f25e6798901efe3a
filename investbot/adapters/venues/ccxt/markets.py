"""Instruments out of ccxt's markets, keeping no more of them in memory than are traded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any

from investbot.adapters.venues.ccxt.market_list import MarketList
from investbot.domain.errors import DataError
from investbot.domain.market import Instrument

_DECIMAL_PLACES, _TICK_SIZE = 2, 4
"""The values of ccxt's `precisionMode` that stand for a fixed step."""


async def load_instruments(
    exchange: Any, symbols: Sequence[str], listing: MarketList | None = None
) -> dict[str, Instrument]:
    """Load the markets of `symbols` into the exchange and read their steps.

    DataError for a symbol the venue lacks or whose steps it does not tell; VenueUnavailable for a list without
    markets.
    """
    markets, known = await (listing or MarketList(None, lambda: 0)).load(exchange, set(symbols))
    exchange.set_markets([{**market, "info": {}} for market in markets])
    for symbol in symbols:
        if symbol not in exchange.markets:
            raise DataError(f"{exchange.id} has no market {symbol}{near_symbols(symbol, known)}: see market.symbols.")
    return {symbol: _instrument(exchange, exchange.markets[symbol]) for symbol in symbols}


def near_symbols(symbol: str, known: Sequence[str]) -> str:
    """Name the symbols somebody may have meant, or nothing."""
    near = get_close_matches(symbol.upper(), [name for name in known if ":" not in name], n=3)
    return f" (near: {', '.join(near)})" if near else ""


def _instrument(exchange: Any, market: Mapping[str, Any]) -> Instrument:
    precision, limits = market.get("precision") or {}, market.get("limits") or {}
    mode = exchange.precisionMode
    tick, lot = _step(precision.get("price"), mode), _step(precision.get("amount"), mode)
    if tick is None or lot is None:
        raise DataError(f"{exchange.id} does not tell the steps of price and quantity of {market['symbol']}.")
    smallest = _exact((limits.get("cost") or {}).get("min"))
    return Instrument(str(market["symbol"]), tick, lot, max(smallest or Decimal(0), Decimal(0)))


def _step(precision: object, mode: int) -> Decimal | None:
    """Read a step out of ccxt's precision: the step itself, or a number of decimals; None when it is no step."""
    value = _exact(precision)
    if value is None or (mode == _TICK_SIZE and value <= 0):
        return None
    if mode == _TICK_SIZE:
        return value
    return Decimal(1).scaleb(-int(value)) if mode == _DECIMAL_PLACES else None


def _exact(number: object) -> Decimal | None:
    """Read a finite number without superfluous zeros; None when it is none."""
    try:
        value = Decimal(str(number))
    except InvalidOperation:
        return None
    if not value.is_finite():
        return None
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()
