"""The file of the vault: a strict schema, a lock beside it, and writes that leave the old file or the new one.

Version 2, JSON, mode 0600; every byte string in base64:

    {"format": "investbot-vault", "version": 2,
     "kdf": {"name": "argon2id", "memory_kib", "iterations", "lanes", "salt"},
     "vault_key": {"passphrase": BOX, "recovery": {"public": BOX, "ephemeral": 32 bytes, "sealed": BOX} or null},
     "fleet": {"current": BOX, "next": BOX or null},
     "instances": {NAME: {"current": BOX, "next": BOX or null}},
     "secrets": {NAME: BOX}}         BOX = {"nonce": 12 bytes, "sealed": AES-256-GCM with its tag}

In version 1 there is no `vault_key`: the stretched passphrase is the key that seals the rest. `next` holds the key that
is about to take the place of `current` while a ledger is copied from one to the other.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from investbot.domain.errors import VaultError

FORMAT = "investbot-vault"
VERSION = 2
_MODE = 0o600


@dataclass(frozen=True, slots=True)
class KdfCost:
    """What a guess at the passphrase costs: memory in KiB, passes over it, parallel lanes (RFC 9106)."""

    memory_kib: int = 64 * 1024
    iterations: int = 3
    lanes: int = 4


@dataclass(frozen=True, slots=True)
class Box:
    """Something sealed with AES-256-GCM."""

    nonce: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Slots:
    """A sealed key in use, and the one that is about to take its place."""

    current: Box
    next: Box | None = None


@dataclass(frozen=True, slots=True)
class Recovery:
    """The vault key sealed for a recovery key, and that key's public half, sealed so that nobody can exchange it."""

    public: Box
    ephemeral: bytes
    sealed: Box


@dataclass(frozen=True, slots=True)
class Wraps:
    """The ways to the vault key."""

    passphrase: Box
    recovery: Recovery | None = None


@dataclass(frozen=True, slots=True)
class VaultFile:
    """The whole file; nothing in it can be read without the passphrase but names and costs.

    Without `wraps` it is of version 1.
    """

    cost: KdfCost
    salt: bytes
    fleet: Slots
    instances: Mapping[str, Slots]
    secrets: Mapping[str, Box]
    wraps: Wraps | None = None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock beside the vault while it is read and written again."""
    try:
        descriptor = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, _MODE)
    except OSError as error:
        raise VaultError(f"The vault {path} cannot be locked: {error.strerror}.") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def load(path: Path) -> VaultFile:
    """Read the file; VaultError for one that is missing, damaged, of a newer version or with fields we do not know."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise VaultError(f"There is no vault at {path}; make one with: investbot init") from None
    except OSError as error:
        raise VaultError(f"The vault {path} cannot be read: {error.strerror}.") from None
    try:
        document = json.loads(raw, object_pairs_hook=_unique)
        if (
            isinstance(document, dict)
            and document.get("format") == FORMAT
            and document.get("version") not in {1, VERSION}
        ):
            raise VaultError(f"The vault {path} was written by another version of InvestBot; use that version.")
        return _vault(document)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise VaultError(f"The vault {path} is damaged; put its last good copy in its place.") from None


def save(path: Path, vault: VaultFile) -> None:
    """Write beside, make durable, read back, rename, make the name durable; the caller holds the lock.

    VaultError when the disk refuses, or gives back something else than what was written.
    """
    beside = path.with_name(path.name + ".new")
    try:
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(_document(vault), indent=1).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if load(beside) != vault:
            raise VaultError(f"The vault {path} was not written as it should be and stays as it was; look at the disk.")
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise VaultError(f"The vault {path} cannot be written: {error.strerror}.") from None


# ---- JSON and back --------------------------------------------------------------------------------------------------


def _document(vault: VaultFile) -> dict[str, Any]:
    cost = vault.cost
    ways = {} if vault.wraps is None else {"vault_key": _wraps_document(vault.wraps)}
    return {
        "format": FORMAT,
        "version": 1 if vault.wraps is None else VERSION,
        "kdf": {
            "name": "argon2id",
            "memory_kib": cost.memory_kib,
            "iterations": cost.iterations,
            "lanes": cost.lanes,
            "salt": _encoded(vault.salt),
        },
        **ways,
        "fleet": _slots_document(vault.fleet),
        "instances": {name: _slots_document(slots) for name, slots in sorted(vault.instances.items())},
        "secrets": {name: _box_document(box) for name, box in sorted(vault.secrets.items())},
    }


def _wraps_document(wraps: Wraps) -> dict[str, Any]:
    found = wraps.recovery
    recovery = found and {
        "public": _box_document(found.public),
        "ephemeral": _encoded(found.ephemeral),
        "sealed": _box_document(found.sealed),
    }
    return {"passphrase": _box_document(wraps.passphrase), "recovery": recovery}


def _slots_document(slots: Slots) -> dict[str, Any]:
    return {"current": _box_document(slots.current), "next": None if slots.next is None else _box_document(slots.next)}


def _box_document(box: Box) -> dict[str, str]:
    return {"nonce": _encoded(box.nonce), "sealed": _encoded(box.sealed)}


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError(pairs)
    return dict(pairs)


def _vault(document: object) -> VaultFile:
    first = _named(document)["version"] == 1
    ways = () if first else ("vault_key",)
    top = _object(document, "format", "version", "kdf", *ways, "fleet", "instances", "secrets")
    kdf = _object(top["kdf"], "name", "memory_kib", "iterations", "lanes", "salt")
    if top["format"] != FORMAT or kdf["name"] != "argon2id":
        raise ValueError(document)
    lanes = _count(kdf["lanes"], 1, 64)
    cost = KdfCost(_count(kdf["memory_kib"], 8 * lanes, 4 * 1024 * 1024), _count(kdf["iterations"], 1, 1000), lanes)
    return VaultFile(
        cost=cost,
        salt=_bytes(kdf["salt"], 16, 64),
        fleet=_slots(top["fleet"]),
        instances={name: _slots(value) for name, value in _named(top["instances"]).items()},
        secrets={name: _box(value) for name, value in _named(top["secrets"]).items()},
        wraps=None if first else _wraps(top["vault_key"]),
    )


def _wraps(value: object) -> Wraps:
    found = _object(value, "passphrase", "recovery")
    return Wraps(_box(found["passphrase"]), None if found["recovery"] is None else _recovery(found["recovery"]))


def _recovery(value: object) -> Recovery:
    found = _object(value, "public", "ephemeral", "sealed")
    return Recovery(_box(found["public"]), _bytes(found["ephemeral"], 32, 32), _box(found["sealed"]))


def _object(value: object, *names: str) -> dict[str, Any]:
    found = _named(value)
    if set(found) != set(names):
        raise ValueError(names)
    return found


def _named(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(value)
    return value


def _count(value: object, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise ValueError(value)
    return value


def _bytes(value: object, low: int, high: int) -> bytes:
    if not isinstance(value, str):
        raise TypeError(value)
    found = base64.b64decode(value, validate=True)
    if not low <= len(found) <= high:
        raise ValueError(value)
    return found


def _slots(value: object) -> Slots:
    found = _object(value, "current", "next")
    return Slots(_box(found["current"]), None if found["next"] is None else _box(found["next"]))


def _box(value: object) -> Box:
    found = _object(value, "nonce", "sealed")
    return Box(_bytes(found["nonce"], 12, 12), _bytes(found["sealed"], 16, 1024 * 1024))
