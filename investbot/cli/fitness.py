"""Whether settings would work: strategy and parameters fit, candles can be trusted, symbols are sold."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

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
    from investbot.bootstrap.venues import make_venue

    strategy_of(profile, folder)
    venue = make_venue(profile)
    if profile.venue.name in OFFLINE:
        asyncio.run(_open(venue, profile.market.symbols))


async def _open(venue: Venue, symbols: tuple[str, ...]) -> None:
    try:
        await venue.open(symbols)
    finally:
        await venue.close()
