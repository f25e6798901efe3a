"""Plain functions that make bars and candles for the tests of charts, strategies and their checks."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from investbot.domain.market import Bar, Candle, Millis, Quality, Timeframe

SYMBOL = "BTC/USDT"
FIVE_MINUTES = Timeframe.parse("5m")


def candle(
    opened_at: Millis,
    close: float | str,
    *,
    opened: float | str | None = None,
    high: float | str | None = None,
    low: float | str | None = None,
    volume: float = 1.0,
    timeframe: Timeframe = FIVE_MINUTES,
    quality: Quality = Quality.GOOD,
) -> Candle:
    last = Decimal(str(close))
    first = last if opened is None else Decimal(str(opened))
    top = max(first, last) if high is None else Decimal(str(high))
    bottom = min(first, last) if low is None else Decimal(str(low))
    bar = Bar(float(first), float(top), float(bottom), float(last), volume)
    return Candle(SYMBOL, timeframe, opened_at, first, top, bottom, last, bar, quality)


def candles(closes: Iterable[float | str], timeframe: Timeframe = FIVE_MINUTES) -> list[Candle]:
    return [candle(index * timeframe.ms, close, timeframe=timeframe) for index, close in enumerate(closes)]


def walk(count: int, seed: int = 7, price: float = 100.0, step: float = 0.004) -> list[Candle]:
    """A seeded random walk with bars that have a range."""
    rng = random.Random(seed)
    made = []
    for index in range(count):
        opened = price
        price *= 1.0 + rng.gauss(0.0, step)
        top = max(opened, price) * (1.0 + abs(rng.gauss(0.0, step / 2)))
        bottom = min(opened, price) * (1.0 - abs(rng.gauss(0.0, step / 2)))
        made.append(
            candle(
                index * FIVE_MINUTES.ms,
                f"{price:.8f}",
                opened=f"{opened:.8f}",
                high=f"{top:.8f}",
                low=f"{bottom:.8f}",
                volume=rng.random(),
            )
        )
    return made


def read(folder: Path, name: str, timeframe: str, most: int | None = None) -> list[Candle]:
    """Read one of the shared candle files."""
    length = Timeframe.parse(timeframe)
    made: list[Candle] = []
    with gzip.open(folder / f"{name}.csv.gz", "rt") as file:
        rows = csv.reader(file)
        next(rows)
        for at, opened, high, low, close, volume in rows:
            if most is not None and len(made) == most:
                break
            bar = Bar(float(opened), float(high), float(low), float(close), float(volume))
            prices = (Decimal(opened), Decimal(high), Decimal(low), Decimal(close))
            made.append(Candle(SYMBOL, length, int(at), *prices, bar))
    return made
