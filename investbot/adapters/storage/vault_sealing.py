"""How the vault seals: what a box is for and whose it is belongs to the sealed data.

Everything hangs on one random vault key. It is sealed twice at most: under the passphrase (Argon2id, then HKDF), and
for a recovery key (X25519 with a fresh key of ours, HKDF; only the public half of the recovery key is kept, so that
nobody who had the vault open once can open it again by that way).
"""

from __future__ import annotations

import os
import threading
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from investbot.adapters.storage.vault_file import Box, KdfCost, Recovery, VaultFile, Wraps
from investbot.domain.errors import VaultError

KEY_BYTES = 32
SALT_BYTES = 16
DEFAULT_COST = KdfCost()
FLEET = b"investbot-vault/1 fleet-key"
_BY_PASSPHRASE = b"investbot-vault/2 vault-key by passphrase"
_BY_RECOVERY = b"investbot-vault/2 vault-key by recovery-key"
_RECOVERY_PUBLIC = b"investbot-vault/2 recovery-key public"
_RECOVERY_SEED = b"investbot-vault/2 recovery-key seed"
_ONE_AT_A_TIME = threading.Lock()
"""The lanes of all derivations in a process share one pool of threads; two at once fail as if memory were short."""

Key = bytes | bytearray


def instance_label(name: str) -> bytes:
    """Name what the data key of an instance is sealed as."""
    return b"investbot-vault/1 data-key " + name.encode()


def secret_label(name: str) -> bytes:
    """Name what a secret of the fleet is sealed as."""
    return b"investbot-vault/1 secret " + name.encode()


def seal(key: Key, value: bytes, label: bytes) -> Box:
    """Seal a value under a 32-byte key for one purpose."""
    nonce = os.urandom(12)
    return Box(nonce, AESGCM(key).encrypt(nonce, value, label))


def unseal(key: Key, box: Box, label: bytes) -> bytes:
    """Open a box; InvalidTag for another key, another purpose, or a changed byte."""
    return AESGCM(key).decrypt(box.nonce, box.sealed, label)


def derive(passphrase: str, salt: bytes, cost: KdfCost) -> bytearray:
    """Stretch a passphrase; the same characters typed on another system (NFC or NFD) give the same key. VaultError."""
    kdf = Argon2id(
        salt=salt, length=KEY_BYTES, iterations=cost.iterations, lanes=cost.lanes, memory_cost=cost.memory_kib
    )
    typed = unicodedata.normalize("NFKC", passphrase).encode()
    try:
        with _ONE_AT_A_TIME:
            return bytearray(kdf.derive(typed))
    except MemoryError:
        needed = f"{cost.memory_kib / 1024:g} MiB"
        raise VaultError(f"Opening the vault takes {needed} of memory, which are not free; stop something.") from None


@dataclass(frozen=True, slots=True)
class PassphraseWrap:
    """A vault key sealed under a passphrase, and what it takes to stretch that again."""

    cost: KdfCost
    salt: bytes
    box: Box


def wrap(vault_key: Key, passphrase: str, cost: KdfCost) -> PassphraseWrap:
    """Seal a vault key under a passphrase, and open it again before anybody relies on it; VaultError for an empty one.

    VaultError as well on a machine on which what was sealed a moment ago does not open again.
    """
    if not passphrase:
        raise VaultError("A vault needs a passphrase of at least one character.")
    salt = os.urandom(SALT_BYTES)
    box = seal(_expanded(derive(passphrase, salt, cost), _BY_PASSPHRASE), bytes(vault_key), _BY_PASSPHRASE)
    made = PassphraseWrap(cost, salt, box)
    demand_opens(lambda: _opened(made, passphrase), vault_key)
    return made


def demand_opens(way: Callable[[], Key], vault_key: Key) -> None:
    """Refuse a way to the vault key that does not lead there; VaultError."""
    with suppress(InvalidTag):
        if way() == vault_key:
            return
    raise VaultError(
        "What was sealed just now does not open again, and nothing was changed: this machine is not sound."
    )


def unwrap(vault: VaultFile, passphrase: str) -> bytearray:
    """Open the vault key with the passphrase; InvalidTag for another one, VaultError for a lack of memory."""
    if vault.wraps is None:
        key = derive(passphrase, vault.salt, vault.cost)
        unseal(key, vault.fleet.current, FLEET)
        return key
    return bytearray(_opened(PassphraseWrap(vault.cost, vault.salt, vault.wraps.passphrase), passphrase))


def recovery_of(seed: bytes, vault_key: Key) -> Recovery:
    """Seal a vault key for the recovery key that grows from a seed of 32 bytes."""
    public = _private(seed).public_key().public_bytes_raw()
    return recovery_for(public, vault_key)


def recovery_for(public: bytes, vault_key: Key) -> Recovery:
    """Seal a vault key for the holder of a recovery key, of which only the public half is needed."""
    ours = X25519PrivateKey.generate()
    ephemeral = ours.public_key().public_bytes_raw()
    shared = ours.exchange(X25519PublicKey.from_public_bytes(public))
    sealed = seal(_expanded(shared, _BY_RECOVERY + ephemeral + public), bytes(vault_key), _BY_RECOVERY)
    return Recovery(seal(vault_key, public, _RECOVERY_PUBLIC), ephemeral, sealed)


def recovery_public(recovery: Recovery, vault_key: Key) -> bytes:
    """Read whom a vault key was sealed for; InvalidTag when somebody else put another one there."""
    return unseal(vault_key, recovery.public, _RECOVERY_PUBLIC)


def recover(wraps: Wraps, seed: bytes) -> bytearray:
    """Open the vault key with a recovery key's seed; InvalidTag for another one, or where there is none."""
    if wraps.recovery is None:
        raise InvalidTag
    private, ephemeral = _private(seed), wraps.recovery.ephemeral
    public = private.public_key().public_bytes_raw()
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(ephemeral))
    except ValueError:  # a point that an altered file made up
        raise InvalidTag from None
    return bytearray(unseal(_expanded(shared, _BY_RECOVERY + ephemeral + public), wraps.recovery.sealed, _BY_RECOVERY))


def _opened(made: PassphraseWrap, passphrase: str) -> bytes:
    stretched = derive(passphrase, made.salt, made.cost)
    return unseal(_expanded(stretched, _BY_PASSPHRASE), made.box, _BY_PASSPHRASE)


def _private(seed: bytes) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(_expanded(seed, _RECOVERY_SEED))


def _expanded(key: Key, label: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=label).derive(key)
