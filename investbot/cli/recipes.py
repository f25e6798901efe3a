"""A profile with what the command line changes in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from investbot.cli.amounts import amount
from investbot.cli.fleet import profile_folders
from investbot.cli.session import Session
from investbot.cli.times import wall_clock
from investbot.domain.errors import ConfigError, DataError

if TYPE_CHECKING:
    from investbot.config.instance import InstanceConfig
    from investbot.config.profile import Profile

DEFAULT_CAPITAL = "500"

ProfileOption = Annotated[str, typer.Option(metavar="P", help="A profile's name or path.")]
DataOption = Annotated[
    list[Path] | None, typer.Option(metavar="FILE", help="Candles, once for each symbol; unset: the profile's own.")
]
CapitalOption = Annotated[str, typer.Option(metavar="AMOUNT", help="Its allocation, in quote.")]
SymbolOption = Annotated[
    list[str] | None, typer.Option(metavar="SYMBOL", help="Instead of the profile's; may be given again.")
]
TimeframeOption = Annotated[str | None, typer.Option(metavar="TF", help="Instead of the profile's.")]
ValuesOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any key of the profile; may be given again.")
]


@dataclass(frozen=True, slots=True)
class Changes:
    """What the line says instead of the profile; None and empty change nothing."""

    symbols: Sequence[str] | None = None
    timeframe: str | None = None
    values: Sequence[str] | None = None
    tags: Sequence[str] | None = None


def money(text: str) -> Decimal:
    """Read an allocation in quote; UsageError for what is no number, ConfigError when it is not above zero."""
    value = amount(text, "the capital")
    if value <= 0:
        message = f"The capital must be above zero, not {text}."
        raise ConfigError(message)
    return value


def resolve(session: Session, name: str, profile: str, capital: Decimal, changes: Changes) -> InstanceConfig:
    """Find and read a profile, lay the changes over it, and make it an instance's.

    ConfigError, UsageError; DataError for a symbol that a replay has no candles of.
    """
    from investbot.config.instance import new_instance, set_values
    from investbot.config.loading import find_profile, load_profile
    from investbot.config.writer import value

    search = profile_folders(session)
    path = find_profile(profile, search)
    assignments = list(changes.values or ())
    if changes.timeframe is not None:
        assignments.insert(0, f"market.timeframe={value(changes.timeframe)}")
    if changes.tags:
        assignments.insert(0, f"tags={value(list(changes.tags))}")
    if changes.symbols:
        assignments.insert(0, f"market.symbols={value(list(changes.symbols))}")
    loaded = load_profile(path, search, session.environment)
    _demand_candles(loaded, changes)
    config = new_instance(name, loaded, path.stem, capital, wall_clock())
    return set_values(config, assignments) if assignments else config


def _demand_candles(profile: Profile, changes: Changes) -> None:
    """Refuse a symbol of the line that none of a replay's files is for, unless the line changes the venue as well."""
    files = profile.venue.replay.files
    if profile.venue.name != "replay" or not files or any(each.startswith("venue.") for each in changes.values or ()):
        return
    for symbol in changes.symbols or ():
        if "/" in symbol and symbol not in files:
            message = f"The replay has no candles of {symbol}; venue.replay.files holds {', '.join(files)}."
            raise DataError(message)
