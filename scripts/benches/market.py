"""Shared candle files as columns and as candles, without the checks of the door."""

from __future__ import annotations

import csv
import gzip
import os
import re
from decimal import Decimal
from pathlib import Path

import numpy as np

from investbot.analysis.analyser import Bars
from investbot.domain.market import Bar, Candle, Timeframe
from scripts.benches.candles import SYMBOL

FOLDER = Path(os.environ.get("INVESTBOT_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))


def data_sets() -> list[Path]:
    """Name every shared candle file."""
    return sorted(FOLDER.glob("*.csv.gz"))


def timeframe_of(path: Path) -> Timeframe:
    """Read the timeframe out of a file's name."""
    return Timeframe.parse(re.findall(r"_(\d+[mhd])_", path.name)[0])


def candles_of(path: Path, most: int | None = None, skip: int = 0) -> list[Candle]:
    """Read up to `most` candles after the first `skip`."""
    length, made = timeframe_of(path), list[Candle]()
    with gzip.open(path, "rt") as file:
        for number, (at, *told) in enumerate(csv.reader(file)):
            if number <= skip:
                continue
            if most is not None and len(made) == most:
                break
            bar = Bar._make(map(float, told))
            opened, high, low, close = map(Decimal, told[:4])
            made.append(Candle(SYMBOL, length, int(at), opened, high, low, close, bar))
    return made


def bars_of(path: Path) -> Bars:
    """Read a whole file as columns."""
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",", skiprows=1)
    opened_at = table[:, 0].astype(np.int64)
    opened, high, low, close, volume = (np.ascontiguousarray(table[:, index]) for index in range(1, 6))
    return Bars(opened, high, low, close, volume, opened_at + timeframe_of(path).ms)


def window(bars: Bars, first: int, size: int) -> Bars:
    """Give `size` bars from number `first` on."""
    end = first + size
    return Bars(
        bars.open[first:end],
        bars.high[first:end],
        bars.low[first:end],
        bars.close[first:end],
        bars.volume[first:end],
        bars.closed_at[first:end],
    )
