"""Segments on a disk: age around zstd around text, one small file each, `age -d X.ibs | zstd -d` reads them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from investbot.adapters.backups import sealing
from investbot.domain.errors import BackupError, DataError

_SUFFIX = ".ibs"
_MOST_BYTES = 256 * 1024 * 1024
"""More than any segment takes in plain: what expands further is none."""


class SegmentFolder:
    """The segments of one instance in one folder; names are the caller's."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, which is made with the first segment."""
        self.path = folder

    def names(self) -> list[str]:
        """Name all files that may be segments; BackupError when the folder cannot be read."""
        try:
            return sorted(each.name for each in self.path.iterdir() if each.name.endswith(_SUFFIX))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise BackupError(f"The folder {self.path} cannot be read: {error.strerror}.") from None

    def put(self, name: str, text: bytes, recipients: Iterable[str], durable: Callable[[], None]) -> None:
        """Write a segment of mode 0600, call `durable` once it cannot be lost any more, then give it its name.

        BackupError, ConfigError.
        """
        beside = self._beside(name)
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW, 0o600), "wb") as file:
                sealing.seal((text,), recipients, file)
                file.flush()
                os.fsync(file.fileno())
            self._sync()
            durable()
            beside.replace(self.path / name)
            self._sync()
        except OSError as error:
            raise BackupError(f"The segment {self.path / name} cannot be written: {error.strerror}.") from None

    def finish(self, name: str) -> bool:
        """Give its name to a segment that is durable without it; tell whether there is one so called."""
        try:
            with suppress(FileNotFoundError):
                self._beside(name).replace(self.path / name)
                self._sync()
            return (self.path / name).is_file()
        except OSError as error:
            raise BackupError(f"The segment {self.path / name} cannot be written: {error.strerror}.") from None

    def get(self, name: str, identities: Sequence[str]) -> bytes:
        """Read a segment in plain; DataError naming one that is not what was written."""
        taker = _Text()
        try:
            with (self.path / name).open("rb") as file:
                sealing.unseal(file, identities, taker)
        except DataError as error:
            raise DataError(f"The segment {self.path / name} cannot be trusted: {error}.") from None
        except OSError as error:
            raise DataError(f"The segment {self.path / name} cannot be read: {error.strerror}.") from None
        return bytes(taker.text)

    def remove(self, name: str) -> None:
        """Throw a segment away; BackupError when that is refused."""
        try:
            (self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise BackupError(f"The segment {self.path / name} cannot be removed: {error.strerror}.") from None

    def copy_to(self, target: Path) -> int:
        """Copy what another folder lacks of these segments; give how many there were. BackupError."""
        there = SegmentFolder(target)
        there_are = set(there.names())
        lacking = [name for name in self.names() if name not in there_are or self._size(name) != there._size(name)]
        for name in lacking:
            beside = there._beside(name)
            try:
                target.mkdir(mode=0o700, parents=True, exist_ok=True)
                shutil.copyfile(self.path / name, beside)
                beside.chmod(0o600)
                with beside.open("rb") as file:
                    os.fsync(file.fileno())
                beside.replace(target / name)
                there._sync()
            except OSError as error:
                beside.unlink(missing_ok=True)
                raise BackupError(f"The segment {target / name} cannot be written: {error.strerror}.") from None
        return len(lacking)

    def _size(self, name: str) -> int:
        try:
            return (self.path / name).stat().st_size
        except OSError:
            return -1

    def _beside(self, name: str) -> Path:
        return self.path / f".{name}.part"

    def _sync(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class _Text:
    """Collects a segment; DataError for one that swells beyond all measure."""

    def __init__(self) -> None:
        self.text = bytearray()

    def feed(self, data: bytes) -> None:
        self.text += data
        if len(self.text) > _MOST_BYTES:
            raise DataError("it is larger than a segment ever is")

    def close(self) -> None:
        pass
