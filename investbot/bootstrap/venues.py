"""Venues by name: the shipped ones, and those that other packages register under `investbot.venues`."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from investbot.adapters.clock import SystemClock
from investbot.adapters.venues.instruments import InstrumentRules
from investbot.bootstrap.installed import entry_points
from investbot.config.profile import Profile
from investbot.config.sources import Source as SourcePart
from investbot.domain.states import Mode
from investbot.ports.clock import Clock
from investbot.ports.venue import Venue

if TYPE_CHECKING:
    from investbot.adapters.venues.ccxt.elsewhere import Source

VENUES = "investbot.venues"
"""The group of entry points; each is a function that takes a `Profile` and gives a `Venue`."""
_SHIPPED = frozenset({"replay", "synthetic"})


def venue_names() -> list[str]:
    """Name the venues that are no exchange of ccxt, in alphabetical order."""
    return sorted({*_SHIPPED, *(entry.name for entry in entry_points(group=VENUES))})


def is_brought(name: str) -> bool:
    """Tell whether a venue is another package's code."""
    return name in venue_names() and name not in _SHIPPED


def make_venue(
    profile: Profile,
    clock: Clock | None = None,
    fed_by: Path | None = None,
    market: Path | None = None,
    keys: Mapping[str, str] | None = None,
) -> Venue:
    """Build the venue a profile names, unopened: a registered one, or else an exchange of ccxt (by its id there).

    An exchange's candles come from the feed of the home `fed_by` while there is one, unless there are other sources to
    fall back on; `market` is the home's market cache, where there is a home; `keys` are for an exchange that tells
    nobody else. An exchange that there is not is a ConfigError when the venue is opened.
    """
    match profile.venue.name:
        case "replay":
            return _replay(profile)
        case "synthetic":
            return _synthetic(profile)
        case name:
            found = [entry for entry in entry_points(group=VENUES) if entry.name == name]
            if found:
                venue: Venue = found[0].load()(profile)
                return venue
            clock = clock or SystemClock()
            own = partial(_exchange, profile, clock, market, keys)
            alone = bool(profile.market.sources) or _tells_holders_only(profile)
            return own() if fed_by is None or alone else _fed(profile, clock, fed_by, own)


def _rules(profile: Profile) -> InstrumentRules:
    told, unset = profile.venue.instrument, InstrumentRules()
    return InstrumentRules(
        tick=told.tick,
        lot=unset.lot if told.lot is None else told.lot,
        min_notional=unset.min_notional if told.min_notional is None else told.min_notional,
    )


def _replay(profile: Profile) -> Venue:
    from investbot.adapters.venues.fact_file import read_facts
    from investbot.adapters.venues.replay import ReplayVenue

    told = profile.venue.replay
    files = told.files or {profile.market.symbols[0]: told.file or ""}
    return ReplayVenue(
        {symbol: Path(files[symbol]) for symbol in profile.market.symbols},
        profile.market.timeframe,
        speed=told.speed,
        close_at_end=told.close_at_end,
        rules=_rules(profile),
        told=read_facts(Path(told.facts)) if told.facts else (),
    )


def _synthetic(profile: Profile) -> Venue:
    from investbot.adapters.venues.synthetic import SyntheticVenue

    told = profile.venue.synthetic
    return SyntheticVenue(
        profile.market.timeframe,
        seed=told.seed,
        candles=told.candles,
        close_at_end=told.close_at_end,
        speed=told.speed,
        first_at=told.start,
        price=told.price,
        volatility=told.volatility,
        rules=_rules(profile),
    )


def _tells_holders_only(profile: Profile) -> bool:
    from investbot.adapters.venues.ccxt.capabilities import oddities, told_by_operator

    return oddities(profile.venue.name, **told_by_operator(profile.venue.ccxt)).candle_keys


def _exchange(profile: Profile, clock: Clock, market: Path | None, keys: Mapping[str, str] | None) -> Venue:
    from investbot.adapters.history.candle_cache import CandleCache
    from investbot.adapters.venues.ccxt.venue import CcxtVenue

    told, sandbox = profile.venue, profile.venue.mode is Mode.SANDBOX
    folder = None if market is None else market_place(market, told.name, told.ccxt, sandbox=sandbox)
    return CcxtVenue(
        told.name,
        profile.market.timeframe,
        clock,
        settings=told.ccxt,
        sandbox=sandbox,
        folder=folder,
        store=None if folder is None else CandleCache(folder),
        sources=[_source(profile, each, clock, market) for each in profile.market.sources],
        keys=keys,
        stale_after_ms=profile.stale_after_ms,
    )


def _source(profile: Profile, told: SourcePart, clock: Clock, market: Path | None) -> Source:
    """Give another exchange that is asked for candles; it is opened when it is needed."""
    from investbot.adapters.venues.ccxt.connection import Connection
    from investbot.adapters.venues.ccxt.elsewhere import Source

    folder = None if market is None else market_place(market, told.venue, told.ccxt, sandbox=False)
    connection = Connection(told.venue, told.ccxt, clock, random.random, folder=folder)
    return Source(connection, {symbol: told.symbols.get(symbol, symbol) for symbol in profile.market.symbols})


def market_place(market: Path, name: str, settings: Mapping[str, Any], *, sandbox: bool) -> Path:
    """Name the folder in a home's market cache of what is public at one exchange."""
    from investbot.adapters.venues.ccxt.market_list import market_folder

    return market_folder(market, name, settings, sandbox=sandbox)


def _fed(profile: Profile, clock: Clock, home: Path, own: Callable[[], Venue]) -> Venue:
    from investbot.adapters.venues.fed import FedVenue
    from investbot.control.feed_link import FeedLink
    from investbot.control.feed_messages import Market

    told, confirm = profile.venue, profile.market.confirm_timeframe
    market = Market(name=told.name, settings=told.ccxt, sandbox=told.mode is Mode.SANDBOX)
    also = () if confirm is None else (confirm.text,)
    link = FeedLink(home, market, profile.market.timeframe, clock.monotonic, also=also)
    return FedVenue(
        link,
        own,
        profile.market.timeframe,
        clock,
        stale_after_ms=profile.stale_after_ms,
    )
