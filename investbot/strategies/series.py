"""One symbol's bars carried forward: owns the indicator handles and refills the view a strategy reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self

from investbot.analysis.indicators import IndicatorSpec, Stream, TalibStream
from investbot.analysis.indicators.api import NAN
from investbot.analysis.resample import Resampler
from investbot.domain.market import Candle, Timeframe
from investbot.strategies.api import MarketView, Strategy


class Series:
    """The indicators of one symbol and timeframe, updated in constant time; a longer timeframe beside it if wanted.

    A series is a function of the candles it was given since its first (its anchor), so that feeding the stored candles
    again after a restart gives the same values to the last bit.
    """

    __slots__ = ("_by_close", "_by_range", "_longer", "_others", "_warming", "view")

    def __init__(self, specs: Mapping[str, IndicatorSpec], symbol: str) -> None:
        """Own one stream a declared name."""
        self.view = MarketView(symbol)
        self.view.now = dict.fromkeys(specs, NAN)
        self.view.previous = dict.fromkeys(specs, NAN)
        self._others: list[tuple[str, Stream]] = [(name, spec.stream()) for name, spec in specs.items()]
        self._warming = bool(specs)
        self._by_close: list[tuple[str, Callable[..., float]]] = []
        self._by_range: list[tuple[str, Callable[..., float]]] = []
        self._longer: tuple[Resampler, Series] | None = None

    @classmethod
    def of(cls, strategy: Strategy, symbol: str, timeframe: Timeframe, confirm_timeframe: Timeframe | None) -> Self:
        """Make the series a strategy wants; ConfigError when the longer timeframe is no multiple of the shorter."""
        series = cls(strategy.indicators(), symbol)
        if confirm_timeframe is not None:
            longer = Series(strategy.confirm_indicators(), symbol)
            series._longer = (Resampler(timeframe, confirm_timeframe), longer)
            series.view.confirm = longer.view
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
        _, high, low, close, _ = bar
        for name, step in self._by_close:
            now[name] = step(close)
        for name, step in self._by_range:
            now[name] = step(high, low, close)
        if self._others:
            for name, stream in self._others:
                now[name] = stream.update(bar)
            if self._warming:
                self._open_handles()
        if self._longer is not None:
            resampler, series = self._longer
            for longer in resampler.add(candle):
                series.update(longer)
        return view

    def _open_handles(self) -> None:
        """Call handles directly from the bar after they opened: it saves a third of the time."""
        others: list[tuple[str, Stream]] = []
        self._warming = False
        for name, stream in self._others:
            if isinstance(stream, TalibStream) and stream.step is not None:
                (self._by_close if stream.reads_close else self._by_range).append((name, stream.step))
            else:
                others.append((name, stream))
                self._warming = self._warming or isinstance(stream, TalibStream)
        self._others = others
