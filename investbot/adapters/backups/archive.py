"""One archive: age around zstd around a tar whose first file is the authenticated manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from investbot.adapters.backups import manifests, sealing, tape
from investbot.adapters.backups.unpacking import Head, SealLedger, Unpacking
from investbot.domain.errors import BackupError, DataError
from investbot.ports.backups import MANIFEST, Content, Keys, Manifest, Member, Progress


class AgeArchiver:
    """`ports.Archiver`: `age -d -i identity.txt X.ibk | zstd -d | tar t` shows what is in an archive."""

    def __init__(self, seal_ledger: SealLedger) -> None:
        """Take what writes a ledger encrypted."""
        self._seal_ledger = seal_ledger

    def pack(
        self, manifest: Manifest, contents: Sequence[Content], keys: Keys, file: BinaryIO, progress: Progress
    ) -> None:
        """Write an archive that all of `keys` can read; BackupError when a content is not what the manifest says."""
        recipients = dict.fromkeys((sealing.recipient_of(keys.identities[0]), *keys.recipients))
        sealing.seal(_tar(manifest, contents, keys, progress), recipients, file)

    def head(self, archive: Path, keys: Keys) -> Manifest:
        """Read and authenticate the manifest alone; DataError for an archive that cannot be trusted."""
        return _read(archive, keys, Head(keys.seals))

    def unpack(self, archive: Path, keys: Keys, folder: Path, ledger_key: bytes, progress: Progress) -> Manifest:
        """Unpack into an empty private folder; DataError for an archive that cannot be trusted, OSError."""
        unpacking = Unpacking(keys.seals, folder, lambda path: self._seal_ledger(path, ledger_key), progress)
        try:
            return _read(archive, keys, unpacking)
        finally:
            unpacking.drop()


def measure(content: Content) -> Member:
    """Say how long a content is and what it hashes to."""
    digest, size = hashlib.sha256(), 0
    for piece in content.read():
        digest.update(piece)
        size += len(piece)
    return Member(content.name, size, digest.hexdigest())


def _read(archive: Path, keys: Keys, head: Head) -> Manifest:
    reader = tape.TapeReader(head)
    try:
        with archive.open("rb") as file:
            sealing.unseal(file, keys.identities, reader)
        head.close()
    except Head.Enough:
        return head.manifest
    except DataError as error:
        raise DataError(f"The archive {archive} cannot be trusted: {error}.") from None
    except FileNotFoundError:
        raise DataError(f"There is no archive {archive}; `investbot backup list` lists those there are.") from None
    return head.manifest


def _tar(manifest: Manifest, contents: Sequence[Content], keys: Keys, progress: Progress) -> Iterator[bytes]:
    at_s = manifest.created_at // 1000
    head = manifests.write(manifest, keys.seals[0])
    yield from tape.pieces(MANIFEST, len(head), at_s, iter((head,)))
    total = sum(member.size for member in manifest.members)
    done = 0
    for member, content in zip(manifest.members, contents, strict=True):
        digest = hashlib.sha256()
        yield tape.header(member.name, member.size, at_s)
        for piece in content.read():
            digest.update(piece)
            done += len(piece)
            progress("packing", done, total)
            yield piece
        if digest.hexdigest() != member.sha256:
            raise BackupError(f"{member.name} of {manifest.instance} changed while it was packed; try again.")
        yield tape.padding(member.size)
    yield tape.END
