"""What an operator has agreed to for one instance: `consent.json` in its folder, written by commands only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from investbot.bootstrap.home import InstanceHome, write_beside
from investbot.domain.market import Millis
from investbot.domain.times import rfc3339

FILE = "consent.json"


@dataclass(frozen=True, slots=True)
class Consent:
    """`version` of the settings that may trade real money (0 = none); the `key` that may withdraw all the same.

    `key` is a digest and tells no secret; `by` and `at` (RFC 3339) say whose word it is.
    """

    version: int = 0
    key: str = ""
    by: str = ""
    at: str = ""


def read_consent(folder: InstanceHome) -> Consent:
    """Read what was agreed to; a file that is not there or cannot be understood agrees to nothing."""
    try:
        body = json.loads((folder.path / FILE).read_bytes())
        return Consent(int(body["version"]), str(body["key"]), str(body["by"]), str(body["at"]))
    except (OSError, ValueError, TypeError, KeyError):
        return Consent()


def allow_live(folder: InstanceHome, version: int, by: str, at: Millis) -> None:
    """Let this version of the settings trade real money; `at` in milliseconds UTC; OSError."""
    _write(folder, replace(read_consent(folder), version=version, by=by, at=rfc3339(at)))


def allow_withdrawals(folder: InstanceHome, keys: Mapping[str, str], by: str, at: Millis) -> None:
    """Let these keys trade although they may withdraw; others that are set later may not; OSError."""
    _write(folder, replace(read_consent(folder), key=digest(keys), by=by, at=rfc3339(at)))


def allows_withdrawals(folder: InstanceHome, keys: Mapping[str, str]) -> bool:
    """Tell whether an operator has accepted that these keys may withdraw."""
    return read_consent(folder).key == digest(keys)


def digest(keys: Mapping[str, str]) -> str:
    """Tell one account's keys from another's without telling them."""
    return hashlib.sha256("|".join(f"{name}={keys[name]}" for name in sorted(keys)).encode()).hexdigest()[:32]


def _write(folder: InstanceHome, consent: Consent) -> None:
    write_beside(folder.path / FILE, json.dumps(asdict(consent), indent=1).encode() + b"\n")
