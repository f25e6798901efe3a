"""The vault: one passphrase opens it, and it opens every instance's ledger and the fleet's own secrets.

passphrase → Argon2id → key-encryption key → AES-256-GCM → one random 32-byte data key an instance, and one for the
fleet, which in turn seals the fleet's secrets. What a box is for and whose it is belongs to the sealed data: a box
moved to another name does not open.
"""

from __future__ import annotations

import os
import threading
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from investbot.adapters.storage import vault_file
from investbot.adapters.storage.vault_file import Box, KdfCost, Slots, VaultFile
from investbot.domain.errors import AlreadyExists, VaultError, WrongPassphrase

_KEY_BYTES = 32
_SALT_BYTES = 16
_DEFAULT_COST = KdfCost()
_ONE_AT_A_TIME = threading.Lock()
"""The lanes of all derivations in a process share one pool of threads; two at once fail as if memory were short."""
_Sealed = TypeVar("_Sealed", Slots, Box)


class Vault:
    """Ways to a vault that is open."""

    @staticmethod
    def create(path: Path, passphrase: str, cost: KdfCost = _DEFAULT_COST) -> OpenVault:
        """Make a new vault without instances; AlreadyExists where one is, VaultError for an empty passphrase."""
        if not passphrase:
            raise VaultError("A vault needs a passphrase of at least one character.")
        with vault_file.locked(path):
            if path.exists():
                raise AlreadyExists(f"There is a vault at {path} already; it is not overwritten.")
            salt = os.urandom(_SALT_BYTES)
            kek = _derive(passphrase, salt, cost)
            fleet = Slots(_seal(kek, os.urandom(_KEY_BYTES), _FLEET))
            vault = VaultFile(cost, salt, fleet, instances={}, secrets={})
            vault_file.save(path, vault)
        return OpenVault(path, kek, vault)

    @staticmethod
    def unlock(path: Path, passphrase: str) -> OpenVault:
        """Open a vault; WrongPassphrase, or VaultError when the file is missing or damaged."""
        vault = vault_file.load(path)
        kek = _derive(passphrase, vault.salt, vault.cost)
        try:
            _open(kek, vault.fleet.current, _FLEET)
        except InvalidTag:
            raise WrongPassphrase("The passphrase does not open this vault.") from None
        return OpenVault(path, kek, vault)


class OpenVault:
    """A vault whose passphrase was right; keeps the key-encryption key in memory until it is closed.

    Every change takes the vault's lock and starts from the file as it is then.
    """

    def __init__(self, path: Path, kek: bytearray, vault: VaultFile) -> None:
        self._path = path
        self._kek = kek
        self._vault = vault

    def __repr__(self) -> str:
        """Show where it is and never what is in it."""
        return f"<OpenVault {self._path.name}>"

    def names(self) -> tuple[str, ...]:
        """Name the instances that have a key."""
        return tuple(sorted(self._vault.instances))

    def data_key(self, name: str) -> bytes:
        """Open the 32-byte key of an instance's ledger; VaultError when it has none."""
        slots = self._vault.instances.get(name)
        if slots is None:
            raise VaultError(f"The vault has no key for the instance {name!r}.")
        return self._unseal(self._key(), slots.current, _instance(name))

    def add(self, name: str) -> bytes:
        """Make and keep a new random key for an instance; AlreadyExists when it has one."""
        key = os.urandom(_KEY_BYTES)

        def change(vault: VaultFile) -> VaultFile:
            if name in vault.instances:
                raise AlreadyExists(f"The vault has a key for the instance {name!r} already.")
            slots = Slots(_seal(self._key(), key, _instance(name)))
            return replace(vault, instances={**vault.instances, name: slots})

        self._change(change)
        return key

    def forget(self, name: str) -> None:
        """Throw an instance's key away: nothing sealed with it opens again; no error when there is none."""
        self._change(lambda vault: replace(vault, instances=_without(vault.instances, name)))

    def secret_names(self) -> tuple[str, ...]:
        """Name the secrets of the fleet."""
        return tuple(sorted(self._vault.secrets))

    def secret_get(self, name: str) -> str | None:
        """Open a secret of the fleet; None when it is not set."""
        box = self._vault.secrets.get(name)
        return None if box is None else self._unseal(self._fleet_key(self._vault), box, _secret(name)).decode()

    def secret_set(self, name: str, value: str) -> None:
        """Seal a secret of the fleet under its name; an older value goes."""

        def change(vault: VaultFile) -> VaultFile:
            box = _seal(self._fleet_key(vault), value.encode(), _secret(name))
            return replace(vault, secrets={**vault.secrets, name: box})

        self._change(change)

    def secret_once(self, name: str, make: Callable[[], str]) -> str:
        """Open a secret of the fleet, made and sealed at its first use: whoever asks at the same time gets the same."""

        def change(vault: VaultFile) -> VaultFile:
            if name in vault.secrets:
                return vault
            box = _seal(self._fleet_key(vault), make().encode(), _secret(name))
            return replace(vault, secrets={**vault.secrets, name: box})

        found = self.secret_get(name)
        if found is None:
            self._change(change)
            found = self._unseal(self._fleet_key(self._vault), self._vault.secrets[name], _secret(name)).decode()
        return found

    def secret_forget(self, name: str) -> None:
        """Throw a secret of the fleet away; no error when there is none."""
        self._change(lambda vault: replace(vault, secrets=_without(vault.secrets, name)))

    def reload(self) -> None:
        """Read the file again; VaultError when its passphrase was changed meanwhile."""
        vault = vault_file.load(self._path)
        self._fleet_key(vault)
        self._vault = vault

    def close(self) -> None:
        """Forget the key-encryption key, as far as Python can; safe to call twice."""
        self._kek[:] = bytes(len(self._kek))
        self._kek = bytearray()

    def _change(self, change: Callable[[VaultFile], VaultFile]) -> None:
        with vault_file.locked(self._path):
            self.reload()
            changed = change(self._vault)
            vault_file.save(self._path, changed)
            self._vault = changed

    def _fleet_key(self, vault: VaultFile) -> bytes:
        try:
            return _open(self._key(), vault.fleet.current, _FLEET)
        except InvalidTag:
            raise VaultError("The passphrase of the vault was changed meanwhile; unlock it again.") from None

    def _unseal(self, key: bytes | bytearray, box: Box, purpose: bytes) -> bytes:
        try:
            return _open(key, box, purpose)
        except InvalidTag:
            raise VaultError(f"The vault {self._path} was altered; put its last good copy in its place.") from None

    def _key(self) -> bytearray:
        if not self._kek:
            raise VaultError("The vault is locked; unlock it with the passphrase.")
        return self._kek


_FLEET = b"investbot-vault/1 fleet-key"


def _instance(name: str) -> bytes:
    return b"investbot-vault/1 data-key " + name.encode()


def _secret(name: str) -> bytes:
    return b"investbot-vault/1 secret " + name.encode()


def _derive(passphrase: str, salt: bytes, cost: KdfCost) -> bytearray:
    """Stretch a passphrase; the same characters typed on another system (NFC or NFD) give the same key."""
    kdf = Argon2id(
        salt=salt, length=_KEY_BYTES, iterations=cost.iterations, lanes=cost.lanes, memory_cost=cost.memory_kib
    )
    typed = unicodedata.normalize("NFKC", passphrase).encode()
    try:
        with _ONE_AT_A_TIME:
            return bytearray(kdf.derive(typed))
    except MemoryError:
        needed = f"{cost.memory_kib / 1024:g} MiB"
        raise VaultError(f"Opening the vault takes {needed} of memory, which are not free; stop something.") from None


def _seal(key: bytes | bytearray, value: bytes, purpose: bytes) -> Box:
    nonce = os.urandom(12)
    return Box(nonce, AESGCM(key).encrypt(nonce, value, purpose))


def _open(key: bytes | bytearray, box: Box, purpose: bytes) -> bytes:
    return AESGCM(key).decrypt(box.nonce, box.sealed, purpose)


def _without(mapping: Mapping[str, _Sealed], name: str) -> dict[str, _Sealed]:
    return {key: value for key, value in mapping.items() if key != name}
