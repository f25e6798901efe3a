"""Answers that need no key: time, markets, candles, tickers, the book."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from tests.exchange.bars import average, day, exchange_info, klines, listed
from tests.exchange.book import ladder
from tests.exchange.core import Call, Core
from tests.exchange.market import LISTINGS, Listing
from tests.exchange.values import text


def ping(core: Core, call: Call) -> object:
    return {}


def time(core: Core, call: Call) -> object:
    return {"serverTime": core.told_now()}


def info(core: Core, call: Call) -> object:
    return exchange_info(core.rules, core.told_now(), core.weight_limit or 6000)


def no_markets(core: Core, call: Call) -> object:
    return {"timezone": "UTC", "serverTime": core.told_now(), "symbols": []}


def candles(core: Core, call: Call) -> object:
    return klines(core.path, call.query, call.now)


def ticker_day(core: Core, call: Call) -> object:
    return _each(call, lambda listing: day(core.path, listing, call.now, core.rules))


def ticker_price(core: Core, call: Call) -> object:
    return _each(call, lambda listing: {"symbol": listing.id, "price": text(core.path.price(listing, call.now))})


def ticker_book(core: Core, call: Call) -> object:
    def best(listing: Listing) -> dict[str, Any]:
        bid, ask = (ladder(core.path, listing, call.now, side, core.rules)[0] for side in ("bid", "ask"))
        return {
            "symbol": listing.id,
            "bidPrice": text(bid[0]),
            "bidQty": text(bid[1]),
            "askPrice": text(ask[0]),
            "askQty": text(ask[1]),
        }

    return _each(call, best)


def average_price(core: Core, call: Call) -> object:
    listing = listed(call.query.get("symbol", ""))
    return {"mins": 5, "price": text(average(core.path, listing, call.now)), "closeTime": call.now}


def depth(core: Core, call: Call) -> object:
    listing = listed(call.query.get("symbol", ""))
    most = int(call.query.get("limit", 100))

    def rows(side: str) -> list[list[str]]:
        levels: list[tuple[Decimal, Decimal]] = ladder(core.path, listing, call.now, side, core.rules)
        return [[text(price), text(quantity)] for price, quantity in levels[:most]]

    return {"lastUpdateId": call.now // 1000, "bids": rows("bid"), "asks": rows("ask")}


def _each(call: Call, made: Any) -> object:
    """One row for `symbol`, several for `symbols`, else all."""
    if "symbol" in call.query:
        return made(listed(call.query["symbol"]))
    wanted = json.loads(call.query["symbols"]) if "symbols" in call.query else [listing.id for listing in LISTINGS]
    return [made(listed(market)) for market in wanted]
