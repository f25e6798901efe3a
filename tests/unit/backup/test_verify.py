"""Verifying believes nothing that its manifest does not say, and an archive only where it belongs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from investbot.backup.create import Job, Making, create
from investbot.backup.verify import Bench, demand_equal, demand_place, verify
from investbot.domain.errors import BackupError, DataError
from investbot.ports.backups import Account, Archive, Archiver, Keys, Manifest, Progress, Verified
from tests.unit.adapters.backups.archives import AT, KEYS, archiver, content, files, manifest, silent, with_ledger
from tests.unit.adapters.storage.samples import KEY

SAID = manifest(content("ledger.sqlite", b"x"))
FOUND = Account("alpha", 2, 61, AT - 5, {"events": 61}, {"cash": "12.50"})


def test_what_is_as_said_passes() -> None:
    demand_equal(SAID, FOUND)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (replace(FOUND, instance="beta"), "is beta's and not alpha's"),
        (replace(FOUND, instance=""), "is nobody's and not alpha's"),
        (replace(FOUND, last_seq=60), "ends with event 60 and not with 61"),
        (replace(FOUND, rows={"events": 60}), "table events has 60 rows, not 61"),
        (replace(FOUND, rows={}), "table events has no rows, not 61"),
        (replace(FOUND, rows={"events": 61, "more": 0}), "table more has 0 rows, not no"),
        (replace(FOUND, sums={"cash": "12.5"}), "sum cash is 12.5, not 12.50"),
        (replace(FOUND, sums={}), "sum cash is missing, not 12.50"),
        (replace(FOUND, schema=1), "not the one its manifest describes"),
        (replace(FOUND, last_event_at=None), "not the one its manifest describes"),
    ],
)
def test_each_difference_is_named(found: Account, words: str) -> None:
    with pytest.raises(DataError, match=words):
        demand_equal(SAID, found)


def test_an_archive_belongs_where_its_manifest_says() -> None:
    archive = Archive(Path("a.ibk"), "alpha", 7, AT - AT % 1000, 1)
    demand_place(archive, SAID)
    for wrong, words in (
        (replace(archive, instance="beta"), "it is alpha's and not beta's"),
        (replace(archive, number=8), "renamed; it is number 7"),
        (replace(archive, created_at=AT - AT % 1000 + 1000), "renamed"),
    ):
        with pytest.raises(DataError, match=words):
            demand_place(wrong, SAID)


@contextmanager
def room(path: Path) -> Iterator[Path]:
    folder = path / "room"
    folder.mkdir()
    try:
        yield folder
    finally:
        for each in sorted(folder.rglob("*"), reverse=True):
            each.unlink() if each.is_file() else each.rmdir()
        folder.rmdir()


def bench(tmp_path: Path, examine: Callable[[Path, bytes], Account], given: Archiver | None = None) -> Bench:
    return Bench(given or archiver(), lambda _: room(tmp_path), examine, lambda path: str(path.stat().st_size))


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    path = tmp_path / "a.ibk"
    with_ledger(path, tmp_path)
    return Archive(path, "alpha", 7, AT - AT % 1000, path.stat().st_size)


def test_a_restored_ledger_is_compared_under_a_key_nobody_keeps(archive: Archive, tmp_path: Path) -> None:
    seen: list[bytes] = []

    def examine(path: Path, key: bytes) -> Account:
        assert path == tmp_path / "room/ledger.db"
        assert path.is_file()
        seen.append(key)
        return FOUND

    told: list[str] = []
    for _ in range(2):
        found = verify(archive, KEYS, bench(tmp_path, examine), 5, lambda what, _done, _total: told.append(what))
        assert found == (archiver().head(archive.path, KEYS), Verified(5, str(archive.size)))
    assert len({*seen, KEY}) == 3
    assert told[-1] == "replaying"
    assert not (tmp_path / "room").exists()


def test_a_ledger_that_differs_is_refused_in_one_sentence(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(DataError) as refusal:
        verify(archive, KEYS, bench(tmp_path, lambda *_: replace(FOUND, last_seq=3)), 5, silent)
    words = f"The archive {archive.path} cannot be trusted: its ledger ends with event 3 and not with 61."
    assert str(refusal.value) == words


def test_a_disk_that_fails_is_no_verdict(archive: Archive, tmp_path: Path) -> None:
    def full(_path: Path, _key: bytes) -> Account:
        raise OSError(28, "No space left on device")

    with pytest.raises(BackupError, match=r"cannot be verified: No space left on device\."):
        verify(archive, KEYS, bench(tmp_path, full), 5, silent)


class Fickle:
    """An archiver whose archives read differently the second time."""

    def __init__(self, change: Callable[[Manifest], Manifest], *, at_head: bool) -> None:
        self.change, self.at_head = change, at_head

    def pack(self, manifest: Manifest, contents: object, keys: Keys, file: BinaryIO, progress: Progress) -> None:
        file.write(b"archive")

    def head(self, archive: Path, keys: Keys) -> Manifest:
        return self.change(SAID) if self.at_head else SAID

    def unpack(self, archive: Path, keys: Keys, folder: Path, ledger_key: bytes, progress: Progress) -> Manifest:
        return self.change(SAID)


def test_an_archive_that_changes_while_it_is_read_is_refused(archive: Archive, tmp_path: Path) -> None:
    fickle = Fickle(lambda said: replace(said, last_seq=1), at_head=False)
    with pytest.raises(DataError, match="changed while it was read"):
        verify(archive, KEYS, bench(tmp_path, lambda *_: FOUND, fickle), 5, silent)


def test_an_archive_that_does_not_read_back_gets_no_name(tmp_path: Path) -> None:
    from investbot.adapters.backups.archive import measure
    from investbot.adapters.backups.shelf import FolderShelf

    shelf = FolderShelf(tmp_path / "alpha", "alpha")
    fickle = Fickle(lambda said: replace(said, number=9), at_head=True)
    making = Making(KEYS, bench(tmp_path, lambda *_: FOUND, fickle), measure, "1")
    with pytest.raises(
        DataError, match=r"ibk cannot be trusted: it changed while it was written\. It was thrown away\."
    ):
        create(Job(files()), shelf, making, AT, silent)
    assert shelf.archives() == []
    made = create(Job(files()), shelf, replace(making, verified=False), AT, silent)
    assert (made.number, dict(shelf.verified())) == (1, {})
