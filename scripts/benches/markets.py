"""What an exchange with thousands of markets costs a process, and what its past costs at a start."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from investbot.adapters.clock import SystemClock
from investbot.adapters.history.candle_cache import CandleCache
from investbot.adapters.venues.ccxt.venue import CcxtVenue
from investbot.domain.market import MINUTE, Candle, Timeframe
from scripts.benches.figures import Figure
from scripts.chaos_run.exchange import ExchangeProcess

MARKETS = 3800
BARS = 14_400
"""Ten days of minutes."""
_PROGRAM = """\
import asyncio, json, sys, time
began = time.perf_counter()
told = json.loads(sys.stdin.read())

async def whole():
    import ccxt.async_support
    exchange = ccxt.async_support.binance(told["settings"] | told["keys"])
    exchange.has["fetchCurrencies"] = False
    exchange.options["fetchMarkets"]["types"] = ["spot"]
    await exchange.load_markets()
    return exchange.close

async def ours():
    from pathlib import Path
    from investbot.adapters.clock import SystemClock
    from investbot.adapters.venues.ccxt.trading import CcxtTrading
    from investbot.adapters.venues.ccxt.venue import CcxtVenue
    from investbot.domain.market import Timeframe
    clock, folder = SystemClock(), Path(told["folder"])
    candles = CcxtVenue("binance", Timeframe.parse("1m"), clock, settings=told["settings"], folder=folder)
    trading = CcxtTrading("binance", told["keys"], clock, settings=told["settings"], folder=folder)
    await trading.connect(await candles.open(["BTC/USDT"]))
    async def close():
        await candles.close()
        await trading.close()
    return close

async def main():
    close = await (whole() if told["whole"] else ours())
    seconds = time.perf_counter() - began
    rss = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS"))
    await close()
    print(json.dumps([seconds, int(rss) / 1024]))

asyncio.run(main())
"""


def measure(scratch: Path) -> Iterator[Figure]:
    """Measure ccxt as it comes, then candles and account our own way, list fetched and at hand; then a past."""
    ways = (
        ("ccxt as it comes", True, scratch / "none"),
        ("ours, list fetched", False, scratch / "market"),
        ("ours, list at hand", False, scratch / "market"),
    )
    with ExchangeProcess(7, 1.0, "--more-markets", str(MARKETS)) as exchange:
        for name, whole, folder in ways:
            told = {"settings": exchange.settings(20_000), "keys": exchange.card["keys"]["main"], "whole": whole}
            done = subprocess.run(
                [sys.executable, "-c", _PROGRAM],
                input=json.dumps({**told, "folder": str(folder)}),
                capture_output=True,
                check=True,
                text=True,
            )
            seconds, rss_mb = json.loads(done.stdout)
            yield Figure("markets", f"{name}, until open", seconds * 1000, "ms", None, "lower")
            yield Figure("markets", f"{name}, memory", rss_mb, "MiB", None, "lower")
        cache = CandleCache(scratch / "candles")
        for name in ("asked for", "out of the market cache"):
            seconds = asyncio.run(_past(exchange.settings(20_000), cache))
            yield Figure("markets", f"{BARS:,} bars at a start, {name}", seconds * 1000, "ms", None, "lower")


async def _past(settings: dict[str, Any], cache: CandleCache) -> float:
    """Read the past as a start does; give the seconds from the first bar wanted to the newest."""
    venue = CcxtVenue("binance", Timeframe.parse("1m"), SystemClock(), settings=settings, store=cache)
    await venue.open(["BTC/USDT"])
    first, began = (venue.now() // MINUTE - BARS) * MINUTE, time.perf_counter()
    async for fact in venue.facts({"BTC/USDT": first}, None):
        if isinstance(fact, Candle) and fact.closed_at + MINUTE > venue.now():
            break
    took = time.perf_counter() - began
    await venue.close()
    return took
