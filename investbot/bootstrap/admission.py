"""Who is let in at the control socket, worked out of the names in investbot.toml."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterable

from investbot.bootstrap.home import Home
from investbot.config.fleet import load_fleet
from investbot.config.guarding import Who
from investbot.control.access import Access, Accounts
from investbot.domain.errors import ConfigError


def access_of(home: Home) -> Access:
    """Read who may act and who may look beside the user of this process; ConfigError for a name nobody has."""
    told = load_fleet(home.path).control
    return Access(os.getuid(), _accounts("admins", told.admins), _accounts("readers", told.readers))


def _accounts(key: str, names: Iterable[Who]) -> Accounts:
    users: set[int] = set()
    groups: set[int] = set()
    for name in names:
        if isinstance(name, int):
            users.add(name)
        elif name.startswith("@"):
            groups.add(_group(key, name[1:]))
        else:
            users.add(_user(key, name))
    return Accounts(frozenset(users), frozenset(groups))


def _user(key: str, name: str) -> int:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise ConfigError(f"This machine has no user {name}: see control.{key} in investbot.toml.") from None


def _group(key: str, name: str) -> int:
    if name.isdecimal():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigError(f"This machine has no group {name}: see control.{key} in investbot.toml.") from None
