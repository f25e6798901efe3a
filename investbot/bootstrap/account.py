"""An instance's account at its venue: what its key may do, what is free, and whether that bears what is allocated."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from investbot.adapters.clock import SystemClock
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.adapters.storage.secrets import PREVIOUS, forget_previous, secret_names
from investbot.bootstrap import known_rights
from investbot.bootstrap.consent import allow_live, allow_withdrawals, allows_withdrawals
from investbot.bootstrap.errand import send
from investbot.bootstrap.home import Home, InstanceHome
from investbot.bootstrap.live import at_venue, demand_tradeable, trading_venue, venue_keys
from investbot.bootstrap.venues import make_venue
from investbot.config.instance import InstanceConfig, load_instance
from investbot.domain.errors import (
    AuthFailed,
    ConfigError,
    InvestBotError,
    RateLimited,
    TryAgain,
    VenueError,
    VenueUnavailable,
)
from investbot.domain.states import Mode
from investbot.domain.times import rfc3339
from investbot.ports.trading import KeyRights, TradingVenue

PATIENCE_S = 30.0
"""Seconds in which a venue that fails is asked again."""
RIGHTS_S = 10.0
"""Seconds a venue has to say what a key may do; after that it counts as not telling."""
KeyOf = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Account:
    """What a venue says: rights of the key, free money in `currency`, and our own orders that are open there."""

    rights: KeyRights
    free: Decimal
    currency: str
    own_open: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """Give it as JSON has it; `read_account` is the way back."""
        rights = self.rights
        return {
            "trade": rights.trade,
            "withdraw": rights.withdraw,
            "ip_restricted": rights.ip_restricted,
            "free": format(self.free, "f"),
            "currency": self.currency,
            "own_open": list(self.own_open),
        }


def read_account(body: Mapping[str, Any]) -> Account:
    """Read what `Account.data` gave."""
    rights = KeyRights(body["trade"], body["withdraw"], body["ip_restricted"])
    return Account(rights, Decimal(body["free"]), body["currency"], tuple(body["own_open"]))


Ask = Callable[[str, bytes], Account]
"""Asks the venue of the named instance, whose data key is given."""


def ask_venue(place: Home, name: str, key: bytes, *, patience_s: float = PATIENCE_S) -> Account:
    """Ask the venue with the instance's own keys, and keep what it says of them beside its settings.

    Keys that were replaced and kept for their return are forgotten: the present ones are good.
    ConfigError, DataError, AuthFailed, VenueError, LedgerError.
    """
    folder = place.existing(name)
    found = ask_with(place, name, key, venue_keys(folder, key), patience_s=patience_s)
    known_rights.remember(folder, found.rights, SystemClock().now())
    if any(each.startswith(PREVIOUS) for each in secret_names(folder.ledger, key)):
        forget_previous(folder.ledger, key)
    return found


def ask_with(place: Home, name: str, key: bytes, keys: Mapping[str, str], *, patience_s: float = PATIENCE_S) -> Account:
    """Ask the venue of an instance with keys that need not be its own yet; errors as for `ask_venue`."""
    folder = place.existing(name)
    config = load_instance(folder.path)
    demand_tradeable(config, keys)
    ours = _made_here(folder, key)
    return asyncio.run(_patiently(lambda: _look(place, config, keys, ours), patience_s))


def look_at_keys(place: Home, name: str, key: bytes, ask: Ask) -> dict[str, Any]:
    """Tell which keys are stored and since when and, where an instance trades at a venue, let that say what they may.

    UnknownInstance, ConfigError, AuthFailed, VenueError, LedgerError.
    """
    folder = place.existing(name)
    config = load_instance(folder.path)
    stored = [{"key": each, "set_at": rfc3339(at)} for each, at in secret_names(folder.ledger, key).items()]
    told = ask(name, key).data() if at_venue(config) else {}
    rights = {right: told.get(right) for right in ("trade", "withdraw", "ip_restricted")}
    return {"name": name, "mode": config.venue.mode.value, "keys": stored, **rights}


def key_desk(place: Home, key_of: KeyOf) -> Callable[[str], dict[str, Any]]:
    """Give what tells of the keys of a named instance, its venue asked in a process of its own."""

    def look(name: str) -> dict[str, Any]:
        return look_at_keys(
            place, name, key_of(name), lambda each, key: read_account(send(place.path, each, key, "account"))
        )

    return look


async def _patiently(look: Callable[[], Any], patience_s: float) -> Account:
    """Ask again what fails for a moment; what it fails with at last comes out."""
    loop = asyncio.get_running_loop()
    end, pause = loop.time() + patience_s, 1.0
    while True:
        try:
            found: Account = await look()
        except (VenueUnavailable, RateLimited) as error:
            wait = error.retry_after_s if isinstance(error, RateLimited) else pause
            if loop.time() + wait > end:
                raise
            await asyncio.sleep(wait)
            pause *= 2
        else:
            return found


async def _look(place: Home, config: InstanceConfig, keys: Mapping[str, str], ours: set[str]) -> Account:
    clock = SystemClock()
    candles = make_venue(config, clock, market=place.market, keys=keys)
    trading = trading_venue(config, keys, place, clock)
    try:
        instruments = await candles.open(config.market.symbols)
        await trading.connect(instruments)
        held = await trading.balances()
        quote = next(iter(instruments.values())).quote
        rows = [row for symbol in instruments for row in await trading.open_orders(symbol)]
        own = tuple(f"{row.symbol} {row.venue_order_id}" for row in rows if row.client_order_id in ours)
        free = held[quote].free if quote in held else Decimal(0)
        return Account(await _rights(trading), free, quote, own)
    finally:
        await candles.close()
        await trading.close()


async def _rights(trading: TradingVenue) -> KeyRights:
    """Ask what the key may do; a venue that does not say, or not in time, has not told."""
    with contextlib.suppress(VenueError, TimeoutError):  # the key itself was accepted a moment ago
        async with asyncio.timeout(RIGHTS_S):
            return await trading.rights()
    return KeyRights(None, None, None)


def admit(
    place: Home, name: str, key_of: KeyOf, ask: Ask, *, accept_withdrawals: bool = False, by: str = "operator"
) -> Account | None:
    """Refuse a start on a key that can do too much or too little, or on money that is not there; None on paper.

    AuthFailed (77), ConfigError (78). What holds a position may start all the same, for its exits. An instance that
    trades real money is noted as allowed to by `by`, in the version of its settings that is in force.
    """
    folder = place.existing(name)
    config = load_instance(folder.path)
    if not at_venue(config):
        return None
    key = key_of(name)
    account, keys = ask(name, key), venue_keys(folder, key)
    if accept_withdrawals:
        allow_withdrawals(folder, keys, by, SystemClock().now())
    if not _positions(folder, key):
        demand_rights(config, account.rights, accepted=allows_withdrawals(folder, keys))
        demand_money(place, config, key_of, account)
    if config.venue.mode is Mode.LIVE:
        allow_live(folder, config.version, by, SystemClock().now())
    return account


def demand_rights(config: InstanceConfig, rights: KeyRights, *, accepted: bool) -> None:
    """Refuse a key that may not trade, and for real money one that may withdraw, unless that was accepted."""
    name = config.name
    if rights.trade is False:
        raise AuthFailed(f"The key of {name} may not trade; `investbot keys set {name}` stores one that may.")
    if rights.withdraw and config.venue.mode is Mode.LIVE and not accepted:
        raise AuthFailed(
            f"The key of {name} may withdraw money; `investbot keys set {name}` stores one that may only trade "
            f"(`investbot start {name} --accept-withdrawals` takes the risk)."
        )


def demand_money(
    place: Home, config: InstanceConfig, key_of: KeyOf, account: Account, capital: Decimal | None = None
) -> None:
    """Refuse where the instances of this home on one account count on more than is free there; ConfigError.

    `capital` (quote) is the allocation that is to be, if it is not the one in the settings.
    """
    others = _on_same_account(place, config, key_of)
    own = _unspent(place.existing(config.name), config, key_of, config.capital if capital is None else capital)
    needed = own + sum((_unspent(place.existing(each.name), each, key_of, each.capital) for each in others), Decimal(0))
    if needed > account.free:
        beside = f" together with {', '.join(each.name for each in others)}" if others else ""
        raise ConfigError(
            f"{config.name}{beside} counts on {needed:f} {account.currency} and {account.free:f} is free at "
            f"{config.venue.name}; give it less with `investbot capital {config.name} AMOUNT`, or pay in."
        )


def check_capital(place: Home, name: str, key_of: KeyOf, ask: Ask, amount: Decimal) -> None:
    """Refuse an allocation (quote) that the account of an instance cannot bear; ConfigError, AuthFailed, VenueError."""
    config = load_instance(place.existing(name).path)
    if at_venue(config):
        demand_money(place, config, key_of, ask(name, key_of(name)), amount)


def demand_none_left(name: str, ask: Callable[[], Account], *, tries: int = 3, pause_s: float = 2.0) -> None:
    """See that the venue has no open order of a flat instance; TryAgain naming those it has, or why it cannot say.

    It is asked `tries` times, for what it tells may be some seconds old.
    """
    left: Sequence[str] = ()
    for number in range(tries):
        time.sleep(pause_s if number else 0)
        try:
            left = ask().own_open
        except InvestBotError as error:
            raise TryAgain(f"{name} is flat by its ledger, but its venue did not confirm that: {error}") from error
        if not left:
            return
    raise TryAgain(f"{name} is flat, but its venue still has orders of it open: {', '.join(left)}; flatten it again.")


def _on_same_account(place: Home, config: InstanceConfig, key_of: KeyOf) -> list[InstanceConfig]:
    mine, found = _owner(place, config, key_of), []
    for name in place.names():
        if name == config.name:
            continue
        with contextlib.suppress(InvestBotError):  # an instance that cannot be read cannot trade either
            other = load_instance(place.existing(name).path)
            if at_venue(other) and _owner(place, other, key_of) == mine:
                found.append(other)
    return found


def _owner(place: Home, config: InstanceConfig, key_of: KeyOf) -> tuple[str, ...]:
    """Say whose account an instance trades on: instances with the same key share one."""
    keys = venue_keys(place.existing(config.name), key_of(config.name))
    names = ("apiKey", "walletAddress", "uid")
    return config.venue.name, config.venue.mode.value, *(keys.get(name, "") for name in names)


def _unspent(folder: InstanceHome, config: InstanceConfig, key_of: KeyOf, capital: Decimal) -> Decimal:
    """Give the cash (quote) an instance counts on: its allocation, plus what it earned, less what it holds."""
    with _reading(folder, key_of(config.name)) as reader:
        now = reader.snapshot()
    if now["last_event_at"] is None:
        return capital
    return max(Decimal(now["cash"]) + capital - Decimal(now["capital"]), Decimal(0))


def _positions(folder: InstanceHome, key: bytes) -> int:
    with _reading(folder, key) as reader:
        return len(reader.rows("positions"))


def _made_here(folder: InstanceHome, key: bytes) -> set[str]:
    with _reading(folder, key) as reader:
        return {str(row["client_order_id"]) for row in reader.rows("orders")}


def _reading(folder: InstanceHome, key: bytes) -> contextlib.closing[SqlcipherReader]:
    return contextlib.closing(SqlcipherReader.open(folder.ledger, key))
