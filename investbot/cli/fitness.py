"""Whether settings would work: strategy and parameters fit, candles can be trusted, symbols are sold."""

from __future__ import annotations

import asyncio
import difflib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from investbot.domain.errors import ConfigError

if TYPE_CHECKING:
    from investbot.config.profile import Profile
    from investbot.ports.venue import Venue

OFFLINE = frozenset({"replay", "synthetic"})
"""Venues that can be asked without a network; the others are asked when the instance starts."""


def check_fit(profile: Profile, folder: Path) -> None:
    """Refuse settings that cannot work: ConfigError for strategy and venue, DataError for candles or symbols.

    A strategy's own file is relative to `folder`.
    """
    from investbot.bootstrap.assembly import strategy_of
    from investbot.bootstrap.venues import make_venue, venue_names

    strategy_of(profile, folder)
    if profile.venue.name not in venue_names():
        _demand_exchange(profile.venue.name)
    venue = make_venue(profile)
    if profile.venue.name in OFFLINE:
        asyncio.run(_open(venue, profile.market.symbols))


def _demand_exchange(name: str) -> None:
    """Refuse a name that is no exchange of ccxt, without the second that loading it takes; ConfigError."""
    found = importlib.util.find_spec("ccxt")
    places = found.submodule_search_locations if found else None
    known = [path.stem for place in places or () for path in Path(place, "async_support").glob("[a-z]*.py")]
    if name not in known:
        near = ", ".join(difflib.get_close_matches(name, known)) or "replay, synthetic"
        message = f"There is no venue {name} (near: {near}); see venue.name in the profile."
        raise ConfigError(message)


async def _open(venue: Venue, symbols: tuple[str, ...]) -> None:
    try:
        await venue.open(symbols)
    finally:
        await venue.close()
