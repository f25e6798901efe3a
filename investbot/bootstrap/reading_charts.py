"""Finds the candles of a chart, in a file or in the home's market cache, and reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

from investbot.adapters.charts.picture import Candles, Mark, Zone, draw
from investbot.adapters.history.candle_cache import END, CandleCache, Series
from investbot.adapters.venues.candle_file import CandleFile
from investbot.domain.errors import DataError
from investbot.domain.market import Bar, Candle, Timeframe
from investbot.research.chart import Chart, chart, told
from investbot.research.marks import stripes, words

DRAWN = 200
"""Candles of a picture, the last ones."""
_STRIPES = 12


@dataclass(frozen=True, slots=True)
class Shelved:
    """A series of the market cache, and the cache that holds it."""

    cache: CandleCache
    series: Series


def from_file(path: Path, symbol: str, timeframe: Timeframe, most: int) -> Chart:
    """Read the last `most` candles of a file; DataError when it cannot be trusted or is too short."""
    if not path.is_file():
        raise DataError(f"There is no candle file {path}.")
    candles = list(chain.from_iterable(CandleFile(path, symbol, timeframe).candles()))
    return chart(symbol, timeframe, candles[-most:])


def kept(market: Path, timeframe: Timeframe) -> Iterator[tuple[str, Shelved]]:
    """Give every symbol of a timeframe in the home's market cache, with the cache that holds it, by name."""
    folders = sorted({path.parent for path in market.rglob(f"*{END}")}) if market.is_dir() else []
    found: dict[str, Shelved] = {}
    for folder in folders:
        cache = CandleCache(folder)
        for series in cache.series():
            if series.timeframe == timeframe:
                found.setdefault(series.symbol, Shelved(cache, series))
    yield from sorted(found.items())


def from_cache(shelved: Shelved, most: int) -> Chart:
    """Read the last `most` candles of a series in the market cache; DataError when there are too few."""
    symbol, timeframe = shelved.series.symbol, shelved.series.timeframe
    since = max(shelved.series.first_at, shelved.series.last_at - (most - 1) * timeframe.ms)
    candles = []
    for at, *numbers in shelved.cache.read(symbol, timeframe, since, most).rows:
        prices = [Decimal(repr(number)) for number in numbers[:4]]
        candles.append(Candle(symbol, timeframe, at, prices[0], prices[1], prices[2], prices[3], Bar._make(numbers)))
    return chart(symbol, timeframe, candles)


def ranked(charts: Sequence[Chart]) -> list[dict[str, Any]]:
    """Read the set-up of every chart, the best score first."""
    return sorted((told("setup", each) for each in charts), key=lambda row: -row["score"])


def picture(what: str, of: Chart, path: Path) -> None:
    """Draw the last candles of a chart with what was found; ConfigError when that cannot be."""
    bars = of.bars
    first = max(0, bars.size - DRAWN)
    shown = Candles(
        f"{of.symbol} {of.timeframe.text}: {what}",
        bars.closed_at[first:].tolist(),
        bars.open[first:].tolist(),
        bars.high[first:].tolist(),
        bars.low[first:].tolist(),
        bars.close[first:].tolist(),
    )
    zones = [Zone(*stripe) for stripe in stripes(of)][-_STRIPES:]
    draw(path, shown, [Mark(*word) for word in words(what, of)], zones)
