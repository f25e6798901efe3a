"""Backups of a home: what goes into an archive, whose keys make and open it, and where copies of it go."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import investbot
from investbot.adapters.backups import sealing, workroom
from investbot.adapters.backups.archive import AgeArchiver, measure
from investbot.adapters.backups.command import run_after
from investbot.adapters.backups.durable import sha256
from investbot.adapters.backups.shelf import FolderShelf
from investbot.adapters.storage import snapshot
from investbot.adapters.storage.backup_keys import backup_identities, backup_identity, seal_key, seal_keys
from investbot.adapters.storage.pages import PageSealer
from investbot.adapters.storage.vault import OpenVault
from investbot.backup.create import Job, Making, create
from investbot.backup.verify import Bench, verify
from investbot.bootstrap.home import Home
from investbot.config.backups import BackupsPart
from investbot.domain.errors import BackupError
from investbot.domain.market import Millis
from investbot.ports.backups import FLEET, Archive, Content, Keys, Manifest, Progress

__all__ = [
    "FLEET",
    "bench_of",
    "create_archive",
    "deliver",
    "export_identities",
    "keys_of",
    "shelf_of",
    "verify_archive",
]


def shelf_of(home: Home, name: str) -> FolderShelf:
    """Give the shelf of an instance, or of `_fleet`; it need not be there yet."""
    return FolderShelf(home.backups / name, name)


def keys_of(vault: OpenVault, name: str, recipients: tuple[str, ...] = ()) -> Keys:
    """Give the keys of an instance's archives, made where there are none yet; VaultError."""
    backup_identity(vault, sealing.new_identity)
    seal_key(vault, name)
    return Keys(backup_identities(vault), seal_keys(vault, name), recipients)


def bench_of(home: Home, name: str) -> Bench:
    """Give what verifying an archive of `name` takes; what does not fit into memory is worked on in its shelf."""
    aside = home.backups / name
    return Bench(AgeArchiver(PageSealer), lambda size: workroom.workroom(size, aside), snapshot.examine, sha256)


def create_archive(
    home: Home,
    vault: OpenVault,
    name: str,
    at: Millis,
    *,
    progress: Progress,
    recipients: tuple[str, ...] = (),
    verified: bool = True,
) -> Archive:
    """Make an archive of an instance, running or not, or of what all share (`_fleet`); at in milliseconds UTC.

    UnknownInstance, TryAgain, VaultError, LedgerError, BackupError, DataError: the archives there were stay.
    """
    keys = keys_of(vault, name, recipients)
    try:
        job = _fleet_job(home) if name == FLEET else _instance_job(home, vault, name)
        home.backups.mkdir(mode=0o700, exist_ok=True)
        making = Making(keys, bench_of(home, name), measure, investbot.__version__, verified=verified)
        return create(job, shelf_of(home, name), making, at, progress)
    except OSError as error:
        raise BackupError(
            f"No archive of {name} can be made: {error.filename or 'a file'}: {error.strerror}."
        ) from None


def verify_archive(home: Home, vault: OpenVault, archive: Archive, at: Millis, progress: Progress) -> Manifest:
    """Restore an archive into a private folder and compare all of it; DataError, BackupError.

    Its verification is remembered where it lies on its own shelf.
    """
    shelf = shelf_of(home, archive.instance)
    shelf.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    manifest, verified = verify(
        archive, keys_of(vault, archive.instance), bench_of(home, archive.instance), at, progress
    )
    if archive.path.resolve().parent == shelf.folder.resolve():
        shelf.mark(archive, verified)
    return manifest


def deliver(home: Home, archive: Archive, settings: BackupsPart, to: tuple[str, ...] = ()) -> list[str]:
    """Copy an archive wherever it shall be and run the operator's command; give one sentence for each failure."""
    failures: list[str] = []
    shelf = shelf_of(home, archive.instance)
    for folder in dict.fromkeys((*settings.to, *to)):
        try:
            shelf.copy(archive, Path(folder))
        except BackupError as error:
            failures.append(str(error))
    if settings.after:
        try:
            for path in shelf.files(archive):
                run_after(settings.after, path)
        except BackupError as error:
            failures.append(str(error))
    return failures


def export_identities(vault: OpenVault) -> str:
    """Write what opens all archives of this home, as age's identity files are; VaultError."""
    backup_identity(vault, sealing.new_identity)
    lines = ["# Opens every backup of this home, API keys included. Keep it as you keep the passphrase."]
    for identity in backup_identities(vault):
        lines += [f"# public key: {sealing.recipient_of(identity)}", identity]
    return "\n".join(lines) + "\n"


def _instance_job(home: Home, vault: OpenVault, name: str) -> Job:
    instance, key = home.existing(name), vault.data_key(name)
    files = {"instance.toml": instance.settings}
    files |= {f"versions/{path.name}": path for path in sorted(instance.versions.glob("*.toml"))}
    size = sum(path.stat().st_size for path in instance.path.glob("ledger.db*"))
    return Job(_contents(files), lambda folder: snapshot.take(instance.ledger, key, folder), size)


def _fleet_job(home: Home) -> Job:
    files = {"investbot.toml": home.settings, "vault.json": home.vault}
    files |= {f"profiles/{path.name}": path for path in sorted(home.profiles.glob("*.toml"))}
    if home.run.journal.is_file():
        files["supervisor.json"] = home.run.journal
    contents = _contents(files)
    return Job(contents, vault=b"".join(contents[1].read()))


def _contents(files: dict[str, Path]) -> list[Content]:
    """Read small files once, so that each is packed as it was measured."""
    return [Content(name, partial(_once, path.read_bytes())) for name, path in files.items()]


def _once(data: bytes) -> Iterator[bytes]:
    yield data
