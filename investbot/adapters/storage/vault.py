"""The vault: one passphrase opens it, and it opens every instance's ledger and the fleet's own secrets.

passphrase → Argon2id → the vault key → AES-256-GCM → one random 32-byte data key an instance, and one for the fleet,
which in turn seals the fleet's secrets. A recovery key, where one was made, opens the vault key as well.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from cryptography.exceptions import InvalidTag

from investbot.adapters.storage import vault_file, vault_sealing, vault_tries
from investbot.adapters.storage.vault_file import Box, KdfCost, Slots, VaultFile, Wraps
from investbot.adapters.storage.vault_sealing import FLEET, KEY_BYTES, instance_label, seal, secret_label, unseal
from investbot.domain.errors import AlreadyExists, VaultError, WrongPassphrase

_Sealed = TypeVar("_Sealed", Slots, Box)
Work = Callable[[VaultFile, bytes], VaultFile]


class Vault:
    """Ways to a vault that is open."""

    @staticmethod
    def create(path: Path, passphrase: str, cost: KdfCost = vault_sealing.DEFAULT_COST) -> OpenVault:
        """Make a new vault without instances; AlreadyExists where one is, VaultError for an empty passphrase."""
        key = bytearray(os.urandom(KEY_BYTES))
        made = vault_sealing.wrap(key, passphrase, cost)
        fleet = Slots(seal(key, os.urandom(KEY_BYTES), FLEET))
        vault = VaultFile(cost, made.salt, fleet, instances={}, secrets={}, wraps=Wraps(made.box))
        with vault_file.locked(path):
            if path.exists():
                raise AlreadyExists(f"There is a vault at {path} already; it is not overwritten.")
            vault_file.save(path, vault)
        return OpenVault(path, key, vault)

    @staticmethod
    def unlock(path: Path, passphrase: str, wait: vault_tries.Wait = time.sleep) -> OpenVault:
        """Open a vault; WrongPassphrase, or VaultError when the file is missing or damaged.

        After several wrong passphrases `wait` is called with the seconds until the next try is due; TryAgain.
        """
        vault_file.load(path)
        with vault_tries.trying(path, wait):
            vault = vault_file.load(path)
            try:
                key = vault_sealing.unwrap(vault, passphrase)
            except InvalidTag:
                raise WrongPassphrase("The passphrase does not open this vault.") from None
        return _sound(path, key, vault)

    @staticmethod
    def recover(path: Path, seed: bytes) -> OpenVault:
        """Open a vault with the 32 bytes of its recovery key; VaultError when it has none or another one."""
        vault = vault_file.load(path)
        try:
            key = vault_sealing.recover(vault.wraps, seed) if vault.wraps else _none()
        except InvalidTag:
            raise VaultError(
                "These words do not open this vault: it has no recovery key, or a newer one has taken their place."
            ) from None
        return _sound(path, key, vault)


class OpenVault:
    """A vault whose passphrase was right; keeps the vault key in memory until it is closed.

    Every change takes the vault's lock and starts from the file as it is then.
    """

    def __init__(self, path: Path, key: bytearray, vault: VaultFile) -> None:
        self._path = path
        self._held = key
        self._vault = vault

    def __repr__(self) -> str:
        """Show where it is and never what is in it."""
        return f"<OpenVault {self._path.name}>"

    def names(self) -> tuple[str, ...]:
        """Name the instances that have a key."""
        return tuple(sorted(self._vault.instances))

    def data_key(self, name: str, *, upcoming: bool = False) -> bytes:
        """Open the 32-byte key of an instance's ledger, or the one about to follow it; VaultError without one."""
        slots = self._vault.instances.get(name)
        box = None if slots is None else slots.next if upcoming else slots.current
        if box is None:
            raise VaultError(f"The vault has no {'next ' if upcoming else ''}key for the instance {name!r}.")
        return self._unseal(self._key(), box, instance_label(name))

    def add(self, name: str) -> bytes:
        """Make and keep a new random key for an instance; AlreadyExists when it has one."""
        new = os.urandom(KEY_BYTES)

        def work(vault: VaultFile, key: bytes) -> VaultFile:
            if name in vault.instances:
                raise AlreadyExists(f"The vault has a key for the instance {name!r} already.")
            return replace(vault, instances={**vault.instances, name: Slots(seal(key, new, instance_label(name)))})

        self.change(work)
        return new

    def forget(self, name: str) -> None:
        """Throw an instance's key away: nothing sealed with it opens again; no error when there is none."""
        self.change(lambda vault, _: replace(vault, instances=_without(vault.instances, name)))

    def secret_names(self) -> tuple[str, ...]:
        """Name the secrets of the fleet."""
        return tuple(sorted(self._vault.secrets))

    def secret_get(self, name: str) -> str | None:
        """Open a secret of the fleet; None when it is not set."""
        box = self._vault.secrets.get(name)
        return None if box is None else self._unseal(self._fleet_key(self._vault), box, secret_label(name)).decode()

    def secret_set(self, name: str, value: str) -> None:
        """Seal a secret of the fleet under its name; an older value goes."""

        def work(vault: VaultFile, _: bytes) -> VaultFile:
            box = seal(self._fleet_key(vault), value.encode(), secret_label(name))
            return replace(vault, secrets={**vault.secrets, name: box})

        self.change(work)

    def secret_once(self, name: str, make: Callable[[], str]) -> str:
        """Open a secret of the fleet, made and sealed at its first use: whoever asks at the same time gets the same."""

        def work(vault: VaultFile, _: bytes) -> VaultFile:
            if name in vault.secrets:
                return vault
            box = seal(self._fleet_key(vault), make().encode(), secret_label(name))
            return replace(vault, secrets={**vault.secrets, name: box})

        found = self.secret_get(name)
        if found is None:
            self.change(work)
            found = self._unseal(self._fleet_key(self._vault), self._vault.secrets[name], secret_label(name)).decode()
        return found

    def secret_forget(self, name: str) -> None:
        """Throw a secret of the fleet away; no error when there is none."""
        self.change(lambda vault, _: replace(vault, secrets=_without(vault.secrets, name)))

    def reload(self) -> None:
        """Read the file again; VaultError when its keys were renewed meanwhile."""
        vault = vault_file.load(self._path)
        self._fleet_key(vault)
        self._vault = vault

    def change(self, work: Work, then: bytes | None = None) -> None:
        """Write what `work` makes of the file and the vault key; `then` is the vault key of what it makes, if another.

        VaultError when the file was damaged, its keys were renewed meanwhile, or it cannot be written.
        """
        with vault_file.locked(self._path):
            self.reload()
            changed = work(self._vault, bytes(self._key()))
            if changed != self._vault:
                vault_file.save(self._path, changed)
            self._vault = changed
        if then is not None:
            self._held[:] = then

    def close(self) -> None:
        """Forget the vault key, as far as Python can; safe to call twice."""
        self._held[:] = bytes(len(self._held))
        self._held = bytearray()

    def _fleet_key(self, vault: VaultFile) -> bytes:
        try:
            return unseal(self._key(), vault.fleet.current, FLEET)
        except InvalidTag:
            raise VaultError("The keys of the vault were changed meanwhile; unlock it again.") from None

    def _unseal(self, key: bytes | bytearray, box: Box, label: bytes) -> bytes:
        try:
            return unseal(key, box, label)
        except InvalidTag:
            raise _altered(self._path) from None

    def _key(self) -> bytearray:
        if not self._held:
            raise VaultError("The vault is locked; unlock it with the passphrase.")
        return self._held


def _sound(path: Path, key: bytearray, vault: VaultFile) -> OpenVault:
    try:
        unseal(key, vault.fleet.current, FLEET)
    except InvalidTag:
        raise _altered(path) from None
    return OpenVault(path, key, vault)


def _altered(path: Path) -> VaultError:
    return VaultError(f"The vault {path} was altered; put its last good copy in its place.")


def _none() -> bytearray:
    raise InvalidTag


def _without(mapping: Mapping[str, _Sealed], name: str) -> dict[str, _Sealed]:
    return {key: value for key, value in mapping.items() if key != name}
