"""Who may do what at the control socket: the owner and his admins everything, readers only look, instances nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from investbot.control.identity import Peer
from investbot.domain.errors import ConfigError, VaultError

READS = frozenset({"ping", "status", "top", "size", "read", "watch", "audit"})
"""The verbs that change nothing. Every other one, and every new one, is for admins."""
_PRIVATE = 0o700
_ENTER = stat.S_IXGRP | stat.S_IXOTH


class Role(StrEnum):
    """What a peer may do."""

    ADMIN = "admin"
    READER = "reader"


@dataclass(frozen=True, slots=True)
class Accounts:
    """Numbers of users and of groups."""

    users: frozenset[int] = frozenset()
    groups: frozenset[int] = frozenset()

    def have(self, peer: Peer) -> bool:
        """Tell whether a peer is one of them, by its user or by any group of his."""
        return peer.uid in self.users or not self.groups.isdisjoint({peer.gid, *peer.groups})


@dataclass(frozen=True, slots=True)
class Access:
    """Who else than the `owner` (a user's number) is let in, and what for."""

    owner: int
    admins: Accounts = Accounts()
    readers: Accounts = Accounts()

    def role(self, peer: Peer) -> Role | None:
        """Say what a peer may do; None for nothing at all."""
        if peer.uid == self.owner or self.admins.have(peer):
            return Role.ADMIN
        return Role.READER if self.readers.have(peer) else None

    def demand(self, peer: Peer, verb: str) -> None:
        """Refuse a verb that a peer may not use; VaultError."""
        role = self.role(peer)
        if role is None:
            raise VaultError("This supervisor belongs to another user; run the command as its user.")
        if role is Role.READER and verb not in READS:
            raise VaultError(
                f"You may look at this fleet and not act on it: {verb} is for its owner and those whom he names in "
                "control.admins of investbot.toml."
            )

    def open_way(self, home: Path, sock: Path) -> None:
        """Let those who are named, and nobody else as far as file rights can say it, reach the socket of `home`.

        Folders can be gone through then, and still not be listed. ConfigError for a group the owner is not in.
        """
        groups = self.admins.groups | self.readers.groups
        users = (self.admins.users | self.readers.users) - {self.owner}
        way = (home, sock.parent)
        if not groups and not users:
            _close(way)
            return
        alone = next(iter(groups)) if len(groups) == 1 and not users else None
        if alone is not None:
            _give((*way, sock), alone)
        for folder in way:
            folder.chmod(_PRIVATE | (_ENTER if alone is None else stat.S_IXGRP))
        sock.chmod(0o666 if alone is None else 0o660)


def enterable(folder: Path) -> int:
    """Give the mode of a private folder whose way through to the socket, where it was opened, stays open."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    return mode if mode in {_PRIVATE | stat.S_IXGRP, _PRIVATE | _ENTER} else _PRIVATE


def _close(folders: Iterable[Path]) -> None:
    for folder in folders:
        folder.chmod(_PRIVATE)


def _give(paths: Iterable[Path], group: int) -> None:
    try:
        for path in paths:
            os.chown(path, -1, group)
    except PermissionError:
        raise ConfigError(
            f"The owner of this home is not in group {group} of [control] in investbot.toml; "
            "put him in it with `sudo usermod -aG GROUP USER` and log in again."
        ) from None
