"""Layer seven: the patterns that a candle completes, each one rule over the last one, two or three candles.

A rule is written once, with comparisons and `&` only, so that it reads floats (live) and columns (research) alike. All
sizes are parts of ranges and bodies. Own definitions, after S. Nison, Japanese Candlestick Charting Techniques (1991).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from investbot.domain.market import Bar
from investbot.domain.reading import Bias


class Shape(NamedTuple):
    """A candle's measures, floats or columns alike, in quote per base."""

    open: Any
    high: Any
    low: Any
    close: Any
    top: Any
    """The higher of open and close."""
    bottom: Any
    """The lower of open and close."""
    body: Any
    """top - bottom."""
    reach: Any
    """high - low."""
    way: Any
    """1 where it rose, -1 where it fell, 0 where it closed as it opened."""


def shape_of(bar: Bar) -> Shape:
    """Measure one bar."""
    opened, high, low, close, _ = bar
    top, bottom = (close, opened) if close > opened else (opened, close)
    way = (close > opened) - (close < opened)
    return Shape(opened, high, low, close, top, bottom, top - bottom, high - low, way)


def shapes_of(opened: Any, high: Any, low: Any, close: Any) -> Shape:
    """Measure columns of bars."""
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    return Shape(opened, high, low, close, top, bottom, top - bottom, high - low, np.sign(close - opened))


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern: its name, which way it leans, which way each of its candles goes, and when it holds.

    `ways` are those of its candles, the newest first: 1 rises, -1 falls, 0 either. `holds` takes their shapes.
    """

    name: str
    bias: Bias
    ways: tuple[int, ...]
    holds: Callable[..., Any]
    words: str

    @property
    def candles(self) -> int:
        """How many candles it takes."""
        return len(self.ways)

    def fits(self, ways: tuple[int, ...]) -> bool:
        """Tell whether candles (the newest first) are enough and go the right ways."""
        return len(ways) >= len(self.ways) and all(want in {0, way} for want, way in zip(self.ways, ways, strict=False))


def _doji(c: Shape) -> Any:
    return (c.reach > 0) & (c.body <= 0.1 * c.reach)


def _full(c: Shape) -> Any:
    return (c.reach > 0) & (c.body >= 0.9 * c.reach)


def _pin_below(c: Shape) -> Any:
    return (c.reach > 0) & (c.bottom - c.low >= 0.6 * c.reach) & (c.high - c.top <= 0.15 * c.reach)


def _pin_above(c: Shape) -> Any:
    return (c.reach > 0) & (c.high - c.top >= 0.6 * c.reach) & (c.bottom - c.low <= 0.15 * c.reach)


def _inside(c: Shape, b: Shape) -> Any:
    return (c.high <= b.high) & (c.low >= b.low) & (c.reach < b.reach)


def _outside(c: Shape, b: Shape) -> Any:
    return (c.high > b.high) & (c.low < b.low)


def _covers(c: Shape, b: Shape) -> Any:
    return (c.top >= b.top) & (c.bottom <= b.bottom) & (c.body > b.body) & (b.body > 0.1 * b.reach)


def _star(c: Shape, b: Shape, a: Shape) -> Any:
    """A large body, a small one, and a body of at least half the first."""
    return (a.body >= 0.5 * a.reach) & (b.body <= 0.3 * a.body) & (c.body >= 0.5 * a.body)


def _strong(c: Shape) -> Any:
    return c.body >= 0.6 * c.reach


RULES: tuple[Rule, ...] = (
    Rule("doji", Bias.NEUTRAL, (0,), _doji, "a body of at most a tenth of the range"),
    Rule("full_body_up", Bias.BULLISH, (1,), _full, "a rising body of nine tenths of the range"),
    Rule("full_body_down", Bias.BEARISH, (-1,), _full, "a falling body of nine tenths of the range"),
    Rule("pin_bar_up", Bias.BULLISH, (0,), _pin_below, "a lower wick of six tenths of the range, hardly one above"),
    Rule("pin_bar_down", Bias.BEARISH, (0,), _pin_above, "an upper wick of six tenths of the range, hardly one below"),
    Rule("inside_bar", Bias.NEUTRAL, (0, 0), _inside, "the range lies within the one before"),
    Rule(
        "outside_bar_up",
        Bias.BULLISH,
        (0, 0),
        lambda c, b: _outside(c, b) & (c.close > b.high),
        "broke the low before, closed above the high",
    ),
    Rule(
        "outside_bar_down",
        Bias.BEARISH,
        (0, 0),
        lambda c, b: _outside(c, b) & (c.close < b.low),
        "broke the high before, closed below the low",
    ),
    Rule(
        "engulfing_up",
        Bias.BULLISH,
        (1, -1),
        _covers,
        "a rising body covers the falling one before",
    ),
    Rule(
        "engulfing_down",
        Bias.BEARISH,
        (-1, 1),
        _covers,
        "a falling body covers the rising one before",
    ),
    Rule(
        "piercing",
        Bias.BULLISH,
        (1, -1),
        lambda c, b: _strong(b) & (c.open <= b.close) & (c.close > (b.open + b.close) / 2) & (c.close < b.open),
        "opened at or under a falling body and closed over its middle",
    ),
    Rule(
        "dark_cloud",
        Bias.BEARISH,
        (-1, 1),
        lambda c, b: _strong(b) & (c.open >= b.close) & (c.close < (b.open + b.close) / 2) & (c.close > b.open),
        "opened at or over a rising body and closed under its middle",
    ),
    Rule(
        "morning_star",
        Bias.BULLISH,
        (1, 0, -1),
        lambda c, b, a: _star(c, b, a) & (b.top <= (a.open + a.close) / 2) & (c.close > (a.open + a.close) / 2),
        "a falling body, a small one in its lower half or under it, a rising one over its middle",
    ),
    Rule(
        "evening_star",
        Bias.BEARISH,
        (-1, 0, 1),
        lambda c, b, a: _star(c, b, a) & (b.bottom >= (a.open + a.close) / 2) & (c.close < (a.open + a.close) / 2),
        "a rising body, a small one in its upper half or over it, a falling one under its middle",
    ),
    Rule(
        "three_soldiers",
        Bias.BULLISH,
        (1, 1, 1),
        lambda c, b, a: (
            _strong(a)
            & _strong(b)
            & _strong(c)
            & (b.close > a.close)
            & (c.close > b.close)
            & (b.open <= a.close)
            & (b.open > a.open)
            & (c.open <= b.close)
            & (c.open > b.open)
        ),
        "three strong rising bodies, each opened inside the one before",
    ),
    Rule(
        "three_crows",
        Bias.BEARISH,
        (-1, -1, -1),
        lambda c, b, a: (
            _strong(a)
            & _strong(b)
            & _strong(c)
            & (b.close < a.close)
            & (c.close < b.close)
            & (b.open >= a.close)
            & (b.open < a.open)
            & (c.open >= b.close)
            & (c.open < b.open)
        ),
        "three strong falling bodies, each opened inside the one before",
    ),
)
"""All rules, in the order in which a candle's findings are told."""

FITTING: Mapping[tuple[int, ...], tuple[tuple[tuple[int, Rule], ...], ...]] = {
    ways: tuple(
        tuple((number, rule) for number, rule in enumerate(RULES) if rule.candles == candles and rule.fits(ways))
        for candles in (1, 2, 3)
    )
    for known in (1, 2, 3)
    for ways in itertools.product((-1, 0, 1), repeat=known)
}
"""The rules that up to three candles may complete, by the ways these went, the newest first.

Those of one candle, of two and of three, each with its number among all: the order in which they are told.
"""
