"""A client with ccxt's own unpatched classes, in a process of its own: reads the exchange's card, tells what it saw.

`python -m tests.unit.exchange.client trade|order < card`
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import ccxt.async_support
import ccxt.pro
import httpx

BTC = "BTC/USDT"
PATIENCE_S = 60


async def trade(card: dict[str, Any]) -> dict[str, Any]:
    """Watch candles, prices, orders, trades and balances while a position is opened and protected."""
    binance = ccxt.pro.binance({**card["settings"], **card["keys"]["main"]})
    try:
        await synchronise(binance)
        await binance.load_markets()
        watching = [
            asyncio.create_task(made)
            for made in (
                binance.watch_orders(BTC),
                binance.watch_my_trades(BTC),
                binance.watch_balance(),
                binance.watch_ohlcv(BTC, "1m"),
                binance.watch_ticker(BTC),
            )
        ]
        await subscribed(card)
        await synchronise(binance)
        placed = await binance.create_order(BTC, "market", "buy", 0.01, None, {"clientOrderId": "ib1"})
        orders, trades, balance, candles, ticker = await asyncio.wait_for(asyncio.gather(*watching), PATIENCE_S)
        while orders[-1]["status"] != "closed":
            orders = await asyncio.wait_for(binance.watch_orders(BTC), PATIENCE_S)
        await synchronise(binance)
        low = binance.price_to_precision(BTC, ticker["last"] * 0.9)
        stop = await binance.create_order(BTC, "market", "sell", 0.009, None, {"stopLossPrice": low})
        return {
            "placed": [placed["id"], placed["status"], placed["filled"]],
            "watched": [orders[-1]["id"], orders[-1]["status"], orders[-1]["clientOrderId"]],
            "trades": [trade["order"] for trade in trades],
            "balances": sorted(balance["total"]),
            "candle": candles[-1],
            "stop": stop["id"],
        }
    finally:
        await binance.close()


async def subscribed(card: dict[str, Any]) -> None:
    """Wait until the exchange has a user's stream: what happens earlier is told to nobody."""
    async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient() as admin:
        while True:
            state = (await admin.get(f"{card['admin']}/state")).json()
            if state["streams"]["users"]:
                return
            await asyncio.sleep(0.02)


async def order(card: dict[str, Any]) -> dict[str, Any]:
    """Send one order and hang on its answer."""
    binance = ccxt.async_support.binance({**card["settings"], **card["keys"]["main"]})
    await synchronise(binance)
    await binance.load_markets()
    await synchronise(binance)
    print("sending", flush=True)
    await binance.create_order(BTC, "market", "buy", 0.01, None, {"clientOrderId": "ib1"})
    return {}


async def synchronise(binance: Any) -> None:
    """Meet the exchange's clock, which may run faster than ours."""
    binance.options["recvWindow"] = 60_000  # the widest there is: at fifty times our speed little more than a second
    binance.options["timeDifference"] = int(time.time() * 1000) - await binance.fetch_time()


if __name__ == "__main__":
    print(json.dumps(asyncio.run({"trade": trade, "order": order}[sys.argv[1]](json.load(sys.stdin)))))
