"""Backups: what an archive says of itself, and what makes, keeps and opens archives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from investbot.domain.market import Millis

FORMAT = 1
"""The version of the archive's layout that this program writes."""
FLEET = "_fleet"
"""What stands for the instance's name in archives of what all instances share."""
MANIFEST = "manifest.json"
LEDGER = "ledger.sqlite"
"""The ledger inside an archive: a plain SQLite file, so that a stranger gets at the data without InvestBot."""

Progress = Callable[[str, int, int], None]
"""Takes what is being done, how many bytes of it are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: a relative name, its size in bytes, the SHA-256 of its bytes in hexadecimal."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The first file of an archive, authenticated: whose it is and what must be found in it.

    `number` counts the archives of an instance from 1 and orders them whatever the clock said; moments are in
    milliseconds UTC; `last_seq` is the number of the ledger's last event (0 = none); `rows` counts by table; `sums` are
    the ledger's sums of money as decimal text. An archive of the fleet has no ledger: schema 0, no rows, no sums.
    """

    instance: str
    number: int
    created_at: Millis
    program: str
    members: tuple[Member, ...]
    schema: int = 0
    last_seq: int = 0
    last_event_at: Millis | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    sums: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Account:
    """What a ledger holds, as a manifest says it."""

    instance: str
    schema: int
    last_seq: int
    last_event_at: Millis | None
    rows: Mapping[str, int]
    sums: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive on a disk, as its name tells of it, unopened: `created_at` in milliseconds UTC, `size` in bytes."""

    path: Path
    instance: str
    number: int
    created_at: Millis
    size: int


@dataclass(frozen=True, slots=True)
class Verified:
    """That an archive was restored and found whole: when (milliseconds UTC), and the SHA-256 of the archive itself."""

    at: Millis
    sha256: str


@dataclass(frozen=True, slots=True)
class Keys:
    """What makes and opens the archives of one instance; never shown.

    `identities` are age's X25519 identities and `seals` 32-byte keys of manifests, the present ones first and those of
    before a rotation after them; `recipients` are further age recipients who shall be able to read new archives.
    """

    identities: tuple[str, ...] = field(repr=False)
    seals: tuple[bytes, ...] = field(repr=False)
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """Something to be packed: every call of `read` gives the same bytes again."""

    name: str
    read: Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Slot:
    """An archive that grows: the path it will have, the path it has until then, and the file to write it to."""

    path: Path
    part: Path
    file: BinaryIO


class ByteSink(Protocol):
    """Takes bytes in order; `close` says that they were all."""

    def write(self, piece: bytes) -> object:
        """Take the next piece."""
        ...

    def close(self) -> None:
        """Finish; an error when what came is not whole."""
        ...

    def abandon(self) -> None:
        """Let go of it unfinished: what is written is rubbish."""
        ...


class Archiver(Protocol):
    """Turns files into one encrypted, authenticated archive and back."""

    def pack(
        self, manifest: Manifest, contents: Sequence[Content], keys: Keys, file: BinaryIO, progress: Progress
    ) -> None:
        """Write an archive of `contents`, which are what `manifest.members` says; BackupError, OSError."""
        ...

    def head(self, archive: Path, keys: Keys) -> Manifest:
        """Read and authenticate the manifest alone; DataError for an archive that cannot be trusted."""
        ...

    def unpack(self, archive: Path, keys: Keys, folder: Path, ledger_key: bytes, progress: Progress) -> Manifest:
        """Unpack into an empty private folder, the ledger as `ledger.db` encrypted with `ledger_key`.

        No byte of the ledger is written in plain. DataError for an archive that cannot be trusted: then the folder
        holds rubbish and is to be thrown away. Nothing is made durable: that is up to whoever gives the files a place.
        """
        ...


class Snapshot(Protocol):
    """A ledger as it was at one moment, encrypted, in a private folder."""

    @property
    def account(self) -> Account:
        """What it holds."""
        ...

    def content(self) -> Content:
        """Give its pages in plain, as one SQLite file, without ever writing them anywhere."""
        ...


class Shelf(Protocol):
    """The archives of one instance in one folder."""

    @property
    def instance(self) -> str:
        """Whose archives these are."""
        ...

    def archives(self) -> list[Archive]:
        """List them, the first one first."""
        ...

    def turn(self) -> AbstractContextManager[int]:
        """Keep everybody else from changing the folder and give the next archive's number; TryAgain."""
        ...

    def placing(self, number: int, at: Millis) -> AbstractContextManager[Slot]:
        """Give where an archive grows; it takes its name, whole and durable, when the context ends well.

        Otherwise it is gone. BackupError when the disk refuses.
        """
        ...

    def put_beside(self, number: int, at: Millis, content: bytes) -> Path:
        """Write the vault beside an archive to be; BackupError."""
        ...

    def verified(self) -> Mapping[str, Verified]:
        """Tell which archives were restored and found whole, by file name."""
        ...

    def mark(self, archive: Archive, verified: Verified) -> None:
        """Remember that an archive was found whole."""
        ...
