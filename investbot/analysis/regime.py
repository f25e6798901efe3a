"""What kind of market it is: trending, ranging, volatile or quiet."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np
import talib
from talib import stream as handles

from investbot.analysis.analyser import NAN, Array, Bars, Stream
from investbot.analysis.indicators.api import Lines
from investbot.analysis.indicators.talib_streams import TalibStream, checked_period, column
from investbot.domain.market import Bar, Millis


class Regime(IntEnum):
    """The kinds of market; the number is what the `regime` line says."""

    RANGE = 0
    TREND = 1
    VOLATILE = 2
    QUIET = 3


@dataclass(frozen=True, slots=True)
class Regimes:
    """The regime of each bar, and the four measures it is judged by.

    `adx` = ADX(`adx`), 0..100. `volatility` = the part of the last `rank` bars whose ATR(`adx`) / close was below this
    bar's, 0..1. `efficiency` = |close - close of `window` bars ago| / sum of the |moves| between, 0..1 (Kaufman).
    `variance_ratio` = variance of returns over `step` bars / (`step` * variance of one-bar returns), both over the last
    `variance` bars: above 1 moves go on, below 1 they turn back (Lo and MacKinlay); NaN where nothing moved.

    VOLATILE when volatility reaches 0.85, else QUIET when it is at most 0.15, else TREND when two of three agree (adx
    at least 25, efficiency at least 0.35, variance ratio at least 1.1), else RANGE. Hysteresis: the regime that holds
    is judged by milder bounds (volatility 0.70 and 0.30; adx 20, efficiency 0.25, variance ratio 1.0), and another one
    must be found on `confirm` bars running before it takes over. `regime` is the number of a `Regime`, NaN until the
    first bar with the first three measures, which decides at once. Sources: J. W. Wilder (1978), P. Kaufman (1995),
    A. Lo and C. MacKinlay (1988); TA-Lib `ADX`, `NATR`, `PERCENTRANK`, `ER`, `VAR`, `ROCP`; the bounds are ours.
    """

    lines: ClassVar[tuple[str, ...]] = ("regime", "adx", "volatility", "efficiency", "variance_ratio")

    adx: int = 14
    rank: int = 200
    window: int = 20
    step: int = 5
    variance: int = 100
    confirm: int = 3

    def __post_init__(self) -> None:
        """Refuse periods that are too short to mean anything; ConfigError."""
        for name, least in (("adx", 2), ("rank", 10), ("window", 2), ("step", 2), ("variance", 10), ("confirm", 1)):
            checked_period(f"A regime's {name}", getattr(self, name), least)

    @property
    def lookback(self) -> int:
        """Bars that come before the first bar with every line."""
        return max(2 * self.adx - 1, self.adx + self.rank, self.window, self.step + self.variance - 1)

    def stream(self) -> Stream[tuple[float, ...]]:
        """Begin a stream at the next bar."""
        return _RegimeStream(self)

    def over(self, bars: Bars) -> Lines:
        """Give one column a line, each of shape (n,), NaN until warm."""
        adx = column(talib.ADX, bars, "hlc", timeperiod=self.adx)
        ranges = column(talib.NATR, bars, "hlc", timeperiod=self.adx)[self.adx :]
        volatility = _after(self.adx, _run(talib.PERCENTRANK, ranges, self.rank), bars.size) / 100.0
        efficiency = column(talib.ER, bars, "c", timeperiod=self.window)
        single = _run(talib.VAR, column(talib.ROCP, bars, "c", timeperiod=1)[1:], self.variance)
        several = _run(talib.VAR, column(talib.ROCP, bars, "c", timeperiod=self.step)[self.step :], self.variance)
        usual = _after(1, single, bars.size) * self.step
        ratio: Array = np.full(bars.size, NAN)
        np.divide(_after(self.step, several, bars.size), usual, out=ratio, where=usual > 0.0)
        known = ~(np.isnan(adx) | np.isnan(volatility) | np.isnan(efficiency))
        first = int(np.argmax(known)) if known.any() else bars.size
        judged = [
            found(adx[first:], volatility[first:], efficiency[first:], ratio[first:], held).tolist() for held in _HELD
        ]
        holding, regimes = _Hysteresis(self.confirm), np.full(bars.size, NAN)
        regimes[first:] = [holding.update(now[holding.held + 1]) for now in zip(*judged, strict=True)]
        return regimes, adx, volatility, efficiency, ratio


def found(adx: Any, volatility: Any, efficiency: Any, ratio: Any, held: int) -> Any:
    """Judge four measures, floats or columns alike, mildly for the regime that is `held` (-1 for none).

    NaN never reaches a bound.
    """
    is_trend = held == Regime.TREND
    volatile = 1 * (volatility >= (0.70 if held == Regime.VOLATILE else 0.85))
    quiet = 1 * (volatility <= (0.30 if held == Regime.QUIET else 0.15))
    agreeing = (
        1 * (adx >= (20.0 if is_trend else 25.0))
        + (efficiency >= (0.25 if is_trend else 0.35))
        + (ratio >= (1.0 if is_trend else 1.1))
    )
    return 2 * volatile + (1 - volatile) * (3 * quiet + (1 - quiet) * (agreeing >= 2))


_HELD = (-1, *Regime)
"""What may hold when a bar is judged, in the order of its number."""


class _Hysteresis:
    """Keeps a regime until another one was found on enough bars running."""

    __slots__ = ("_candidate", "_confirm", "_seen", "held")

    def __init__(self, confirm: int) -> None:
        self._confirm = confirm
        self.held = self._candidate = -1
        self._seen = 0

    def update(self, now: int) -> float:
        """Take what the next bar was found to be, and give the number of the regime that holds."""
        if now == self.held:
            self._seen = 0
            return now
        self._seen = self._seen + 1 if now == self._candidate else 1
        self._candidate = now
        if self.held < 0 or self._seen >= self._confirm:
            self.held, self._seen = now, 0
        return self.held


class _RegimeStream:
    """The measures bar by bar, and the regime that holds."""

    __slots__ = ("_adx", "_closes", "_efficiency", "_holding", "_natr", "_rank", "_several", "_single", "_step")

    def __init__(self, spec: Regimes) -> None:
        self._adx = TalibStream(2 * spec.adx - 1, "hlc", handles.ADX, timeperiod=spec.adx)
        self._natr = TalibStream(spec.adx, "hlc", handles.NATR, timeperiod=spec.adx)
        self._efficiency = TalibStream(spec.window, "c", handles.ER, timeperiod=spec.window)
        self._rank = _Series(handles.PERCENTRANK, spec.rank, spec.rank + 1)
        self._single = _Series(handles.VAR, spec.variance, spec.variance)
        self._several = _Series(handles.VAR, spec.variance, spec.variance)
        self._step = spec.step
        self._closes: deque[float] = deque(maxlen=spec.step + 1)
        self._holding = _Hysteresis(spec.confirm)

    def update(self, bar: Bar, closed_at: Millis) -> tuple[float, ...]:
        """Take one closed bar and give all lines."""
        adx = self._adx.update(bar, closed_at)
        efficiency = self._efficiency.update(bar, closed_at)
        natr = self._natr.update(bar, closed_at)
        volatility = self._rank.update(natr) / 100.0 if natr == natr else NAN  # noqa: PLR0124 - NaN while it warms
        ratio = self._ratio(bar.close)
        known = adx == adx and volatility == volatility and efficiency == efficiency  # noqa: PLR0124
        holding = self._holding
        regime = holding.update(found(adx, volatility, efficiency, ratio, holding.held)) if known else NAN
        return regime, adx, volatility, efficiency, ratio

    def _ratio(self, close: float) -> float:
        closes = self._closes
        closes.append(close)
        if len(closes) < 2:
            return NAN
        usual = self._single.update(_return(close, closes[-2])) * self._step
        if len(closes) <= self._step:
            return NAN
        several = self._several.update(_return(close, closes[0]))
        return several / usual if usual > 0.0 else NAN


class _Series:
    """A handle over numbers that are no bars."""

    __slots__ = ("_handle", "_opening", "_period", "_seen", "_wanted")

    def __init__(self, opening: Any, period: int, wanted: int) -> None:
        self._opening = opening
        self._period = period
        self._wanted = wanted
        self._seen: list[float] = []
        self._handle: Any = None

    def update(self, value: float) -> float:
        """Take the next number and give the function's value; NaN until enough were seen."""
        if self._handle is not None:
            return float(self._handle.update(value))
        self._seen.append(value)
        if len(self._seen) < self._wanted:
            return NAN
        self._handle = self._opening(np.array(self._seen), timeperiod=self._period)
        self._seen = []
        return float(self._handle.value)


def _return(close: float, before: float) -> float:
    """A move as a fraction; TA-Lib calls a move from nothing none."""
    return (close - before) / before if before else 0.0


def _run(function: Any, values: Array, period: int) -> Array:
    """Run a TA-Lib function over numbers that are no bars."""
    said: Array = function(values, timeperiod=period) if len(values) else values
    return said


def _after(count: int, values: Array, size: int) -> Array:
    """Put values that begin `count` bars later back in their places."""
    return np.concatenate((np.full(count, NAN), values))[:size]
