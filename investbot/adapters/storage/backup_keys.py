"""The keys of backups, which rest in the vault as secrets of the fleet and outlive every data key.

`backup-identity` is the age X25519 identity (text, AGE-SECRET-KEY-1…) whose recipient all archives are sealed to;
`backup-seal` is the root (hex of 32 random bytes) of the keys that authenticate manifests. Neither hangs on an
instance's data key: an archive of a ledger whose key was rotated, or of an instance that was removed, still opens.
A rotation of all keys makes new ones and keeps the earlier under `NAME/1`, `NAME/2`, …, for the archives of before.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from investbot.adapters.storage.vault import OpenVault

IDENTITY = "backup-identity"
SEAL = "backup-seal"
_KEY_BYTES = 32


def backup_identity(vault: OpenVault, make: Callable[[], str]) -> str:
    """Give the identity new archives are for; `make` gives a new one where there is none yet. VaultError."""
    return vault.secret_once(IDENTITY, make)


def backup_identities(vault: OpenVault) -> tuple[str, ...]:
    """Give all identities that open archives of this home, the present one first; VaultError."""
    return _all(vault, IDENTITY)


def seal_key(vault: OpenVault, instance: str) -> bytes:
    """Give the 32-byte key that authenticates new manifests of an instance, or of `_fleet`; VaultError."""
    return _derived(vault.secret_once(SEAL, lambda: os.urandom(_KEY_BYTES).hex()), instance)


def seal_keys(vault: OpenVault, instance: str) -> tuple[bytes, ...]:
    """Give every key a manifest of an instance may be authenticated with, the present one first; VaultError."""
    return tuple(_derived(root, instance) for root in _all(vault, SEAL))


def earlier(names: tuple[str, ...], secret: str) -> list[str]:
    """Name the earlier values of a secret among `names`, the newest first."""
    numbers = [each.removeprefix(f"{secret}/") for each in names if each.startswith(f"{secret}/")]
    return [f"{secret}/{number}" for number in sorted(map(int, numbers), reverse=True)]


def _all(vault: OpenVault, secret: str) -> tuple[str, ...]:
    names = [secret, *earlier(vault.secret_names(), secret)]
    return tuple(found for found in map(vault.secret_get, names) if found is not None)


def _derived(root: str, instance: str) -> bytes:
    label = b"investbot-backup/1 manifest " + instance.encode()
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=label).derive(bytes.fromhex(root))
