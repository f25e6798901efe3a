"""API keys as an operator hands them over: a JSON object, or `name=value` lines, with ccxt's names."""

from __future__ import annotations

import json

from investbot.domain.errors import DataError

KNOWN = ("apiKey", "secret", "password", "uid", "privateKey", "walletAddress", "keypair")
"""Ccxt's names, and a Solana key pair (base58 text, or the list of bytes that Solana's tools write)."""


def parse_keys(text: str) -> dict[str, str]:
    """Read keys; DataError, which never repeats a value, for an unknown name, an empty value or other text."""
    found = _json(text) if text.lstrip().startswith(("{", "[")) else _lines(text)
    if not found:
        message = "No key is given there; write apiKey and secret as JSON or as name=value lines."
        raise DataError(message)
    for name, value in found.items():
        if name not in KNOWN:
            message = f"{name[:32]!r} is no name of a key; known are {', '.join(KNOWN)}."
            raise DataError(message)
        if not value:
            message = f"The key {name} is empty."
            raise DataError(message)
    return found


def _json(text: str) -> dict[str, str]:
    try:
        value = json.loads(text)
    except ValueError:
        message = "The keys look like JSON but cannot be read as JSON."
        raise DataError(message) from None
    if isinstance(value, list):
        value = {"keypair": value}
    found: dict[str, str] = {}
    for name, item in value.items():
        if name == "keypair" and _is_bytes(item):
            found[name] = json.dumps(item, separators=(",", ":"))
        elif isinstance(item, str):
            found[name] = item
        else:
            message = f"The key {name[:32]!r} must be a text."
            raise DataError(message)
    return found


def _is_bytes(item: object) -> bool:
    return isinstance(item, list) and len(item) == 64 and all(type(each) is int and 0 <= each < 256 for each in item)


def _lines(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            message = f"Line {number} of the keys is not name=value."
            raise DataError(message)
        found[name.strip()] = value.strip()
    return found
