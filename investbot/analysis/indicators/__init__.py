"""Indicators a strategy may declare; each is one definition for live bars and for arrays."""

from investbot.analysis.analyser import Array, Bars, Stream, columns
from investbot.analysis.indicators.api import Declared, IndicatorSpec, Line, LinesSpec, TalibStream, is_finder, line
from investbot.analysis.indicators.atr import Atr
from investbot.analysis.indicators.averages import Ema, Sma
from investbot.analysis.indicators.rsi import Rsi

__all__ = [
    "Array",
    "Atr",
    "Bars",
    "Declared",
    "Ema",
    "IndicatorSpec",
    "Line",
    "LinesSpec",
    "Rsi",
    "Sma",
    "Stream",
    "TalibStream",
    "columns",
    "is_finder",
    "line",
]
