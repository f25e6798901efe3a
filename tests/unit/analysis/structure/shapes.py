"""Bars drawn by hand for the rules of market structure."""

from __future__ import annotations

from collections.abc import Iterable

from investbot.analysis.analyser import Bars, columns
from investbot.domain.market import MINUTE, Bar, Millis

WARM = 20
"""Quiet bars put before a drawing, so that the ATR is warm; each is one wide, so that the ATR is near 1."""


def drawn(rows: Iterable[tuple[float, float, float, float]], volume: float = 1.0) -> Bars:
    """Bars of (open, high, low, close), a minute each from the epoch on."""
    return columns([Bar(opened, high, low, close, volume) for opened, high, low, close in rows])


def warm(price: float, count: int = WARM) -> list[tuple[float, float, float, float]]:
    """Bars one wide that stand still."""
    return [(price, price + 0.5, price - 0.5, price)] * count


def minute(number: int) -> Millis:
    """When bar `number` of a drawing closed."""
    return MINUTE * (number + 1)
