"""What an archive is believed while it comes in: its manifest first, and then only what that announced."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from investbot.adapters.backups import manifests
from investbot.domain.errors import DataError
from investbot.ports.backups import LEDGER, MANIFEST, ByteSink, Manifest, Progress

LEDGER_FILE = "ledger.db"
"""What the ledger is called where it is unpacked: encrypted again."""

SealLedger = Callable[[Path, bytes], ByteSink]
"""Takes a path and a 32-byte key, gives what takes a plain ledger and writes it there encrypted."""


class Head:
    """A receiver that reads the manifest and no further."""

    class Enough(Exception):
        """The manifest is read; nothing more is wanted."""

    def __init__(self, seals: Sequence[bytes]) -> None:
        self._seals = seals
        self._raw: bytearray | None = None
        self._manifest: Manifest | None = None

    @property
    def manifest(self) -> Manifest:
        """The authenticated manifest; DataError when there was none."""
        if self._manifest is None:
            raise DataError("it holds no manifest")
        return self._manifest

    def begin(self, name: str, size: int) -> None:
        """Begin a file; the first one has to be the manifest."""
        if name != MANIFEST or size > manifests.MOST_BYTES:
            raise DataError("it does not begin with a manifest")
        self._raw = bytearray()

    def piece(self, data: bytes) -> None:
        """Take the next bytes of the manifest."""
        if self._raw is not None:
            self._raw += data

    def end(self) -> None:
        """Judge the manifest."""
        if self._raw is not None:
            raw, self._raw = bytes(self._raw), None
            self._manifest = manifests.read(raw, self._seals)
            self.known()

    def known(self) -> None:
        """Say that the manifest is known: this receiver has seen enough."""
        raise self.Enough

    def close(self) -> None:
        """Say that the archive has ended; DataError when something is missing."""
        self.manifest  # noqa: B018  it raises


class Unpacking(Head):
    """A receiver that puts every announced file into a folder and compares its hash."""

    def __init__(
        self, seals: Sequence[bytes], folder: Path, seal_ledger: Callable[[Path], ByteSink], progress: Progress
    ) -> None:
        super().__init__(seals)
        self._folder = folder
        self._seal_ledger = seal_ledger
        self._progress = progress
        self._next = 0
        self._digest = hashlib.sha256()
        self._sink: ByteSink | None = None
        self._done = 0

    def known(self) -> None:
        """Go on: the files follow."""

    def begin(self, name: str, size: int) -> None:
        """Open the next file, which has to be the next one of the manifest."""
        if self._manifest is None:
            super().begin(name, size)
            return
        members = self._manifest.members
        if self._next >= len(members) or (members[self._next].name, members[self._next].size) != (name, size):
            raise DataError("it does not hold what its manifest says")
        self._digest = hashlib.sha256()
        if name == LEDGER:
            self._sink = self._seal_ledger(self._folder / LEDGER_FILE)
        else:
            self._sink = _PlainFile(self._folder, name)

    def piece(self, data: bytes) -> None:
        """Take the next bytes of the file."""
        if self._sink is None or self._manifest is None:
            super().piece(data)
            return
        self._digest.update(data)
        self._sink.write(data)
        self._done += len(data)
        self._progress("unpacking", self._done, sum(member.size for member in self._manifest.members))

    def end(self) -> None:
        """Close the file and compare it with the manifest."""
        if self._sink is None or self._manifest is None:
            super().end()
            return
        sink, self._sink = self._sink, None
        sink.close()
        if self._digest.hexdigest() != self._manifest.members[self._next].sha256:
            raise DataError("it does not hold what its manifest says")
        self._next += 1

    def close(self) -> None:
        """Say that the archive has ended; DataError when a file is missing."""
        if self._next != len(self.manifest.members):
            raise DataError("it does not hold what its manifest says")

    def drop(self) -> None:
        """Let go of a file that was not finished; what is written stays for the caller to throw away."""
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.abandon()


class _PlainFile:
    """A new file of mode 0600 below a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._file = os.fdopen(self._descriptor, "wb")

    def write(self, piece: bytes) -> object:
        return self._file.write(piece)

    def close(self) -> None:
        self._file.close()

    def abandon(self) -> None:
        self._file.close()
