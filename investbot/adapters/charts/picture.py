"""A picture of candles with what was found on them, by matplotlib (the `charts` extra)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from investbot.domain.errors import ConfigError
from investbot.domain.times import rfc3339

RISES, FALLS, INK, PAPER = "#2e9e6b", "#c8463c", "#333333", "#ffffff"
_LABELS = 8
"""Times written under the picture."""


@dataclass(frozen=True, slots=True)
class Candles:
    """What is drawn: closing times (milliseconds UTC) and prices (quote per base), all of one length."""

    title: str
    at: Sequence[int]
    open: Sequence[float]
    high: Sequence[float]
    low: Sequence[float]
    close: Sequence[float]


@dataclass(frozen=True, slots=True)
class Mark:
    """A word at a price: at the candle that closed `at`, or along the whole picture when `at` is None."""

    text: str
    price: float
    at: int | None = None
    is_bullish: bool = True


@dataclass(frozen=True, slots=True)
class Zone:
    """A stripe of prices from the candle that closed `at` to the end of the picture."""

    bottom: float
    top: float
    at: int
    is_bullish: bool = True


def draw(path: Path, candles: Candles, marks: Sequence[Mark] = (), zones: Sequence[Zone] = ()) -> None:
    """Write a picture (PNG, SVG or PDF by its name); ConfigError without matplotlib or for another name."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigError("Pictures need matplotlib; install it with `pip install 'investbot[charts]'`.") from None
    if path.suffix not in {".png", ".svg", ".pdf"}:
        raise ConfigError(f"A picture is a .png, .svg or .pdf file, not {path.name}.")
    figure = Figure(figsize=(14, 7), layout="tight", facecolor=PAPER)
    axes = figure.subplots()
    places = {at: place for place, at in enumerate(candles.at)}
    _candles(axes, candles)
    last = len(candles.at) - 1
    for zone in zones:
        begins = places.get(zone.at, 0)
        colour = RISES if zone.is_bullish else FALLS
        axes.fill_between([begins, last + 1], zone.bottom, zone.top, color=colour, alpha=0.12, linewidth=0)
    low, high = min(candles.low), max(candles.high)
    for mark in marks:
        _mark(axes, mark, places, last, (low, high))
    axes.set_xlim(-1, last + 2)
    axes.set_ylim(low - 0.04 * (high - low), high + 0.04 * (high - low))
    step = max(1, last // _LABELS)
    axes.set_xticks(range(0, last + 1, step), [rfc3339(at)[5:16] for at in candles.at[::step]], fontsize=8)
    axes.set_title(candles.title, loc="left", color=INK)
    axes.grid(alpha=0.2)
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise ConfigError(f"The picture {path} could not be written ({error.strerror}).") from None


def _candles(axes: Any, candles: Candles) -> None:
    rows = zip(candles.open, candles.high, candles.low, candles.close, strict=True)
    for place, (opened, high, low, closed) in enumerate(rows):
        colour = RISES if closed >= opened else FALLS
        axes.plot([place, place], [low, high], color=colour, linewidth=0.8)
        axes.plot([place, place], [opened, closed], color=colour, linewidth=3.0, solid_capstyle="butt")


def _mark(axes: Any, mark: Mark, places: dict[int, int], last: int, span: tuple[float, float]) -> None:
    colour = RISES if mark.is_bullish else FALLS
    if not span[0] <= mark.price <= span[1]:
        return
    if mark.at is None:
        axes.axhline(mark.price, color=colour, linewidth=0.8, linestyle="--", alpha=0.7)
        axes.annotate(mark.text, (last + 1, mark.price), fontsize=7, color=colour, va="bottom", ha="right")
    elif mark.at in places:
        shift = -10 if mark.is_bullish else 8
        point = (places[mark.at], mark.price)
        axes.annotate(mark.text, point, (0, shift), textcoords="offset points", fontsize=7, color=colour, ha="center")
