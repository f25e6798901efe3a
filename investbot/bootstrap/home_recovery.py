"""A whole home out of its backups: the vault as it is sealed, then what all instances share, then each instance."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from investbot.adapters.backups.archive import AgeArchiver
from investbot.adapters.backups.shelf import BESIDE, FolderShelf
from investbot.adapters.storage.pages import PageSealer
from investbot.adapters.storage.vault import OpenVault
from investbot.bootstrap.backup import keys_of, shelf_of
from investbot.bootstrap.home import NAME, Home, write_beside
from investbot.domain.errors import BackupError, DataError
from investbot.ports.backups import FLEET, Archive, Progress

_SETTINGS = "investbot.toml"
_ASIDE = ".recovering"


def backed_up(source: Path) -> list[str]:
    """Name the instances of which there are archives below a folder; BackupError when it cannot be read."""
    try:
        found = sorted(each.name for each in source.iterdir() if each.is_dir() and NAME.fullmatch(each.name))
    except OSError as error:
        raise BackupError(f"The folder {source} cannot be read: {error.strerror}.") from None
    return [name for name in found if FolderShelf(source / name, name).archives()]


@contextmanager
def recovered_vault(home: Home, source: Path, unlock: Callable[[], OpenVault]) -> Iterator[OpenVault]:
    """Put the newest vault below `source` into an empty home and open it; one that is in the home already is used.

    A vault that does not open is taken out again: WrongPassphrase, VaultError, BackupError, DataError.
    """
    placed = not home.vault.exists()
    if placed:
        found = sorted((source / FLEET).glob(f"*{BESIDE}"))
        if not found:
            raise DataError(f"There is no vault below {source / FLEET}; name the folder that holds the backups.")
        try:
            home.ensure()
            write_beside(home.vault, found[-1].read_bytes())
        except OSError as error:
            raise BackupError(f"The vault cannot be put into {home.path}: {error.strerror}.") from None
    try:
        vault = unlock()
    except BaseException:
        if placed:
            home.vault.unlink(missing_ok=True)
        raise
    try:
        yield vault
    finally:
        vault.close()


def recover_shared(home: Home, vault: OpenVault, source: Path, progress: Progress) -> Archive:
    """Bring back the fleet's settings and profiles into a home that has none; from then on it is a home.

    DataError for an archive that is damaged, BackupError.
    """
    archives = FolderShelf(source / FLEET, FLEET).archives()
    if not archives:
        raise DataError(f"There is no archive below {source / FLEET}; name the folder that holds the backups.")
    newest, aside = archives[-1], home.path / _ASIDE
    try:
        home.ensure()
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700)
        keys = keys_of(vault, FLEET)
        AgeArchiver(PageSealer).unpack(newest.path, keys, aside, os.urandom(32), progress)
        for profile in sorted((aside / "profiles").glob("*.toml")):
            write_beside(home.profiles / profile.name, profile.read_bytes())
        home.backups.mkdir(mode=0o700, exist_ok=True)
        FolderShelf(source / FLEET, FLEET).copy(newest, home.backups)
        write_beside(home.settings, (aside / _SETTINGS).read_bytes())
    except OSError as error:
        raise BackupError(f"{home.path} cannot be written: {error.strerror}.") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return newest


def keep_number(home: Home, archive: Path, name: str) -> None:
    """Take an archive into the home's own, so that the numbers of those to come go on behind it; BackupError."""
    shelf = FolderShelf(archive.parent, name)
    if archive.parent.resolve() != shelf_of(home, name).folder.resolve():
        home.backups.mkdir(mode=0o700, exist_ok=True)
        for each in shelf.archives()[-1:]:
            shelf.copy(each, home.backups)
