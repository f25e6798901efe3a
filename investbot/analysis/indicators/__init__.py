"""Indicators a strategy may declare; each is one definition for live bars and for columns."""

from investbot.analysis.analyser import Array, Bars, Stream, columns
from investbot.analysis.indicators.api import Declared, IndicatorSpec, Line, LinesSpec, is_finder, line
from investbot.analysis.indicators.averages import Ema, Sma, Wma
from investbot.analysis.indicators.bands import Bollinger, Donchian, Keltner, Supertrend
from investbot.analysis.indicators.ichimoku import Ichimoku
from investbot.analysis.indicators.momentum import Macd, Roc, Rsi, StochRsi
from investbot.analysis.indicators.pivots import Pivots
from investbot.analysis.indicators.ranges import Adx, Atr, Cci, Stochastic
from investbot.analysis.indicators.talib_streams import TalibStream
from investbot.analysis.indicators.volume import Cmf, Mfi, Obv
from investbot.analysis.indicators.volume_profile import VolumeProfile
from investbot.analysis.indicators.vwap import Vwap

__all__ = [
    "Adx",
    "Array",
    "Atr",
    "Bars",
    "Bollinger",
    "Cci",
    "Cmf",
    "Declared",
    "Donchian",
    "Ema",
    "Ichimoku",
    "IndicatorSpec",
    "Keltner",
    "Line",
    "LinesSpec",
    "Macd",
    "Mfi",
    "Obv",
    "Pivots",
    "Roc",
    "Rsi",
    "Sma",
    "StochRsi",
    "Stochastic",
    "Stream",
    "Supertrend",
    "TalibStream",
    "VolumeProfile",
    "Vwap",
    "Wma",
    "columns",
    "is_finder",
    "line",
]
