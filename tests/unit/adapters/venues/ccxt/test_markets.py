from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from investbot.adapters.venues.ccxt.markets import load_instruments, near_symbols
from investbot.domain.errors import DataError, VenueUnavailable


class Exchange:
    """The part of an exchange of ccxt that loading markets needs."""

    id = "venue"

    def __init__(self, markets: list[dict[str, Any]], mode: int = 4) -> None:
        self.precisionMode = mode
        self.markets: dict[str, dict[str, Any]] = {}
        self._all = markets

    async def fetch_markets(self, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        return self._all

    def set_markets(self, markets: list[dict[str, Any]]) -> None:
        self.markets = {market["symbol"]: market for market in markets}


def market(
    price: object = 0.01, amount: object = 1e-05, cost: object = 5.0, symbol: str = "BTC/USDT"
) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "precision": {"price": price, "amount": amount},
        "limits": {"cost": {"min": cost}},
        "info": {"much": "text"},
    }


async def test_steps_and_minimum_are_exact() -> None:
    exchange = Exchange([market(), market(1e-08, 1.0, None, "PEPE/USDT"), market(10.0, 5, "0.10", "X/Y")])
    told = await load_instruments(exchange, ["PEPE/USDT", "BTC/USDT", "X/Y"])
    assert list(told) == ["PEPE/USDT", "BTC/USDT", "X/Y"]
    assert [str(value) for value in (told["BTC/USDT"].tick, told["BTC/USDT"].lot)] == ["0.01", "0.00001"]
    assert told["BTC/USDT"].min_notional == 5
    assert [format(value, "f") for value in (told["PEPE/USDT"].tick, told["PEPE/USDT"].lot)] == ["0.00000001", "1"]
    assert told["PEPE/USDT"].min_notional == 0
    assert [str(value) for value in (told["X/Y"].tick, told["X/Y"].lot, told["X/Y"].min_notional)] == ["10", "5", "0.1"]


async def test_only_what_is_traded_is_kept() -> None:
    exchange = Exchange([market(symbol=f"C{number}/USDT") for number in range(500)] + [market()])
    await load_instruments(exchange, ["BTC/USDT"])
    assert list(exchange.markets) == ["BTC/USDT"]
    assert exchange.markets["BTC/USDT"]["info"] == {}
    assert len(await exchange.fetch_markets({})) == 501, "the exchange is left as it was"


async def test_steps_may_be_told_as_decimals() -> None:
    told = await load_instruments(Exchange([market(2, 5)], mode=2), ["BTC/USDT"])
    assert (told["BTC/USDT"].tick, told["BTC/USDT"].lot) == (Decimal("0.01"), Decimal("0.00001"))


@pytest.mark.parametrize(
    ("price", "amount", "mode"),
    [(None, 1, 4), (0.01, None, 4), (0, 1, 4), (-1, 1, 4), ("x", 1, 4), (float("nan"), 1, 4), (5, 5, 3)],
)
async def test_a_market_without_steps_is_refused(price: object, amount: object, mode: int) -> None:
    with pytest.raises(DataError, match="venue does not tell the steps of price and quantity of BTC/USDT"):
        await load_instruments(Exchange([market(price, amount)], mode), ["BTC/USDT"])


async def test_a_market_that_tells_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="does not tell the steps"):
        await load_instruments(Exchange([{"symbol": "BTC/USDT"}]), ["BTC/USDT"])


async def test_an_unknown_symbol_is_refused_naming_near_ones() -> None:
    exchange = Exchange([market(), market(symbol="BTC/USDC"), market(symbol="ETH/EUR"), market(symbol="BTC/USDT:USDT")])
    with pytest.raises(DataError) as caught:
        await load_instruments(exchange, ["BTC/USD"])
    assert str(caught.value) in {
        f"venue has no market BTC/USD (near: {near}): see market.symbols."
        for near in ("BTC/USDT, BTC/USDC", "BTC/USDC, BTC/USDT")
    }


async def test_a_list_without_markets_is_no_answer() -> None:
    with pytest.raises(VenueUnavailable, match=r"its list of markets is empty"):
        await load_instruments(Exchange([]), ["BTC/USDT"])


def test_where_nothing_is_near_nothing_is_named() -> None:
    assert near_symbols("ZZZ/YYY", ["BTC/USDT"]) == ""
    assert near_symbols("btc/usdt", ["BTC/USDT"]) == " (near: BTC/USDT)"
