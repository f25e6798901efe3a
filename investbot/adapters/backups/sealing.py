"""age (age-encryption.org/v1, X25519) around zstd, as streams: neither side is ever whole in memory or on a disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol

import pyrage
import zstandard

from investbot.domain.errors import BackupError, ConfigError, DataError, InvestBotError, VaultError

LEVEL = 6
"""zstd's effort: beyond it a ledger hardly shrinks further and takes much longer."""
_WINDOW = 1 << 27
"""The most memory (bytes) that an archive may ask for while it is expanded."""
_SLICE = 512
"""Bytes that are expanded at once, so that hostile input cannot swell beyond a few megabytes before it is judged."""


class Taker(Protocol):
    """Takes plain bytes in their order."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        ...

    def close(self) -> None:
        """These were all."""
        ...


def new_identity() -> str:
    """Make a new age identity (AGE-SECRET-KEY-1…)."""
    return str(pyrage.x25519.Identity.generate())


def recipient_of(identity: str) -> str:
    """Give the public recipient (age1…) of an identity; VaultError for a text that is none."""
    return str(_identity(identity).to_public())


def seal(plain: Iterable[bytes], recipients: Iterable[str], file: BinaryIO) -> None:
    """Compress and encrypt `plain` to `file`; ConfigError for a recipient that is none, OSError from the disk."""
    known = [_recipient(each) for each in recipients]
    reader, writer = _Reader(_compressed(plain)), _Writer(file)
    try:
        pyrage.encrypt_io(reader, writer, known)
    except (pyrage.EncryptError, OSError):
        # The library repeats what our side raised as a text of its own.
        raise reader.raised or writer.raised or BackupError("The archive cannot be encrypted.") from None
    if writer.raised:  # it swallows what goes wrong when it writes its very last bytes
        raise writer.raised


def unseal(file: BinaryIO, identities: Iterable[str], taker: Taker) -> None:
    """Decrypt and expand `file` to `taker` as it comes; what `taker` raises passes.

    DataError with a clause that says what is wrong. The taker must believe nothing before it was closed.
    """
    expander = _Expander(taker)
    try:
        pyrage.decrypt_io(_Source(file), expander, [_identity(each) for each in identities])
    except pyrage.DecryptError as error:
        if "matching keys" in str(error):
            raise DataError("it is sealed for another vault or identity") from None
        raise DataError("it is damaged or no archive at all") from None
    except zstandard.ZstdError:
        raise DataError("it is damaged inside") from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise DataError("it was damaged, cut short or added to") from None
    expander.close()


def _compressed(plain: Iterable[bytes]) -> Iterator[bytes]:
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj()
    for piece in plain:
        yield compressor.compress(piece)
    yield compressor.flush()


def _identity(text: str) -> pyrage.x25519.Identity:
    try:
        return pyrage.x25519.Identity.from_str(text)
    except pyrage.IdentityError:
        raise VaultError(
            "The vault's identity for backups is none; put the vault's last good copy in its place."
        ) from None


def _recipient(text: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise ConfigError(f"{text} is no age recipient; `age-keygen` makes one that begins with age1.") from None


class _Reader:
    """What the encrypting side reads from: pieces of any size, given out as it asks for them."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""
        self.raised: InvestBotError | OSError | None = None

    def read(self, size: int) -> bytes:
        try:
            while not self._rest:
                found = next(self._pieces, None)
                if found is None:
                    return b""
                self._rest = found
        except (InvestBotError, OSError) as error:
            self.raised = error
            raise
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece


class _Source:
    """A file as the decrypting side reads it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        return self._file.read(size)


class _Writer:
    """A file as the encrypting side writes to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.raised: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self.raised = error
            raise

    def flush(self) -> None:
        self._file.flush()


class _Expander:
    """Where the decrypting side writes to: expands what comes and hands it on."""

    def __init__(self, taker: Taker) -> None:
        self._taker = taker
        self._zstd = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()

    def write(self, data: bytes) -> int:
        for start in range(0, len(data), _SLICE):
            if self._zstd.eof:
                raise DataError("something stands behind its end")
            self._taker.feed(self._zstd.decompress(data[start : start + _SLICE]))
        if self._zstd.unused_data:
            raise DataError("something stands behind its end")
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        if not self._zstd.eof:
            raise DataError("it ends too early")
        self._taker.close()
