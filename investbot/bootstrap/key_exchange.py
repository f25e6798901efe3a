"""Other API keys in the place of an instance's own: tried at the venue first, the old ones kept until they are good."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from investbot.adapters.storage.secrets import exchange_secrets, forget_previous, take_back
from investbot.adapters.venues.ccxt.secrecy import FIELDS
from investbot.bootstrap import known_rights
from investbot.bootstrap.account import Account, ask_venue, ask_with, demand_rights
from investbot.bootstrap.consent import allows_withdrawals
from investbot.bootstrap.home import Home
from investbot.bootstrap.live import at_venue, venue_keys
from investbot.config.instance import load_instance
from investbot.domain.errors import AuthFailed, ConfigError, InvestBotError
from investbot.domain.market import Millis

FAMILY = (*FIELDS, "keypair")
"""Every name that a key of an account may have: one account's keys go together."""
_TRIES = 3
"""How often two keys are compared: a fill between the two looks makes one account look like two."""
Restart = Callable[[], None]
"""Starts a running instance anew and waits until it trades; what keeps it from that comes out."""


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What became of an exchange of keys.

    `same_account` is None where nobody can tell; `proved` says that the new keys have served and the old are gone;
    `restarted` that the instance runs with them.
    """

    same_account: bool | None
    proved: bool
    restarted: bool
    old: str
    """The public part of the old key, shortened, for the operator to find it at the venue."""


def exchange_keys(
    place: Home, name: str, key: bytes, new: Mapping[str, str], at: Millis, restart: Restart | None, *, runs: bool
) -> Exchanged:
    """Replace the keys of an instance; `key` is its data key, `at` the moment in milliseconds UTC.

    `restart` is None where nobody can start it anew: it then `runs` on with the old keys, or does not run.
    An instance on paper uses no keys: nothing is tried there. AuthFailed, ConfigError, VenueError: the old keys are in
    place as before, unless the error says otherwise.
    """
    folder = place.existing(name)
    config = load_instance(folder.path)
    old, trades = venue_keys(folder, key), at_venue(config)
    same = _checked(place, name, key, old, new) if trades else None
    exchange_secrets(folder.ledger, key, new, FAMILY, at)
    known_rights.forget(folder)
    if not trades:
        forget_previous(folder.ledger, key)
        return Exchanged(same, proved=True, restarted=False, old=shortened(old))
    proved = False
    if restart is not None:
        proved = _tried(place, name, key, restart)
    elif not runs:
        proved = _tried(place, name, key, lambda: _asked(place, name, key))
    return Exchanged(same, proved, proved and restart is not None, shortened(old))


def shortened(keys: Mapping[str, str]) -> str:
    """Give the ends of a key's public part, as venues show it; nothing of one that is short."""
    public = keys.get("apiKey") or keys.get("walletAddress") or ""
    return f"{public[:4]}…{public[-4:]}" if len(public) >= 16 else ""


def _checked(place: Home, name: str, key: bytes, old: Mapping[str, str], new: Mapping[str, str]) -> bool | None:
    """Let the venue say what the new keys may do and whether they are of the same account; None if nobody can tell."""
    folder = place.existing(name)
    config = load_instance(folder.path)
    found = ask_with(place, name, key, new)
    demand_rights(config, found.rights, accepted=allows_withdrawals(folder, new))
    for _ in range(_TRIES):
        try:
            before = ask_with(place, name, key, old)
        except AuthFailed:  # the old key was revoked, which is a good reason for a new one
            return None
        if _what(before) == _what(found):
            return True if found.free or found.own_open else None
        found = ask_with(place, name, key, new)
    raise ConfigError(
        f"The new key of {name} is of another account: {found.free:f} {found.currency} are free there, not "
        f"{before.free:f}, or its orders are not the same; `investbot keys set {name}` stores it all the same."
    )


def _what(account: Account) -> tuple[object, ...]:
    return account.free, account.currency, sorted(account.own_open)


def _asked(place: Home, name: str, key: bytes) -> None:
    ask_venue(place, name, key)


def _tried(place: Home, name: str, key: bytes, way: Restart) -> bool:
    """Let the new keys serve; refused keys give their place back to the old ones, which then have to serve again."""
    ledger = place.existing(name).ledger
    try:
        way()
    except InvestBotError as error:
        if error.exit_code != AuthFailed.exit_code:  # nobody knows yet whether they are good
            return False
        if not take_back(ledger, key, FAMILY):
            raise
        try:
            way()
        except InvestBotError as again:
            raise AuthFailed(f"{error} The old key is in its place again, but: {again}") from None
        raise AuthFailed(f"{error} The old key is in its place again and serves.") from None
    forget_previous(ledger, key)
    return True
