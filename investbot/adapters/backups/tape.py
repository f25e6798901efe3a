"""tar as a stream, made and taken apart strictly: plain files only, each where it was announced, and nothing behind."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import Protocol

from investbot.domain.errors import DataError

BLOCK = 512
"""Bytes of which a tar is made up (POSIX 1003.1, pax)."""
END = bytes(2 * BLOCK)
"""Two blocks of zeros end a tar."""
NAME_BYTES = 100
"""The longest name that fits a plain header."""


def header(name: str, size: int, at_s: int) -> bytes:
    """Make the header of a plain file of `size` bytes, mode 0600, nobody's, changed at `at_s` seconds UTC."""
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o600, at_s
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8")


def padding(size: int) -> bytes:
    """Fill the last block of a file of `size` bytes."""
    return bytes(-size % BLOCK)


def is_fitting(name: str) -> bool:
    """Tell whether a name stays below the folder it is unpacked in: relative, no hidden part, no `..`, no control."""
    return (
        0 < len(name.encode("utf-8", "replace")) <= NAME_BYTES
        and name.isprintable()
        and "\\" not in name
        and all(part and not part.startswith(".") for part in name.split("/"))
    )


class Receiver(Protocol):
    """Who is told what a tar holds, in order."""

    def begin(self, name: str, size: int) -> None:
        """Begin a file of `size` bytes."""
        ...

    def piece(self, data: bytes) -> None:
        """Take the next bytes of it."""
        ...

    def end(self) -> None:
        """End it."""
        ...


class TapeReader:
    """Takes a tar apart as its bytes come; DataError for everything this program does not write itself."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._block = bytearray()
        self._left = 0
        self._padding = 0
        self._zeros = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        view = memoryview(data)
        while view:
            if self._left:
                piece = view[: self._left]
                self._left -= len(piece)
                self._receiver.piece(bytes(piece))
                if not self._left:
                    self._receiver.end()
            elif self._padding:
                piece = view[: self._padding]
                self._padding -= len(piece)
                if any(piece):
                    raise DataError("something stands between its files")
            else:
                piece = view[: BLOCK - len(self._block)]
                self._block += piece
                if len(self._block) == BLOCK:
                    self._header(bytes(self._block))
                    self._block.clear()
            view = view[len(piece) :]

    def close(self) -> None:
        """Say that these were all bytes; DataError when the tar has not ended."""
        if self._zeros * BLOCK != len(END):
            raise DataError("it ends too early")

    def _header(self, block: bytes) -> None:
        if not any(block):
            self._zeros += 1
            if self._zeros * BLOCK > len(END):
                raise DataError("something stands behind its end")
            return
        if self._zeros:
            raise DataError("something stands behind its end")
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.HeaderError, UnicodeDecodeError):
            raise DataError("a header in it is broken") from None
        if info.type != tarfile.REGTYPE or info.linkname or info.size < 0:
            raise DataError("it holds something that is no plain file")
        if not is_fitting(info.name):
            raise DataError("it holds a file that wants to lie elsewhere")
        self._receiver.begin(info.name, info.size)
        self._left, self._padding = info.size, -info.size % BLOCK
        if not info.size:
            self._receiver.end()


def pieces(name: str, size: int, at_s: int, data: Iterator[bytes]) -> Iterator[bytes]:
    """Give one file as a tar holds it."""
    yield header(name, size, at_s)
    yield from data
    yield padding(size)
