"""The definitions of the docstrings once more, written as slowly and plainly as possible."""

from __future__ import annotations

import math

import numpy as np

from investbot.analysis.analyser import Array, Bars

NAN = math.nan


def lagged(values: list[float], size: int) -> Array:
    """Values that end with the last bar, missing before."""
    return np.array([NAN] * (size - len(values)) + values)


def windows(values: Array, period: int) -> list[Array]:
    return [values[end - period : end] for end in range(period, len(values) + 1)]


def mean_of(values: Array, period: int) -> Array:
    return lagged([float(part.mean()) for part in windows(values, period)], len(values))


def ema(values: Array, period: int) -> Array:
    """Exponential mean of values that may begin with NaN, seeded with the mean of the first `period`."""
    known = values[~np.isnan(values)]
    out = [float(known[:period].mean())]
    for value in known[period:]:
        out.append(out[-1] + 2 / (period + 1) * (float(value) - out[-1]))
    return lagged(out, len(values))


def wilder(values: Array, period: int) -> list[float]:
    """Wilder's mean: seeded with the simple mean, then (previous * (period - 1) + value) / period."""
    out = [float(values[:period].mean())]
    for value in values[period:]:
        out.append((out[-1] * (period - 1) + float(value)) / period)
    return out


def true_ranges(bars: Bars) -> Array:
    """From the second bar on."""
    before = bars.close[:-1]
    found: Array = np.maximum.reduce(
        [bars.high[1:] - bars.low[1:], np.abs(bars.high[1:] - before), np.abs(bars.low[1:] - before)]
    )
    return found


def atr(bars: Bars, period: int) -> Array:
    return lagged(wilder(true_ranges(bars), period), bars.size)


def typical(bars: Bars) -> Array:
    return (bars.high + bars.low + bars.close) / 3


def rsi(close: Array, period: int) -> Array:
    change = np.diff(close)
    up, down = wilder(np.maximum(change, 0), period), wilder(np.maximum(-change, 0), period)
    return lagged([100 * a / (a + b) if a + b else 0.0 for a, b in zip(up, down, strict=True)], len(close))


def place(values: Array, low: Array, high: Array, period: int) -> Array:
    """Where the last value of each window lies between its lowest and highest, 0..100."""
    out = []
    for end in range(period, len(values) + 1):
        bottom, top = low[end - period : end].min(), high[end - period : end].max()
        out.append(float(100 * (values[end - 1] - bottom) / (top - bottom)) if top > bottom else 0.0)
    return lagged(out, len(values))


def middle_of_range(bars: Bars, period: int) -> Array:
    pairs = zip(windows(bars.high, period), windows(bars.low, period), strict=True)
    return lagged([float(high.max() + low.min()) / 2 for high, low in pairs], bars.size)


def directional(bars: Bars, period: int) -> tuple[Array, Array, Array]:
    """adx, plus_di, minus_di with Wilder's sums: seeded with period - 1 values, the next one smoothed in."""
    up, down = np.diff(bars.high), -np.diff(bars.low)
    plus = np.where((up > down) & (up > 0), up, 0.0)
    minus = np.where((down > up) & (down > 0), down, 0.0)

    def sums(values: Array) -> Array:
        total = float(values[: period - 1].sum())
        out = []
        for value in values[period - 1 :]:
            total = total - total / period + float(value)
            out.append(total)
        return np.array(out)

    reach = sums(true_ranges(bars))
    plus_di, minus_di = 100 * sums(plus) / reach, 100 * sums(minus) / reach
    dx = 100 * np.abs(plus_di - minus_di) / (plus_di + minus_di)
    return (
        lagged(wilder(dx, period), bars.size),
        lagged(plus_di.tolist(), bars.size),
        lagged(minus_di.tolist(), bars.size),
    )


def supertrend(bars: Bars, period: int, width: float) -> tuple[Array, Array]:
    reach, middle, close = atr(bars, period), (bars.high + bars.low) / 2, bars.close
    upper, lower, trend = math.inf, -math.inf, 1.0
    stops, trends = [], []
    for at in range(period, bars.size):
        above, below = middle[at] + width * reach[at], middle[at] - width * reach[at]
        upper = above if above < upper or close[at - 1] > upper else upper
        lower = below if below > lower or close[at - 1] < lower else lower
        trend = (-1.0 if close[at] < lower else 1.0) if trend > 0 else (1.0 if close[at] > upper else -1.0)
        stops.append(float(lower if trend > 0 else upper))
        trends.append(trend)
    return lagged(stops, bars.size), lagged(trends, bars.size)
