"""One symbol's way through the engine: its indicators on both timeframes, its outlier filter, its last candle."""

from __future__ import annotations

from math import isnan, nan

from investbot.analysis.indicators import Atr
from investbot.analysis.quality import OutlierFilter
from investbot.domain.market import Candle, Millis, Quality
from investbot.engine.spec import EngineSpec
from investbot.strategies.api import MarketView, Strategy
from investbot.strategies.series import Series


class Track:
    """Follows one symbol candle by candle; `view` is what the strategy sees."""

    __slots__ = ("_advance", "_atr", "_atr_now", "_review", "last", "last_opened_at", "quality", "view", "warmup")

    def __init__(self, spec: EngineSpec, strategy: Strategy, symbol: str) -> None:
        series = Series.of(strategy, symbol, spec.timeframe, spec.confirm_timeframe)
        self._advance = series.update
        self._review = OutlierFilter().review
        self.warmup = strategy.warmup
        """Bars the strategy has to see before it is asked; `view.bars_seen` counts them."""
        self._atr = Atr(14).stream() if spec.exits.stop_atr is not None else None
        self._atr_now = nan
        self.view: MarketView = series.view
        self.last: Candle | None = None
        self.last_opened_at: Millis = -1
        self.quality = Quality.GOOD

    def is_news(self, candle: Candle) -> bool:
        """Tell whether `candle` is later than all seen before; repeats and stragglers are not."""
        return candle.opened_at > self.last_opened_at

    def update(self, candle: Candle) -> str | None:
        """Take a candle in; say what is wrong with it, if anything."""
        self.last = candle
        self.last_opened_at = candle.opened_at
        self._advance(candle)
        if self._atr is not None:
            self._atr_now = self._atr.update(candle.bar, candle.at)
        flaw = self._review(candle.bar)
        self.quality = candle.quality if flaw is None else Quality.FLAGGED
        return flaw

    def atr(self) -> float | None:
        """ATR(14) in quote per base where the profile's stop uses it and it is warm."""
        return None if isnan(self._atr_now) else self._atr_now
