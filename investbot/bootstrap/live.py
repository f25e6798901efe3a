"""Real orders: from an instance's settings and its keys to the private side of a venue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from investbot.adapters.storage.reader import SqlcipherReader
from investbot.adapters.storage.secrets import get_secrets
from investbot.adapters.venues.ccxt.endpoints import told as worded
from investbot.adapters.venues.ccxt.secrecy import FIELDS
from investbot.bootstrap.consent import read_consent
from investbot.bootstrap.home import Home, InstanceHome
from investbot.bootstrap.venues import market_place, venue_names
from investbot.config.instance import InstanceConfig
from investbot.config.versions import load_version
from investbot.domain.errors import AuthFailed, ConfigError
from investbot.domain.market import DAY, Cursor, Instrument, Millis
from investbot.domain.order import DONE
from investbot.domain.states import Mode
from investbot.ports.clock import Clock
from investbot.ports.prices import HearPrice, Prices
from investbot.ports.venue import MarketFact, Venue

if TYPE_CHECKING:
    from investbot.adapters.venues.ccxt.trading import CcxtTrading, TradingHealth

LIVE_READY = True
"""Whether the modes sandbox and live trade at all: the one switch that holds them back."""
POLL_S, POLL_PAPER_S = 0.2, 2.0
"""Seconds between two looks for a candle that is due: a test venue may run fifty times as fast as the wall."""
_ON_ITS_WAY = {"SENT", "UNKNOWN"}
"""States that only an order at a real venue is ever in without an id there."""
_LATELY = DAY
"""How far back a ledger's orders are looked at, in milliseconds before its last event."""
_SIMULATED = "sim-"
"""What the venue's ids of simulated orders begin with."""


def at_venue(config: InstanceConfig) -> bool:
    """Tell whether an instance's orders go to a venue's account, real or sandbox."""
    return config.venue.mode is not Mode.PAPER


def venue_keys(folder: InstanceHome, key: bytes) -> dict[str, str]:
    """Read an instance's API keys out of its own store, by ccxt's names; VaultError, LedgerError."""
    return {name: value for name, value in get_secrets(folder.ledger, key).items() if name in FIELDS}


def demand_tradeable(config: InstanceConfig, keys: Mapping[str, str]) -> None:
    """Refuse a mode whose orders cannot be placed: ConfigError for the venue, AuthFailed without keys."""
    name, mode = config.name, config.venue.mode.value
    if not at_venue(config):
        return
    if not LIVE_READY:
        raise ConfigError(
            f"{name} is set to {mode}, and this version only trades on paper; "
            f"`investbot config set {name} venue.mode=paper` changes it."
        )
    if config.venue.name in venue_names():
        raise ConfigError(
            f"{name} is set to {mode}, and {config.venue.name} takes no orders; "
            f"`investbot config set {name} venue.mode=paper` changes it."
        )
    if not ({"apiKey", "secret"} <= keys.keys() or "privateKey" in keys or "token" in keys):
        raise AuthFailed(
            f"{name} is set to {mode} and has no apiKey with its secret; "
            f"`investbot keys set {name}` stores those of {config.venue.name}."
        )


def demand_allowed(config: InstanceConfig, folder: InstanceHome, key: bytes) -> None:
    """Refuse to trade where nobody ever said yes to real money, or to mix real and made-up fills; ConfigError."""
    if not at_venue(config):
        if any(not made_up for made_up in _made_up(folder, key)):
            raise ConfigError(
                f"{config.name} is set to paper, and its ledger is of real orders, some of which may be open; set its "
                f"venue.mode back with `investbot config rollback {config.name}`, or make another instance for paper."
            )
        return
    if config.venue.mode is Mode.LIVE and not read_consent(folder).version:
        raise ConfigError(
            f"Nobody has allowed {config.name} to trade real money yet; `investbot start {config.name}` asks for that."
        )
    if any(_made_up(folder, key)):
        raise ConfigError(
            f"{config.name} has traded on paper, and its ledger is full of made-up fills; "
            f"make another instance for {config.venue.mode.value} trading with `investbot create`."
        )
    _demand_where_it_holds(config, folder, key)


def _demand_where_it_holds(config: InstanceConfig, folder: InstanceHome, key: bytes) -> None:
    """Refuse another venue, or the other mode of it, while something is held or open at the one before."""
    with closing(SqlcipherReader.open(folder.ledger, key)) as reader:
        held = bool(reader.rows("positions")) or any(row["state"] not in DONE for row in reader.rows("orders"))
        rows = reader.rows("settings") if held else []
    decided = [row["version"] for row in rows if not any(each.startswith("venue.") for each in row["waiting"])]
    number = decided[-1] if decided else 1
    if not held or number == config.version:
        return
    try:
        before = load_version(folder.path, number).venue
    except ConfigError:  # that version is gone: the comparison with the venue at the start tells what it finds
        return
    if (before.name, before.mode) != (config.venue.name, config.venue.mode):
        raise ConfigError(
            f"{config.name} is set to {config.venue.name} ({config.venue.mode.value}) and has a position or an order "
            f"at {before.name} ({before.mode.value}): go back with `investbot config rollback {config.name} {number}` "
            f"and flatten it first."
        )


def _made_up(folder: InstanceHome, key: bytes) -> list[bool]:
    """Tell of each order of late, or of all where something is held, whether a model of a venue acknowledged it."""
    with closing(SqlcipherReader.open(folder.ledger, key)) as reader:
        last = reader.snapshot()["last_event_at"]
        since = None if last is None or reader.rows("positions") else max(0, last - _LATELY)
        rows = [row for row in reader.rows("orders", since) if row["venue_order_id"] or row["state"] in _ON_ITS_WAY]
    return [str(row["venue_order_id"]).startswith(_SIMULATED) for row in rows]


def has_begun(folder: InstanceHome, key: bytes) -> bool:
    """Tell whether an instance has ever had a candle, and so may own anything; LedgerError, VaultError."""
    with closing(SqlcipherReader.open(folder.ledger, key)) as reader:
        return reader.snapshot()["last_event_at"] is not None


def trading_venue(config: InstanceConfig, keys: Mapping[str, str], place: Home, clock: Clock) -> CcxtTrading:
    """Build the private side of an exchange, not connected; `keys` have ccxt's names; ConfigError, AuthFailed."""
    from investbot.adapters.venues.ccxt.trading import CcxtTrading

    demand_tradeable(config, keys)
    return CcxtTrading(
        config.venue.name,
        keys,
        clock,
        settings=config.venue.ccxt,
        sandbox=config.venue.mode is Mode.SANDBOX,
        limits=place.run.path / "limits",
        folder=market_place(
            place.market, config.venue.name, config.venue.ccxt, sandbox=config.venue.mode is Mode.SANDBOX
        ),
    )


class WatchedVenue:
    """A venue of candles whose health also tells how the way to the account is: breaker, limit, response times."""

    def __init__(self, venue: Venue, health: Callable[[], TradingHealth]) -> None:
        """Stand for `venue`."""
        self._venue = venue
        self._health = health

    async def open(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Connect."""
        return await self._venue.open(symbols)

    def facts(self, anchors: Mapping[str, Millis], cursor: Cursor | None) -> AsyncIterator[MarketFact]:
        """Stream the past, then what comes."""
        return self._venue.facts(anchors, cursor)

    async def poll(self) -> None:
        """Look for news."""
        await self._venue.poll()

    def follow(self, symbols: Collection[str], heard: HearPrice) -> None:
        """Tell prices of these symbols, where the venue tells any."""
        if isinstance(self._venue, Prices):
            self._venue.follow(symbols, heard)

    def now(self) -> Millis:
        """The venue's time in milliseconds UTC."""
        return self._venue.now()

    def health(self) -> Mapping[str, str]:
        """Tell how candles and account are; times in milliseconds."""
        seen = self._health()
        told = {
            "circuit": seen.circuit.value,
            "limit_left": str(seen.limit_left),
            "clock_skew_ms": str(seen.clock_skew_ms),
        }
        told |= {"account_error": seen.last_error} if seen.last_error else {}
        market = dict(self._venue.health())
        if market.get("circuit", "closed") != "closed":
            told["candles_circuit"] = market["circuit"]
        return {**market, **told, **worded(seen.endpoints)}

    async def close(self) -> None:
        """Release everything."""
        await self._venue.close()
