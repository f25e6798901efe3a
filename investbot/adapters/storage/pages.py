"""The pages of an encrypted ledger in plain and back, as they stream by: no byte of them is written anywhere in plain.

SQLCipher 4's file format (zetetic.net/sqlcipher/design): pages of 4096 bytes end in an IV (16) and an HMAC-SHA512 (64);
what stands before is AES-256-CBC under the raw key. The HMAC is taken over ciphertext, IV and the page's number (little
endian, 4 bytes); its key is PBKDF2-HMAC-SHA512 of the raw key with the file's salt XOR 0x3a, 2 rounds, 32 bytes. The
salt stands in the clear in place of the first 16 bytes of page 1, where a plain SQLite file says what it is. In plain
the last 80 bytes of a page are zeros, which SQLite knows as reserved (sqlite.org/fileformat2.html, 1.3.4).
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from investbot.adapters.storage.sqlcipher import KEY_BYTES, Key
from investbot.domain.errors import DataError, LedgerError, VaultError

PAGE = 4096
"""Bytes of a page."""
_MAGIC = b"SQLite format 3\0"
_IV, _MAC = 16, 64
_RESERVED = _IV + _MAC
_BODY = PAGE - _RESERVED
_HOLE = 2**30 // PAGE + 1
"""The number of the page that SQLite never writes, because locks lie on its bytes; in an encrypted file it is zeros."""
_AT_ONCE = 64
"""Pages that are read in one go."""


def plain_pages(path: Path, key: Key) -> Iterator[bytes]:
    """Give the pages of a closed, encrypted file in plain, many at a time; LedgerError for a page that is not whole.

    The file that comes out needs no log beside it: its header says rollback journal where it said WAL.
    """
    with path.open("rb") as file:
        salt = file.read(_IV)
        file.seek(0)
        cipher = _PageCipher(key, salt)
        number = 0
        while block := file.read(PAGE * _AT_ONCE):
            if len(block) % PAGE:
                raise LedgerError(f"The copy {path} of a ledger is cut short; try again.")
            plain = bytearray()
            for start in range(0, len(block), PAGE):
                number += 1
                page = cipher.opened(number, block[start : start + PAGE])
                if page is None:
                    raise LedgerError(f"The copy {path} of a ledger is damaged in page {number}; try again.")
                plain += page
            yield bytes(plain)


class PageSealer:
    """`ports.ByteSink`: takes a plain SQLite file as it comes and writes it encrypted; only ledgers are taken."""

    def __init__(self, path: Path, key: Key) -> None:
        """Take the path of the file to make (mode 0600) and its raw key; OSError."""
        self._salt = os.urandom(_IV)
        self._cipher = _PageCipher(key, self._salt)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self._number = 0
        self._rest = b""

    def write(self, piece: bytes) -> None:
        """Take the next bytes; DataError when they cannot be a ledger's."""
        block = self._rest + piece
        whole = len(block) - len(block) % PAGE
        sealed = bytearray()
        for start in range(0, whole, PAGE):
            self._number += 1
            sealed += self._sealed(block[start : start + PAGE])
        self._file.write(sealed)
        self._rest = block[whole:]

    def close(self) -> None:
        """Finish the file; DataError when it ends within a page, or never began."""
        self._file.close()
        if self._rest or not self._number:
            raise DataError("its ledger is cut short")

    def abandon(self) -> None:
        """Let go of the file unfinished."""
        self._file.close()

    def _sealed(self, page: bytes) -> bytes:
        if self._number == 1 and not (
            page.startswith(_MAGIC) and page[16:18] == PAGE.to_bytes(2, "big") and page[20] == _RESERVED
        ):
            raise DataError("its ledger is none of InvestBot's")
        return self._cipher.sealed(self._number, page)


class _PageCipher:
    """Encrypts and decrypts single pages of one file."""

    def __init__(self, key: Key, salt: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise VaultError(f"A ledger's key has {KEY_BYTES} bytes; this one has {len(key)}.")
        self._aes = algorithms.AES(bytes(key))
        self._salt = salt
        self._mac_key = hashlib.pbkdf2_hmac("sha512", key, bytes(byte ^ 0x3A for byte in salt), 2, KEY_BYTES)

    def opened(self, number: int, page: bytes) -> bytes | None:
        """Give a page in plain, its reserved end as zeros; None when it is not what was written."""
        if number == _HOLE and not any(page):
            return page
        start = _IV if number == 1 else 0
        if not hmac.compare_digest(self._mac(number, page[start:-_MAC]), page[-_MAC:]):
            return None
        decryptor = Cipher(self._aes, modes.CBC(page[_BODY:-_MAC])).decryptor()
        body = decryptor.update(page[start:_BODY])
        if number == 1:
            # Bytes 18 and 19 of the file: how it is written and read, 2 = with a log, 1 = without.
            body = _MAGIC + body[:2] + b"\x01\x01" + body[4:]
        return body + bytes(_RESERVED)

    def sealed(self, number: int, page: bytes) -> bytes:
        """Encrypt a plain page under a random IV."""
        if number == _HOLE:
            return bytes(PAGE)
        start = _IV if number == 1 else 0
        iv = os.urandom(_IV)
        encryptor = Cipher(self._aes, modes.CBC(iv)).encryptor()
        body = encryptor.update(page[start:_BODY]) + iv
        return (self._salt if number == 1 else b"") + body + self._mac(number, body)

    def _mac(self, number: int, body: bytes) -> bytes:
        return hmac.digest(self._mac_key, body + number.to_bytes(4, "little"), "sha512")
