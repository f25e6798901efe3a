"""Expiry: archives and segments that the rule of a home no longer asks for, in the home and wherever copies went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from investbot.adapters.backups.archive import AgeArchiver
from investbot.adapters.backups.durable import fsync_folder
from investbot.adapters.backups.segments import SegmentFolder
from investbot.adapters.backups.shelf import FolderShelf
from investbot.adapters.storage.pages import PageSealer
from investbot.adapters.storage.vault import OpenVault
from investbot.backup.chain import parse
from investbot.backup.retention import Made, Rule, expired, needless
from investbot.bootstrap.backup import keys_of, shelf_of
from investbot.bootstrap.home import Home
from investbot.bootstrap.restored_ledger import SEGMENTS
from investbot.domain.errors import BackupError, DataError
from investbot.ports.backups import FLEET, Archive, Keys


@dataclass(frozen=True, slots=True)
class Gone:
    """What was (or would be) thrown away of one name: its files, and how many bytes they are."""

    name: str
    paths: Sequence[Path]
    size: int


def expire(
    home: Home, vault: OpenVault, name: str, rule: Rule, folders: Sequence[Path], *, dry_run: bool = False
) -> Gone:
    """Throw away what `rule` does not keep of an instance's archives, or the fleet's, in the home and in `folders`.

    A folder that is not there now is left for the next time. TryAgain while another command is at work on the archives,
    VaultError, BackupError.
    """
    keys, marks = keys_of(vault, name), frozenset(shelf_of(home, name).verified())
    found: list[Path] = []
    with shelf_of(home, name).turn():
        for folder in (home.backups, *folders):
            if (folder / name).is_dir():
                found += _too_much(FolderShelf(folder / name, name), rule, marks, keys)
        sizes = [(path, path.stat().st_size) for path in found]
        for path, _ in sizes if not dry_run else ():
            try:
                path.unlink(missing_ok=True)
                fsync_folder(path.parent)
            except OSError as error:
                raise BackupError(f"{path} cannot be removed: {error.strerror}.") from None
    return Gone(name, tuple(path for path, _ in sizes), sum(size for _, size in sizes))


def _too_much(shelf: FolderShelf, rule: Rule, marks: frozenset[str], keys: Keys) -> list[Path]:
    archives = shelf.archives()
    made = [Made(each.number, each.created_at, each.path.name in marks) for each in archives]
    gone = set(expired(made, rule))
    files = [path for each in archives if each.number in gone for path in shelf.files(each)]
    if shelf.instance == FLEET:
        return files
    left = [each for each in archives if each.number not in gone]
    return files + _needless_segments(SegmentFolder(shelf.folder / SEGMENTS), left, keys)


def _needless_segments(segments: SegmentFolder, left: Sequence[Archive], keys: Keys) -> list[Path]:
    """Name the segments that lie before every archive that stays; the newest of all stays: shipping goes on from it."""
    names = [name for name in map(parse, segments.names()) if name is not None]
    archiver = AgeArchiver(PageSealer)
    try:
        ends = [archiver.head(each.path, keys).last_seq for each in left]
    except DataError:
        return []  # where an archive cannot be read nobody knows what it needs
    gone = needless(((str(name), name.last) for name in names), ends)
    newest = str(max(names, default=""))
    return [segments.path / name for name in gone if name != newest]
