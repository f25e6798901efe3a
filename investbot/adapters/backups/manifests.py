"""Manifests as JSON, and the HMAC without which nobody's word is taken.

age says that nobody has changed an archive since it was sealed, but not who sealed it: the recipient is public. So the
manifest carries HMAC-SHA256 (RFC 2104) over its canonical JSON under a key that rests in the vault, and the manifest
carries the SHA-256 of every file.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from investbot.adapters.backups.tape import is_fitting
from investbot.domain.errors import DataError
from investbot.ports.backups import FORMAT, MANIFEST, Manifest, Member

MOST_BYTES = 4 * 1024 * 1024
"""The longest manifest that is looked at; tens of thousands of versions of a configuration fit."""
_HEX = frozenset("0123456789abcdef")
_T = TypeVar("_T")


def write(manifest: Manifest, seal: bytes) -> bytes:
    """Turn a manifest into JSON, authenticated with `seal`."""
    document = _document(manifest)
    document["hmac_sha256"] = _mac(document, seal)
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def read(raw: bytes, seals: Sequence[bytes]) -> Manifest:
    """Turn JSON back into a manifest; DataError with a clause that says what is wrong with it."""
    try:
        document = json.loads(raw, object_pairs_hook=_unique)
        format_ = _whole(document["format"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DataError("its manifest cannot be read") from None
    if format_ > FORMAT:
        raise DataError(f"a newer InvestBot made it (format {format_}): use that version")
    if format_ < FORMAT:
        raise DataError(f"its format {format_} is none that ever was")
    found = document.pop("hmac_sha256", None)
    if not isinstance(found, str) or not any(
        hmac.compare_digest(found.encode(), _mac(document, seal).encode()) for seal in seals
    ):
        raise DataError("it does not come from this vault, or is another instance's")
    try:
        return _manifest(document)
    except (ValueError, KeyError, TypeError):
        raise DataError("its manifest cannot be read") from None


def _mac(document: Mapping[str, Any], seal: bytes) -> str:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.digest(seal, canonical.encode("utf-8", "surrogatepass"), "sha256").hex()


def _document(manifest: Manifest) -> dict[str, Any]:
    return {
        "format": manifest.format,
        "program": manifest.program,
        "instance": manifest.instance,
        "number": manifest.number,
        "created_at": manifest.created_at,
        "schema": manifest.schema,
        "last_seq": manifest.last_seq,
        "last_event_at": manifest.last_event_at,
        "rows": dict(manifest.rows),
        "sums": dict(manifest.sums),
        "members": [{"name": each.name, "size": each.size, "sha256": each.sha256} for each in manifest.members],
    }


def _manifest(document: Mapping[str, Any]) -> Manifest:
    made = Manifest(
        instance=_text(document["instance"]),
        number=_whole(document["number"]),
        created_at=_whole(document["created_at"]),
        program=_text(document["program"]),
        members=tuple(_member(each) for each in document["members"]),
        schema=_whole(document["schema"]),
        last_seq=_whole(document["last_seq"]),
        last_event_at=None if document["last_event_at"] is None else _whole(document["last_event_at"]),
        rows=_mapped(document["rows"], _whole),
        sums=_mapped(document["sums"], _text),
    )
    names = [each.name for each in made.members]
    if set(document) != set(_document(made)) or len(set(names)) != len(names) or MANIFEST in names:
        raise ValueError(document)
    return made


def _member(value: Mapping[str, Any]) -> Member:
    name, size, digest = _text(value["name"]), _whole(value["size"]), _text(value["sha256"])
    if not is_fitting(name) or len(digest) != 64 or not set(digest) <= _HEX or len(value) != 3:
        raise ValueError(value)
    return Member(name, size, digest)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError(pairs)
    return dict(pairs)


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(value)
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _mapped(value: object, read_one: Callable[[object], _T]) -> dict[str, _T]:
    if not isinstance(value, dict):
        raise TypeError(value)
    return {name: read_one(each) for name, each in value.items()}
