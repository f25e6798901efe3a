"""Every analyser of the house with its defaults, by name: what tests, benches and the look-ahead grid run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from investbot.analysis.analyser import Analyser
from investbot.analysis.indicators import Atr, Ema, Rsi, Sma

ANALYSERS: Mapping[str, Analyser[Any, Any]] = {
    "atr": Atr(),
    "ema": Ema(20),
    "rsi": Rsi(),
    "sma": Sma(20),
}
"""The name is `<what it is>`, with the room before it outside `indicators` (`structure.swings`)."""
