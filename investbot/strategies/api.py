"""The plugin contract: what a strategy is, what it sees, and how its parameters are declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields
from typing import Any, ClassVar, Protocol, cast

from investbot.analysis.analyser import Finding
from investbot.analysis.indicators import Declared
from investbot.analysis.intelligence import Outlook
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar, Millis
from investbot.domain.signal import Signal

Values = dict[str, float]
"""Indicator values by the names the strategy declared; NaN while an indicator is warming up."""


class MarketView:
    """What a strategy may know at the close of one bar: nothing later. Written by the engine, only read by strategies.

    One object a series, refilled for every bar: keep no reference to it or to its parts between two calls.
    """

    __slots__ = (
        "bar",
        "bars_seen",
        "closed_at",
        "confirm",
        "found",
        "holding",
        "now",
        "outlook",
        "previous",
        "previous_bar",
        "symbol",
    )

    def __init__(self, symbol: str) -> None:
        """Begin before the first bar: prices are zero and every value is missing until then."""
        self.symbol: str = symbol
        self.closed_at: Millis = 0
        """When the bar closed, milliseconds UTC."""
        self.bar: Bar = _NO_BAR
        """The bar that has just closed: prices in quote per base, volume in base."""
        self.previous_bar: Bar = _NO_BAR
        """The bar before it."""
        self.bars_seen: int = 0
        """Bars of this series so far, this one included."""
        self.now: Values = {}
        """Indicator values at the bar that has just closed."""
        self.previous: Values = {}
        """Indicator values at the bar before it."""
        self.found: dict[str, tuple[Finding, ...]] = {}
        """The latest findings of each declared finder, oldest first; `known_at` tells which are new at this bar."""
        self.confirm: MarketView | None = None
        """The longer timeframe at its last closed candle, with `confirm_indicators()`; None without one."""
        self.holding: bool = False
        """Whether a position in the symbol is open."""
        self.outlook: Outlook | None = None
        """What the world outside thinks of the symbol at this moment; None where nothing is known."""


_NO_BAR = Bar(0.0, 0.0, 0.0, 0.0, 0.0)


class Strategy(Protocol):
    """A pure opinion: a frozen dataclass whose fields are its parameters (declared with `parameter`)."""

    name: ClassVar[str]
    """What profiles call it."""
    description: ClassVar[str]
    """One sentence for `strategies list`."""

    @property
    def warmup(self) -> int:
        """Bars a series must have before its opinions count; the engine does not ask earlier."""
        ...

    def indicators(self) -> Mapping[str, Declared]:
        """Name the indicators and finders it reads on its own timeframe."""
        ...

    def confirm_indicators(self) -> Mapping[str, Declared]:
        """Name the indicators and finders it reads on the longer timeframe, when the profile gives one."""
        ...

    def evaluate(self, view: MarketView) -> Signal | None:
        """Form an opinion on the bar that has just closed; the same view gives the same opinion."""
        ...


def parameter(
    default: Any,
    description: str,
    *,
    least: float | None = None,
    most: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Declare a parameter: its default, a sentence of help with the unit, and what it may be (bounds inclusive)."""
    metadata: dict[str, Any] = {"help": description}
    if least is not None:
        metadata["min"] = least
    if most is not None:
        metadata["max"] = most
    if choices:
        metadata["choices"] = choices
    return field(default=default, metadata=metadata)


def check_parameters(strategy: object) -> None:
    """Hold every parameter against its declaration; ConfigError names the first that does not fit."""
    for declared in fields(cast("Any", strategy)):
        value = getattr(strategy, declared.name)
        bounds = declared.metadata
        if isinstance(value, bool) != isinstance(declared.default, bool) or not isinstance(
            value, _kinds(declared.default)
        ):
            wanted = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}[
                type(declared.default)
            ]
            raise ConfigError(f"The strategy parameter {declared.name} must be {wanted}, not {value!r}.")
        if "choices" in bounds and value not in bounds["choices"]:
            raise ConfigError(
                f"The strategy parameter {declared.name} must be one of {', '.join(bounds['choices'])}, not {value!r}."
            )
        if ("min" in bounds and not value >= bounds["min"]) or ("max" in bounds and not value <= bounds["max"]):
            raise ConfigError(
                f"The strategy parameter {declared.name} must lie within {bounds.get('min', 'any')} and "
                f"{bounds.get('max', 'any')}, not {value!r}."
            )


def _kinds(default: object) -> tuple[type, ...]:
    """A float may be written as a whole number, nothing else may change its kind."""
    return (int, float) if isinstance(default, float) else (type(default),)
