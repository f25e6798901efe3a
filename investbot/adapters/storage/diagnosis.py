"""Why a file does not open: SQLCipher only says "not a database" of a wrong key, damage and strange files alike."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections import Counter
from pathlib import Path

from investbot.domain.errors import LedgerError

_PAGE = 4096
_SALT = 16
_MAC = 64
_PAGES_TRIED = 64
_ENTROPY_FLOOR = 7.8
"""Bits a byte: 4096 encrypted bytes measure 7.95 ± 0.01, text and programs far less."""


def diagnose(path: Path, key: bytes | bytearray) -> LedgerError:
    """Look at the raw file and say what is wrong with it: the error to raise, never the key."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_PAGE * _PAGES_TRIED)
    except OSError as error:
        return LedgerError(f"The ledger {path} cannot be read: {error.strerror}.")
    first = head[:_PAGE]
    if first.startswith(b"SQLite format 3\0"):
        return LedgerError(f"{path} is a plain, unencrypted database and not a ledger of InvestBot.")
    if _entropy(first) < _ENTROPY_FLOOR:
        return LedgerError(f"{path} is not a ledger of InvestBot.")
    if _any_page_fits(head, key) or size % _PAGE:
        return LedgerError(f"The ledger {path} is damaged; put its last good copy in its place.")
    # The key is always the instance's own, from the vault: it is the file that is wrong, never what the operator typed.
    return LedgerError(
        f"The ledger {path} is damaged or another instance's: its key does not open it; "
        "put its last good copy in its place."
    )


def _entropy(block: bytes) -> float:
    """Measure Shannon's entropy of a block in bits a byte."""
    return -sum(count / len(block) * math.log2(count / len(block)) for count in Counter(block).values())


def _any_page_fits(pages: bytes, key: bytes | bytearray) -> bool:
    """Tell whether any page carries this key's MAC, which a wrong key cannot forge.

    SQLCipher 4's file format: each page ends in IV (16) and HMAC-SHA512 (64) over the encrypted bytes, the IV and the
    page number (little endian, 4 bytes); the MAC's key is PBKDF2-HMAC-SHA512 of the raw key with the file's salt XOR
    0x3a, 2 rounds, 32 bytes; page 1 begins with the salt.
    """
    salt = bytes(byte ^ 0x3A for byte in pages[:_SALT])
    mac_key = hashlib.pbkdf2_hmac("sha512", key, salt, 2, 32)
    for number in range(1, len(pages) // _PAGE + 1):
        page = pages[(number - 1) * _PAGE : number * _PAGE]
        body = page[_SALT if number == 1 else 0 : -_MAC]
        if hmac.compare_digest(
            hmac.digest(mac_key, body + number.to_bytes(4, "little"), "sha512"),
            page[-_MAC:],
        ):
            return True
    return False
