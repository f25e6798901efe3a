"""The folder of one instance's archives: their names, whose turn it is, and which of them were found whole."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from investbot.adapters.backups.durable import PART, copied, placed
from investbot.domain.errors import BackupError, TryAgain, UsageError
from investbot.domain.market import SECOND, Millis
from investbot.domain.times import parse_rfc3339, rfc3339
from investbot.ports.backups import Archive, Slot, Verified

SUFFIX = ".ibk"
BESIDE = ".vault.json"
"""What follows an archive's stem in the name of the vault beside it."""
MARKS = "verified.json"
_NAME = re.compile(r"(\d{6,12})-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.ibk")


def named(number: int, at: Millis) -> str:
    """Name an archive by its number and its moment (milliseconds UTC), to the second."""
    stamp = rfc3339(at - at % SECOND).replace("-", "").replace(":", "")
    return f"{number:06d}-{stamp}{SUFFIX}"


def archive_at(path: Path, instance: str) -> Archive:
    """Describe an archive by its name; UsageError for a name that is none, OSError where no file is."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise UsageError(f"{path.name} is not named like an archive, such as 000012-20260102T030405Z{SUFFIX}.")
    number, year, month, day, hour, minute, second = match.groups()
    at = parse_rfc3339(f"{year}-{month}-{day}T{hour}:{minute}:{second}Z")
    return Archive(path, instance, int(number), at, path.stat().st_size)


@dataclass(frozen=True, slots=True)
class FolderShelf:
    """`ports.Shelf` in one folder of mode 0700."""

    folder: Path
    instance: str

    def archives(self) -> list[Archive]:
        """List them by number; what is named otherwise is none."""
        found: list[Archive] = []
        for path in self.folder.glob(f"*{SUFFIX}"):
            with suppress(UsageError, FileNotFoundError):
                if path.is_file():
                    found.append(archive_at(path, self.instance))
        return sorted(found, key=lambda archive: (archive.number, archive.path.name))

    @contextmanager
    def turn(self) -> Iterator[int]:
        """Hold the folder's lock and give the next number, which never comes twice; TryAgain while another has it.

        What a killed run left half made is removed.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BackupError(f"{self.folder} cannot hold archives: {error.strerror}.") from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TryAgain(
                    f"Another command is at work on the backups of {self.instance}; try again when it is done."
                ) from None
            for part in self.folder.glob(f".*{PART}"):
                part.unlink(missing_ok=True)
            highest = max((archive.number for archive in self.archives()), default=0)
            yield max(highest, self._read()[0]) + 1
        finally:
            os.close(descriptor)

    @contextmanager
    def placing(self, number: int, at: Millis) -> Iterator[Slot]:
        """Give where an archive grows; whole and durable it takes its name when the context ends well; BackupError."""
        path = self.folder / named(number, at)
        with placed(path) as (part, file):
            yield Slot(path, part, file)
        with suppress(BackupError):  # the number is in the name as well
            self._write(number, self.verified())

    def put_beside(self, number: int, at: Millis, content: bytes) -> Path:
        """Write the vault beside an archive to be; BackupError."""
        path = self.folder / named(number, at)
        path = path.with_name(path.stem + BESIDE)
        with placed(path) as (_, file):
            file.write(content)
        return path

    def verified(self) -> Mapping[str, Verified]:
        """Tell which of the archives that are there were found whole, by file name."""
        return {name: found for name, found in self._read()[1].items() if (self.folder / name).is_file()}

    def mark(self, archive: Archive, verified: Verified) -> None:
        """Remember that an archive was found whole; BackupError."""
        with self._marking():
            self._write(archive.number, {**self.verified(), archive.path.name: verified})

    def copy(self, archive: Archive, target: Path) -> Path:
        """Copy an archive, and the vault beside it, into the instance's folder below `target`; BackupError."""
        if not target.is_dir():
            raise BackupError(f"There is no folder {target}; make it, or mount what it is on.")
        folder = target / self.instance
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise BackupError(f"{folder} cannot be made: {error.strerror}.") from None
        for path in self.files(archive):
            copied(path, folder / path.name)
        return folder / archive.path.name

    def files(self, archive: Archive) -> list[Path]:
        """Name an archive's files: the vault beside it, where there is one, and the archive."""
        beside = archive.path.with_name(archive.path.stem + BESIDE)
        return [path for path in (beside, archive.path) if path.is_file()]

    @contextmanager
    def _marking(self) -> Iterator[None]:
        try:
            descriptor = os.open(self.folder / ".marks", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BackupError(f"{self.folder} cannot be written: {error.strerror}.") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _read(self) -> tuple[int, dict[str, Verified]]:
        """Read the highest number ever given, and all marks; a file that was spoilt only forgets what it said."""
        try:
            document = json.loads((self.folder / MARKS).read_bytes())
            marks = {name: _verified(each) for name, each in document["verified"].items()}
            return int(document["last_number"]), marks
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return 0, {}

    def _write(self, number: int, marks: Mapping[str, Verified]) -> None:
        document = {
            "last_number": max(number, self._read()[0]),
            "verified": {name: asdict(each) for name, each in sorted(marks.items())},
        }
        with placed(self.folder / MARKS) as (_, file):
            _dump(file, document)


def _dump(file: BinaryIO, document: dict[str, Any]) -> None:
    file.write(json.dumps(document, indent=1).encode() + b"\n")


def _verified(value: Mapping[str, Any]) -> Verified:
    return Verified(at=int(value["at"]), sha256=str(value["sha256"]))
