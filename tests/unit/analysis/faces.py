"""The checks that every analyser must pass, for the tests of each."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np

from investbot.analysis.analyser import Analyser, Bars, columns, columns_of
from investbot.analysis.faces import first_disagreement, looks_ahead_at
from investbot.domain.market import MINUTE, Bar
from tests.unit.analysis.builders import read, walk

FIVE_SLICES = (
    ("binance_BTCUSDT_5m_2024", "5m"),
    ("binance_PEPEUSDT_5m_2024", "5m"),
    ("binance_LUNAUSDT_1h_2020-2022_collapse", "1h"),
    ("equity_SPY_1d_1998-2021", "1d"),
    ("fx_EURUSD_4h_2012-2022", "4h"),
)
"""A major coin, a coin at 0.00001, a collapse, a share with gaps, a currency pair."""

_FLAT = Bar(5.0, 5.0, 5.0, 5.0, 3.0)
_JUMP = Bar(9.0, 9.5, 8.5, 9.0, 2.0)


def walk_bars(count: int = 400, seed: int = 7, price: float = 100.0) -> Bars:
    """A seeded random walk with ranges and volume, five minutes a bar."""
    return columns_of(walk(count, seed, price))


def real_bars(folder: Path, name: str, timeframe: str = "5m", most: int = 3000) -> Bars:
    """The first bars of a shared candle file."""
    return columns_of(read(folder, name, timeframe, most))


def scaled(bars: Bars, factor: float) -> Bars:
    """The same market at another price level."""
    return bars._replace(**{name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")})


def _with_volume(bars: Bars, volume: float) -> Bars:
    return bars._replace(volume=np.full(bars.size, volume))


def _with_holes(bars: Bars) -> Bars:
    """Every seventh stretch of bars is missing, as at weekends."""
    kept = [pair for index, pair in enumerate(bars.each()) if index % 70 < 60]
    return columns([bar for bar, _ in kept], [closed_at for _, closed_at in kept])


ODD_SERIES: dict[str, Bars] = {
    "no bar": columns([]),
    "one bar": columns([_JUMP]),
    "two bars": columns([_FLAT, _JUMP]),
    "constant price": columns([_FLAT] * 300),
    "constant price without volume": columns([_FLAT._replace(volume=0.0)] * 300),
    "zero volume": _with_volume(walk_bars(300), 0.0),
    "jumps between flat stretches": columns(([_FLAT] * 40 + [_JUMP] * 40) * 4),
    "holes in time": _with_holes(walk_bars(400)),
    "days apart": walk_bars(300)._replace(closed_at=np.arange(1, 301, dtype=np.int64) * 24 * 60 * MINUTE),
}
"""Markets that must give no error and no warning."""


def both_faces_agree(analyser: Analyser[Any, Any], bars: Bars) -> bool:
    """Whether the stream and the columns say the same to the last bit."""
    return first_disagreement(analyser, bars) is None


def is_blind(analyser: Analyser[Any, Any], bars: Bars, cuts: int = 8, seed: int = 1) -> bool:
    """Whether cutting the future off at `cuts` random bars changes nothing that was known."""
    chosen = random.Random(seed).sample(range(1, bars.size), min(cuts, bars.size - 1))
    return looks_ahead_at(analyser, bars, chosen) is None
