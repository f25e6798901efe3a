"""Candles to measure with: a shared file where it is there, a seeded walk written to a file elsewhere."""

from __future__ import annotations

import os
import random
from pathlib import Path

from investbot.adapters.venues.candle_file import CandleFile
from investbot.domain.market import Timeframe

SYMBOL = "BTC/USDT"
FIVE = Timeframe.parse("5m")
_NAME = "binance_BTCUSDT_5m_2024.csv.gz"
_START = 1_704_067_200_000


def candle_file(scratch: Path) -> CandleFile:
    """Give the file to measure with; the walk is made in `scratch`."""
    shared = Path(os.environ.get("INVESTBOT_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data")) / _NAME
    return CandleFile(shared if shared.is_file() else _walk(scratch / "walk.csv"), SYMBOL, FIVE)


def _walk(path: Path, bars: int = 70_000) -> Path:
    """Write a seeded walk of five-minute bars near 40,000 quote per base."""
    chance = random.Random(7)  # noqa: S311 - a market, not a secret
    price = 40_000.0
    with path.open("w", encoding="utf-8") as out:
        out.write("timestamp,open,high,low,close,volume\n")
        for number in range(bars):
            close = price * (1 + chance.gauss(0, 0.0015))
            high = max(price, close) * (1 + abs(chance.gauss(0, 0.0007)))
            low = min(price, close) * (1 - abs(chance.gauss(0, 0.0007)))
            at = _START + number * FIVE.ms
            out.write(f"{at},{price:.2f},{high:.2f},{low:.2f},{close:.2f},{chance.uniform(1, 90):.5f}\n")
            price = float(f"{close:.2f}")
    return path
