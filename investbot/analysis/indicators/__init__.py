"""Indicators a strategy may declare; each is one definition for live bars and for arrays."""

from investbot.analysis.indicators.api import Array, Bars, IndicatorSpec, Stream, TalibStream, columns
from investbot.analysis.indicators.atr import Atr
from investbot.analysis.indicators.averages import Ema, Sma
from investbot.analysis.indicators.rsi import Rsi

__all__ = ["Array", "Atr", "Bars", "Ema", "IndicatorSpec", "Rsi", "Sma", "Stream", "TalibStream", "columns"]
