"""What an exchange with thousands of markets costs a process: seconds until it is open, and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.benches.figures import Figure
from scripts.chaos_run.exchange import ExchangeProcess

MARKETS = 3800
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
    """Measure ccxt as it comes, then candles and account through our own way: list fetched, list at hand."""
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
