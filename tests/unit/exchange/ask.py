"""What the tests ask of client and exchange again and again."""

from __future__ import annotations

import importlib
from typing import Any

from investbot.adapters.venues.ccxt.loader import exchange_class
from tests.exchange.exchange import Exchange

BTC = "BTC/USDT"


class Errors:
    """The errors of ccxt, whose package is laid out by the loader first."""

    def __getattr__(self, name: str) -> type[Exception]:
        exchange_class("binance")
        found: type[Exception] = getattr(importlib.import_module("ccxt.base.errors"), name)
        return found


wrong = Errors()


def orders(exchange: Exchange, account: str = "main") -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = exchange.truth()["accounts"][account]["orders"]
    return told


async def buy(binance: Any, name: str = "ib1") -> Any:
    return await binance.create_order(BTC, "market", "buy", 0.01, None, {"clientOrderId": name})
