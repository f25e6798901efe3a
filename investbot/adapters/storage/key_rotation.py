"""A new data key for a ledger: a whole copy under the new key, proved equal, takes the ledger's name.

The vault keeps the new key as `next` before the first byte is written and makes it `current` after the rename.
Wherever a kill comes, the ledger opens under one of the two, and `settle` finds out which. The library's own way
(`PRAGMA rekey`) can leave a file that neither key opens.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from investbot.adapters.storage import sqlcipher, vault_file
from investbot.adapters.storage.copies import CopyReport, copy_verified
from investbot.adapters.storage.sqlcipher import Key
from investbot.adapters.storage.vault import OpenVault
from investbot.adapters.storage.vault_file import Slots, VaultFile
from investbot.adapters.storage.vault_sealing import KEY_BYTES, instance_label, seal
from investbot.domain.errors import InvestBotError, LedgerError, VaultError

_TRIES, _PAUSE_S = 20, 0.25
"""How often, and after how many seconds again, a ledger is asked for alone: whoever looks at one does so briefly."""


def pending(path: Path) -> tuple[str, ...]:
    """Name those in the vault at `path` whose key was about to change; VaultError."""
    return tuple(sorted(name for name, slots in vault_file.load(path).instances.items() if slots.next is not None))


def rotate(vault: OpenVault, name: str, ledger: Path) -> CopyReport:
    """Give a ledger that nobody uses a new key, and its older copies beside it too; the caller holds its lock.

    LedgerError while another process has it open, when the disk is full, or when the copy differs: all stays as it was.
    """
    settle(vault, name, ledger)
    old = vault.data_key(name)
    with _alone(ledger, old):
        _begin(vault, name)
        try:
            report = copy_verified(ledger, old, ledger, new_key=vault.data_key(name, upcoming=True), replace=True)
        except InvestBotError:
            settle(vault, name, ledger)
            raise
    settle(vault, name, ledger)
    return report


def settle(vault: OpenVault, name: str, ledger: Path) -> bool:
    """End a rotation that was begun, forwards or backwards, and tell whether there was one; the caller holds its lock.

    VaultError. LedgerError when the ledger opens under neither key, or a kept file beside it cannot follow: both keys
    are kept, the one that opens the ledger as the present one.
    """
    vault.reload()
    try:
        upcoming = vault.data_key(name, upcoming=True)
    except VaultError:
        return False
    current = vault.data_key(name)
    forwards = opens(ledger, upcoming)
    if not forwards and not opens(ledger, current):
        raise LedgerError(f"The ledger {ledger} opens under neither of its keys; put its last good copy in its place.")
    right, other = (upcoming, current) if forwards else (current, upcoming)
    sqlcipher.remove(ledger.with_name(f"{ledger.name}.part"))
    for kept in _kept(ledger):
        try:
            _follow(kept, other, right)
        except InvestBotError as error:
            if forwards:
                _swap(vault, name)
            raise LedgerError(
                f"{kept} cannot follow to another key ({str(error).rstrip('.')}); move it away, then rotate again."
            ) from None
    _end(vault, name, forwards=forwards)
    return True


def opens(ledger: Path, key: Key) -> bool:
    """Tell whether a ledger opens under a key."""
    try:
        sqlcipher.connect(ledger, key, read_only=True).close()
    except InvestBotError:
        return False
    return True


def _kept(ledger: Path) -> list[Path]:
    """Name the files under the ledger's key that migrations and restores have left beside it."""
    return sorted((*ledger.parent.glob(f"{ledger.name}.v*.copy"), *ledger.parent.glob(f"replaced/*/{ledger.name}")))


def _follow(kept: Path, other: Key, right: Key) -> None:
    if not opens(kept, right) and opens(kept, other):
        with _alone(kept, other):
            copy_verified(kept, other, kept, new_key=right, replace=True)


def _begin(vault: OpenVault, name: str) -> None:
    def work(file: VaultFile, key: bytes) -> VaultFile:
        upcoming = seal(key, os.urandom(KEY_BYTES), instance_label(name))
        return replace(file, instances={**file.instances, name: replace(file.instances[name], next=upcoming)})

    vault.change(work)


def _end(vault: OpenVault, name: str, *, forwards: bool) -> None:
    def work(file: VaultFile, _: bytes) -> VaultFile:
        slots = file.instances[name]
        kept = slots.next if forwards and slots.next else slots.current
        return replace(file, instances={**file.instances, name: Slots(kept)})

    vault.change(work)


def _swap(vault: OpenVault, name: str) -> None:
    def work(file: VaultFile, _: bytes) -> VaultFile:
        slots = file.instances[name]
        current = slots.next or slots.current
        return replace(file, instances={**file.instances, name: Slots(current, slots.current)})

    vault.change(work)


@contextmanager
def _alone(ledger: Path, key: Key) -> Iterator[None]:
    """Fold the log into the ledger, which only works when nobody else has it open, and let nobody write meanwhile."""
    connection = sqlcipher.connect(ledger, key)
    try:
        for left in reversed(range(_TRIES)):
            try:
                if connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0] != "delete":
                    raise LedgerError(f"The ledger {ledger} is held by another process; try again when it has ended.")
                connection.execute("BEGIN IMMEDIATE")
                break
            except sqlcipher.DatabaseError as error:
                if not left:
                    raise sqlcipher.refusal(error, ledger) from None
                time.sleep(_PAUSE_S)
        yield
    finally:
        connection.close()
