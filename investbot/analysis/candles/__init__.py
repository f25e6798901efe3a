"""The seven layers of one candle: body, wicks, close, size, volume, context, and the pattern it completes."""

from investbot.analysis.candles.layers import CandleLayers
from investbot.analysis.candles.patterns import RULES, Shape, shape_of
from investbot.analysis.candles.readings import CandlePatterns

__all__ = ["RULES", "CandleLayers", "CandlePatterns", "Shape", "shape_of"]
