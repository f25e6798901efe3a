"""One strategy with other parameters in other kinds of market."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from investbot.analysis.indicators import Declared, is_finder, line
from investbot.analysis.regime import Regime, Regimes
from investbot.domain.errors import ConfigError
from investbot.domain.signal import Signal
from investbot.strategies.api import MarketView, Strategy

REGIMES: Final = {regime.name.lower(): regime for regime in Regime}
"""What profiles call the kinds of market."""

_LINE: Final = "regime"


@dataclass(frozen=True, slots=True)
class ByRegime:
    """Asks the variant that fits the regime of the bar, and the first one where none does or none is known yet.

    The first of `variants` has no regime of its own. Every variant reads its own indicators, all updated on every bar,
    so that one that takes over is warm.
    """

    variants: tuple[tuple[Regime | None, Strategy], ...]
    regimes: Regimes = field(default_factory=Regimes)

    @property
    def name(self) -> str:
        """What profiles call it: the same as without regimes."""
        return self._first.name

    @property
    def description(self) -> str:
        """One sentence for `strategies list`."""
        return self._first.description

    @property
    def warmup(self) -> int:
        """Bars before opinions count: those of the slowest variant, and until the first regime is known."""
        return max(self.regimes.lookback + 1, *(variant.warmup for _, variant in self.variants))

    def indicators(self) -> Mapping[str, Declared]:
        """Name what all variants read, each under its number, and the regime."""
        return {_LINE: line(self.regimes, "regime"), **self._all(lambda variant: variant.indicators())}

    def confirm_indicators(self) -> Mapping[str, Declared]:
        """Name what all variants read on the longer timeframe, each under its number."""
        return self._all(lambda variant: variant.confirm_indicators())

    def evaluate(self, view: MarketView) -> Signal | None:
        """Let the variant that fits form its opinion; the reason names the regime."""
        number = self._fitting(view.now[_LINE])
        regime, variant = self.variants[number]
        said = variant.evaluate(_seen_by(number, variant, view))
        if said is None or regime is None:
            return said
        return replace(said, reason=f"In a {regime.name.lower()} market: {said.reason}")

    @property
    def _first(self) -> Strategy:
        return self.variants[0][1]

    def _fitting(self, regime: float) -> int:
        for number, (wanted, _) in enumerate(self.variants):
            if wanted is not None and wanted == regime:
                return number
        return 0

    def _all(self, read: Callable[[Strategy], Mapping[str, Declared]]) -> dict[str, Declared]:
        return {
            f"{number}.{name}": spec
            for number, (_, variant) in enumerate(self.variants)
            for name, spec in read(variant).items()
        }


def by_regime(base: Strategy, variants: Mapping[str, Strategy]) -> Strategy:
    """Join a strategy with its variants by the name of their regime; ConfigError for a regime that does not exist."""
    for name in variants:
        if name not in REGIMES:
            raise ConfigError(f"There is no market regime {name!r}; there are {', '.join(REGIMES)}.")
    if not variants:
        return base
    known = tuple((REGIMES[name], variant) for name, variant in variants.items())
    return cast("Strategy", ByRegime(((None, base), *known)))


def _seen_by(number: int, variant: Strategy, view: MarketView) -> MarketView:
    """Show a variant the names it declared."""
    own = _part(number, variant.indicators(), view)
    if view.confirm is not None:
        own.confirm = _part(number, variant.confirm_indicators(), view.confirm)
    return own


def _part(number: int, declared: Mapping[str, Any], view: MarketView) -> MarketView:
    own = MarketView(view.symbol)
    own.closed_at, own.bars_seen, own.holding = view.closed_at, view.bars_seen, view.holding
    own.outlook = view.outlook
    own.bar, own.previous_bar = view.bar, view.previous_bar
    numbers = [name for name, spec in declared.items() if not is_finder(spec)]
    own.now = _renamed(number, numbers, view.now)
    own.previous = _renamed(number, numbers, view.previous)
    own.found = _renamed(number, [name for name, spec in declared.items() if is_finder(spec)], view.found)
    return own


def _renamed(number: int, names: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[f"{number}.{name}"] for name in names}
