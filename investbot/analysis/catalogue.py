"""Every analyser of the house with its defaults, by name: what tests, benches and the look-ahead grid run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from investbot.analysis import indicators as i
from investbot.analysis.analyser import Analyser
from investbot.analysis.candles import CandleLayers, CandlePatterns
from investbot.analysis.elliott.counts import Elliott
from investbot.analysis.patterns.chart import ChartPatterns
from investbot.analysis.regime import Regimes
from investbot.analysis.structure.blocks import OrderBlocks
from investbot.analysis.structure.breaks import Breaks, Trend
from investbot.analysis.structure.flow import FlowState, OrderFlow
from investbot.analysis.structure.gaps import FairValueGaps
from investbot.analysis.structure.levels import PreviousExtremes, RoundPrices
from investbot.analysis.structure.liquidity import Liquidity
from investbot.analysis.structure.premium import DealingRange
from investbot.analysis.structure.sessions import Sessions
from investbot.analysis.structure.swings import Swings
from investbot.analysis.structure.trendlines import TrendLines
from investbot.analysis.wyckoff.schematics import Wyckoff

ANALYSERS: Mapping[str, Analyser[Any, Any]] = {
    "adx": i.Adx(),
    "atr": i.Atr(),
    "bollinger": i.Bollinger(),
    "candles.layers": CandleLayers(),
    "candles.patterns": CandlePatterns(),
    "cci": i.Cci(),
    "cmf": i.Cmf(),
    "donchian": i.Donchian(),
    "elliott": Elliott(),
    "ema": i.Ema(20),
    "ichimoku": i.Ichimoku(),
    "keltner": i.Keltner(),
    "macd": i.Macd(),
    "mfi": i.Mfi(),
    "obv": i.Obv(),
    "patterns": ChartPatterns(),
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
    "structure.blocks": OrderBlocks(),
    "structure.breaks": Breaks(),
    "structure.dealing range": DealingRange(),
    "structure.flow": OrderFlow(),
    "structure.flow state": FlowState(),
    "structure.gaps": FairValueGaps(),
    "structure.liquidity": Liquidity(),
    "structure.previous extremes": PreviousExtremes(),
    "structure.round prices": RoundPrices(),
    "structure.sessions": Sessions(),
    "structure.swings": Swings(),
    "structure.trend": Trend(),
    "structure.trend lines": TrendLines(),
    "wma": i.Wma(20),
    "wyckoff": Wyckoff(),
}
"""The name says what it is, with the room before it outside `indicators` (`structure.swings`)."""
