"""Opens the vault of a home, with whatever a killed rotation of a key left undone brought to an end."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from investbot.adapters.storage import key_rotation
from investbot.adapters.storage.vault import OpenVault, Vault
from investbot.bootstrap.home import Home, InstanceHome
from investbot.domain.errors import InvestBotError, VaultError
from investbot.instance.lock import InstanceLock

REMOVED = "removed/"
"""What the names of kept copies of removed instances begin with, in the vault as in the home."""


def open_vault(home: Home, passphrase: str, wait: Callable[[float], None] = time.sleep) -> OpenVault:
    """Unlock the vault; WrongPassphrase, VaultError, TryAgain; `wait` is told the seconds of a pause and waits them."""
    vault = Vault.unlock(home.vault, passphrase, wait)
    settle_all(home, vault)
    return vault


def folder_of(home: Home, name: str) -> InstanceHome:
    """Name the folder of what has a key in the vault: an instance, or the kept copy of a removed one."""
    return InstanceHome(home.path / name) if name.startswith(REMOVED) else home.instance(name)


def settle_all(home: Home, vault: OpenVault) -> None:
    """End every rotation that was cut off; one that is going on, or cannot be ended, stays as it is."""
    for name in key_rotation.pending(home.vault):
        _settle(home, vault, name)


def rotate_data_key(home: Home, vault: OpenVault, name: str) -> str:
    """Give an instance that does not run, or a kept copy, a new data key, and say so.

    TryAgain while a process trades for it, VaultError, LedgerError: it stays as it was.
    """
    folder = folder_of(home, name)
    with InstanceLock(folder.lock, name):
        report = key_rotation.rotate(vault, name, folder.ledger)
    return f"has a new key; its {report.last_seq} events were copied and compared"


class DataKeys:
    """The data keys of a home as they are now, for a process that keeps its vault open while commands change it."""

    def __init__(self, home: Home, vault: OpenVault) -> None:
        self._home = home
        self._vault = vault
        self._seen = _stamp(home.vault)

    def __call__(self, name: str) -> bytes:
        """Give the data key of an instance; VaultError when it has none."""
        self._refresh()
        if self._is_pending(name):
            _settle(self._home, self._vault, name)
        try:
            return self._vault.data_key(name)
        except VaultError:
            self._vault.reload()
            return self._vault.data_key(name)

    def reload(self) -> None:
        """Read the vault anew; VaultError when all its keys were renewed, or it is damaged."""
        self._seen = _stamp(self._home.vault)
        self._vault.reload()

    def _refresh(self) -> None:
        if _stamp(self._home.vault) != self._seen:
            with suppress(VaultError):  # what is known goes on being good for the ledgers it opens
                self.reload()

    def _is_pending(self, name: str) -> bool:
        try:
            self._vault.data_key(name, upcoming=True)
        except VaultError:
            return False
        return True


def _settle(home: Home, vault: OpenVault, name: str) -> None:
    with suppress(InvestBotError, OSError):
        folder = folder_of(home, name)
        with InstanceLock(folder.lock, name):
            key_rotation.settle(vault, name, folder.ledger)


def _stamp(path: Path) -> object:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns
