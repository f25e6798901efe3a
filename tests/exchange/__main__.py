"""Run the loopback exchange as its own process: `python -m tests.exchange --speed 50 --seed 7 --port 0`.

The first line printed is JSON: `settings` for `venue.ccxt`, the address of `admin`, and the `keys`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
from decimal import Decimal

from tests.exchange.exchange import DEPOSITS, Exchange
from tests.exchange.feeds import CADENCE_S
from tests.exchange.values import VenueRules


def _deposit(said: str) -> tuple[str, Decimal]:
    asset, _, amount = said.partition("=")
    return asset, Decimal(amount)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.exchange")
    parser.add_argument("--seed", type=int, default=7, help="of the price path, the book and the keys")
    parser.add_argument("--speed", type=float, default=1.0, help="venue milliseconds a wall millisecond")
    parser.add_argument("--port", type=int, default=0, help="on loopback; 0: any free one")
    parser.add_argument("--start", type=int, help="venue time at the start, milliseconds UTC; else the wall's")
    parser.add_argument("--deposit", type=_deposit, action="append", default=[], help="ASSET=AMOUNT for each account")
    parser.add_argument("--maker", type=Decimal, default=VenueRules().maker, help="maker's fee, a fraction")
    parser.add_argument("--taker", type=Decimal, default=VenueRules().taker, help="taker's fee, a fraction")
    parser.add_argument("--depth", type=Decimal, default=VenueRules().depth, help="quote value of the best level")
    parser.add_argument("--weight-limit", type=int, default=0, help="request weight a wall minute; 0: none")
    parser.add_argument("--window-scale", type=float, default=1.0, help="widens the windows of signed requests")
    parser.add_argument("--cadence", type=float, default=CADENCE_S, help="seconds between two messages of a stream")
    parser.add_argument("--more-markets", type=int, default=0, help="listed, and never traded")
    parser.add_argument("--no-stop-market", action="store_true", help="list no STOP_LOSS and TAKE_PROFIT orders")
    parser.add_argument("--plain", action="store_true", help="no websockets, client ids renamed, few trades listed")
    return parser.parse_args()


async def serve() -> None:
    """Serve until the process is told to stop."""
    asked = _arguments()
    kinds = VenueRules().order_types
    if asked.no_stop_market:
        kinds = tuple(kind for kind in kinds if kind not in {"STOP_LOSS", "TAKE_PROFIT"})
    exchange = Exchange(
        seed=asked.seed,
        speed=asked.speed,
        start=asked.start,
        port=asked.port,
        rules=VenueRules(
            maker=asked.maker,
            taker=asked.taker,
            depth=asked.depth,
            order_types=kinds,
            more_markets=asked.more_markets,
        ),
        deposits=DEPOSITS | dict(asked.deposit),
        weight_limit=asked.weight_limit,
        window_scale=asked.window_scale,
    )
    exchange.streams.feeds.cadence_s = asked.cadence
    exchange.core.plain = asked.plain
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with exchange:
        print(json.dumps(exchange.card()), flush=True)
        waits = [asyncio.create_task(stop.wait()), asyncio.create_task(exchange.broken())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(serve())
