"""Views made by hand, for the tests of strategies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from investbot.analysis.analyser import Finding
from investbot.domain.market import MINUTE, Bar
from investbot.domain.signal import Direction, Signal
from investbot.strategies.api import MarketView, Strategy

NOON = 12 * 60 * MINUTE
BAR = Bar(100.0, 101.0, 99.0, 100.5, 10.0)
BEFORE = Bar(100.0, 100.5, 99.5, 100.0, 10.0)


def view_of(
    now: Mapping[str, float],
    before: Mapping[str, float] | None = None,
    *,
    bar: Bar = BAR,
    previous_bar: Bar = BEFORE,
    found: Mapping[str, tuple[Finding, ...]] | None = None,
    longer: Mapping[str, float] | None = None,
    holding: bool = False,
    closed_at: int = NOON,
) -> MarketView:
    """A view with these values; `before` are the values of the bar before, `longer` those of the longer timeframe."""
    view = MarketView("BTC/USDT")
    view.closed_at, view.bar, view.previous_bar, view.holding = closed_at, bar, previous_bar, holding
    view.now, view.previous = dict(now), {**now, **(before or {})}
    view.found = dict(found or {})
    if longer is not None:
        view.confirm = MarketView("BTC/USDT")
        view.confirm.now = dict(longer)
    return view


def says(strategy: Strategy, view: MarketView) -> Direction | None:
    """Which way the strategy's opinion goes, if it has one."""
    signal = strategy.evaluate(view)
    return None if signal is None else signal.direction


def opinion(strategy: Strategy, view: MarketView) -> Signal:
    """The opinion it has to have."""
    signal = strategy.evaluate(view)
    assert signal is not None
    return signal


def changed(values: Mapping[str, float], **changes: Any) -> dict[str, float]:
    """The values with some of them others."""
    return {**values, **changes}
