"""The ways into a vault: its passphrase and its recovery key, and all its keys made anew.

A change is prepared whole, proved by opening what it sealed, written beside the vault, made durable, read back, and
only then takes the vault's name: before that moment the old passphrase opens the old vault, after it the new one the
new.
"""

from __future__ import annotations

import os
from dataclasses import replace

from cryptography.exceptions import InvalidTag

from investbot.adapters.storage import backup_keys, vault_sealing
from investbot.adapters.storage.vault import OpenVault
from investbot.adapters.storage.vault_file import KdfCost, Recovery, Slots, VaultFile, Wraps
from investbot.adapters.storage.vault_sealing import FLEET, KEY_BYTES, Key, instance_label, seal, secret_label, unseal
from investbot.domain.errors import VaultError


def change_passphrase(vault: OpenVault, passphrase: str, cost: KdfCost | None = None) -> None:
    """Let another passphrase open the vault and the one of before no more; VaultError for an empty one.

    All keys stay: a copy of the vault from before and its passphrase still give what opens today's ledgers.
    """

    def work(file: VaultFile, key: bytes) -> VaultFile:
        made = vault_sealing.wrap(key, passphrase, cost or vault_sealing.DEFAULT_COST)
        recovery = file.wraps.recovery if file.wraps else None
        return replace(file, cost=made.cost, salt=made.salt, wraps=Wraps(made.box, recovery))

    vault.change(work)


def renew(vault: OpenVault, passphrase: str, cost: KdfCost | None = None) -> None:
    """Make the vault key, the fleet's key and the keys of backups anew, under another passphrase; VaultError.

    The keys of ledgers are sealed again and stay, because their ledgers have to be copied: `key_rotation` does that.
    The recovery key stays good. Keys of backups that were in use stay as earlier ones, for the archives of before.
    """
    new = os.urandom(KEY_BYTES)

    def work(file: VaultFile, key: bytes) -> VaultFile:
        try:
            return _renewed(file, key, new, vault_sealing.wrap(new, passphrase, cost or vault_sealing.DEFAULT_COST))
        except InvalidTag:
            raise VaultError("A key in the vault was altered; put the vault's last good copy in its place.") from None

    vault.change(work, then=new)


def add_recovery(vault: OpenVault) -> bytes:
    """Make a recovery key and give its 32 bytes, which are kept nowhere; one of before opens nothing from now on."""
    seed = os.urandom(KEY_BYTES)

    def work(file: VaultFile, key: bytes) -> VaultFile:
        if file.wraps is None:
            raise VaultError("This vault is of an older version; renew it first with `investbot vault passphrase`.")
        recovery = vault_sealing.recovery_of(seed, key)
        made = replace(file.wraps, recovery=recovery)
        vault_sealing.demand_opens(lambda: vault_sealing.recover(made, seed), key)
        return replace(file, wraps=made)

    vault.change(work)
    return seed


def _renewed(file: VaultFile, key: bytes, new: bytes, made: vault_sealing.PassphraseWrap) -> VaultFile:
    old_fleet, fleet = unseal(key, file.fleet.current, FLEET), os.urandom(KEY_BYTES)
    before = file.wraps.recovery if file.wraps else None
    return VaultFile(
        cost=made.cost,
        salt=made.salt,
        fleet=Slots(seal(new, fleet, FLEET)),
        instances={name: _resealed(name, slots, key, new) for name, slots in file.instances.items()},
        secrets={
            _name_after(name, tuple(file.secrets)): seal(
                fleet, unseal(old_fleet, box, secret_label(name)), secret_label(_name_after(name, tuple(file.secrets)))
            )
            for name, box in file.secrets.items()
        },
        wraps=Wraps(made.box, before and _for_the_same(before, key, new)),
    )


def _for_the_same(recovery: Recovery, key: Key, new: Key) -> Recovery:
    return vault_sealing.recovery_for(vault_sealing.recovery_public(recovery, key), new)


def _resealed(name: str, slots: Slots, key: Key, new: Key) -> Slots:
    label = instance_label(name)
    upcoming = slots.next and seal(new, unseal(key, slots.next, label), label)
    return Slots(seal(new, unseal(key, slots.current, label), label), upcoming)


def _name_after(name: str, names: tuple[str, ...]) -> str:
    """Say what a secret is called after the keys were renewed: present keys of backups become the newest earlier."""
    if name not in {backup_keys.IDENTITY, backup_keys.SEAL}:
        return name
    numbers = [int(each.removeprefix(f"{name}/")) for each in backup_keys.earlier(names, name)]
    return f"{name}/{max(numbers, default=0) + 1}"
