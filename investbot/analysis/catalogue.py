"""Every analyser of the house with its defaults, by name: what tests, benches and the look-ahead grid run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from investbot.analysis import indicators as i
from investbot.analysis.analyser import Analyser
from investbot.analysis.candles import CandleLayers, CandlePatterns
from investbot.analysis.regime import Regimes

ANALYSERS: Mapping[str, Analyser[Any, Any]] = {
    "adx": i.Adx(),
    "atr": i.Atr(),
    "bollinger": i.Bollinger(),
    "candles.layers": CandleLayers(),
    "candles.patterns": CandlePatterns(),
    "cci": i.Cci(),
    "cmf": i.Cmf(),
    "donchian": i.Donchian(),
    "ema": i.Ema(20),
    "ichimoku": i.Ichimoku(),
    "keltner": i.Keltner(),
    "macd": i.Macd(),
    "mfi": i.Mfi(),
    "obv": i.Obv(),
    "pivots": i.Pivots(),
    "pivots, fibonacci": i.Pivots(session="week", kind="fibonacci"),
    "regime": Regimes(),
    "roc": i.Roc(),
    "rsi": i.Rsi(),
    "sma": i.Sma(20),
    "stochastic": i.Stochastic(),
    "stochrsi": i.StochRsi(),
    "supertrend": i.Supertrend(),
    "volume profile": i.VolumeProfile(),
    "vwap": i.Vwap(),
    "vwap, weekly": i.Vwap(session="week"),
    "wma": i.Wma(20),
}
"""The name says what it is, with the room before it outside `indicators` (`structure.swings`)."""
