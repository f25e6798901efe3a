"""One symbol's bars carried forward: owns the indicator handles and refills the view a strategy reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from investbot.analysis.indicators import IndicatorSpec
from investbot.analysis.indicators.api import NAN
from investbot.analysis.resample import Resampler
from investbot.domain.market import Candle, Timeframe
from investbot.strategies.api import MarketView, Strategy


class Series:
    """The indicators of one symbol and timeframe, updated in constant time; a longer timeframe beside it if wanted.

    A series is a function of the candles it was given since its first (its anchor), so that feeding the stored candles
    again after a restart gives the same values to the last bit.
    """

    __slots__ = ("_confirm", "_resampler", "_updates", "view")

    def __init__(self, specs: Mapping[str, IndicatorSpec], symbol: str) -> None:
        """Own one stream a declared name."""
        self.view = MarketView(symbol)
        self.view.now = dict.fromkeys(specs, NAN)
        self.view.previous = dict.fromkeys(specs, NAN)
        self._updates = [(name, spec.stream()) for name, spec in specs.items()]
        self._resampler: Resampler | None = None
        self._confirm: Series | None = None

    @classmethod
    def of(cls, strategy: Strategy, symbol: str, timeframe: Timeframe, confirm_timeframe: Timeframe | None) -> Self:
        """Make the series a strategy wants; ConfigError when the longer timeframe is no multiple of the shorter."""
        series = cls(strategy.indicators(), symbol)
        if confirm_timeframe is not None:
            series._resampler = Resampler(timeframe, confirm_timeframe)
            series._confirm = Series(strategy.confirm_indicators(), symbol)
            series.view.confirm = series._confirm.view
        return series

    def update(self, candle: Candle) -> MarketView:
        """Take the next closed candle and give the view at its close (always the same object)."""
        view = self.view
        bar = candle.bar
        view.previous_bar = view.bar
        view.bar = bar
        view.bars_seen += 1
        view.closed_at = candle.opened_at + candle.timeframe.ms
        now = view.previous
        view.previous = view.now
        view.now = now
        for name, stream in self._updates:
            now[name] = stream.update(bar)
        if self._resampler is not None and self._confirm is not None:
            for longer in self._resampler.add(candle):
                self._confirm.update(longer)
        return view
