"""Shelves: names, numbers that never come twice, marks, copies; and files that are whole or not there."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from investbot.adapters.backups import durable
from investbot.adapters.backups.shelf import MARKS, FolderShelf, archive_at, named
from investbot.domain.errors import BackupError, TryAgain, UsageError
from investbot.ports.backups import Archive, Verified

AT = 1_767_225_600_123


@pytest.fixture
def shelf(tmp_path: Path) -> FolderShelf:
    return FolderShelf(tmp_path / "backups/alpha", "alpha")


def put(shelf: FolderShelf, data: bytes = b"archive", at: int = AT) -> Archive:
    with shelf.turn() as number, shelf.placing(number, at) as slot:
        assert not slot.path.exists()
        slot.file.write(data)
    return archive_at(slot.path, shelf.instance)


def listed(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_names_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / named(12, AT)
    assert path.name == "000012-20260101T000000Z.ibk"
    path.write_bytes(b"abc")
    assert archive_at(path, "alpha") == Archive(path, "alpha", 12, AT - 123, 3)
    assert named(1_234_567, AT).startswith("1234567-")


@pytest.mark.parametrize("name", ["x.ibk", "12-20260101T000000Z.ibk", "000012-20261301T000000Z.ibk", "000012-2026.ibk"])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        archive_at(tmp_path / name, "alpha")


def test_only_archives_are_listed(shelf: FolderShelf) -> None:
    first, second = put(shelf), put(shelf, at=AT - 10**9)
    (shelf.folder / "notes.ibk").write_bytes(b"")
    (shelf.folder / named(99, AT)).mkdir()
    assert shelf.archives() == [first, second]
    assert [archive.number for archive in shelf.archives()] == [1, 2]
    assert FolderShelf(shelf.folder / "nowhere", "alpha").archives() == []


def test_a_number_never_comes_twice(shelf: FolderShelf) -> None:
    for archive in (put(shelf), put(shelf)):
        archive.path.unlink()
    assert put(shelf).number == 3
    (shelf.folder / MARKS).write_bytes(b"{")  # what only the marks knew is forgotten, what names say is not
    assert put(shelf).number == 4


@pytest.mark.parametrize(
    "spoilt", [b"", b"[]", b'{"last_number": 9}', b'{"last_number": 9, "verified": {"x": 1}}', b"\xff"]
)
def test_spoilt_marks_forget_and_never_stop_a_backup(shelf: FolderShelf, spoilt: bytes) -> None:
    first = put(shelf)
    (shelf.folder / MARKS).write_bytes(spoilt)
    assert shelf.verified() == {}
    shelf.mark(first, Verified(5, "aa"))
    assert shelf.verified() == {first.path.name: Verified(5, "aa")}
    assert json.loads((shelf.folder / MARKS).read_bytes())["last_number"] == 1


def test_a_turn_is_for_one_and_sweeps(shelf: FolderShelf) -> None:
    with shelf.turn() as number:
        assert number == 1
        with pytest.raises(TryAgain, match="at work on the backups of alpha"), shelf.turn():
            pass
        (shelf.folder / f".{named(1, AT)}.part").write_bytes(b"half")
    with shelf.turn():
        assert listed(shelf.folder) == [".lock"]


def test_what_is_not_finished_has_no_name(shelf: FolderShelf) -> None:
    kept = put(shelf)
    with pytest.raises(ZeroDivisionError), shelf.turn() as number, shelf.placing(number, AT) as slot:
        slot.file.write(bytes(1 // (number - 2)))
    assert shelf.archives() == [kept]
    assert not [name for name in listed(shelf.folder) if name.endswith(".part")]


def test_an_archive_is_durable_before_it_has_its_name(shelf: FolderShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    real_sync, real_replace, told = os.fsync, os.replace, list[str]()

    def sync(descriptor: int) -> None:
        told.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_sync(descriptor)

    def replace(source: Path, target: Path) -> None:
        told.append("name")
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", replace)
    path = shelf.folder.parent / "file"
    path.parent.mkdir(parents=True)
    with durable.placed(path) as (part, file):
        file.write(b"x")
        assert (part.exists(), path.exists()) == (True, False)
    assert told == ["file", "name", "folder"]


def test_the_disk_is_blamed_in_a_sentence(shelf: FolderShelf) -> None:
    refused = pytest.raises(BackupError, match=r"cannot be written: No space left on device; what was there before")
    with refused, shelf.turn(), shelf.placing(1, AT):
        raise OSError(28, os.strerror(28))
    blocked = shelf.folder.parent / "file"
    blocked.write_bytes(b"")
    with pytest.raises(BackupError, match="cannot hold archives"), FolderShelf(blocked / "alpha", "alpha").turn():
        pass
    with pytest.raises(BackupError, match="cannot be written"):
        FolderShelf(blocked / "alpha", "alpha").mark(Archive(blocked, "alpha", 1, AT, 0), Verified(1, ""))


def test_a_copy_is_read_back_and_never_half(
    shelf: FolderShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = put(shelf, b"x" * 3_000_000)
    with shelf.turn():
        shelf.put_beside(1, AT, b"vault")
    target = tmp_path / "usb"
    target.mkdir()
    copy = shelf.copy(archive, target)
    assert listed(target / "alpha") == [archive.path.name, "000001-20260101T000000Z.vault.json"]
    assert copy.read_bytes() == archive.path.read_bytes()
    changed = copy.stat().st_ino
    assert shelf.copy(archive, target).stat().st_ino == changed
    copy.write_bytes(b"rotten")
    assert shelf.copy(archive, target).read_bytes() == archive.path.read_bytes()
    copy.unlink()
    real = durable.sha256
    monkeypatch.setattr(durable, "sha256", lambda path: "0" if path.name.endswith(".part") else real(path))
    with pytest.raises(BackupError, match=r"differs from .*; it was thrown away"):
        shelf.copy(archive, target)
    assert listed(target / "alpha") == ["000001-20260101T000000Z.vault.json"]


def test_a_target_that_cannot_be_used(shelf: FolderShelf, tmp_path: Path) -> None:
    archive = put(shelf)
    with pytest.raises(BackupError, match="There is no folder"):
        shelf.copy(archive, tmp_path / "nowhere")
    (tmp_path / "alpha").write_bytes(b"a file stands here")
    with pytest.raises(BackupError, match=r"alpha cannot be made: File exists"):
        shelf.copy(archive, tmp_path)
    archive.path.unlink()
    (tmp_path / "usb").mkdir()
    with pytest.raises(BackupError, match="cannot be copied"):
        durable.copied(archive.path, tmp_path / "usb" / "x")


def test_marks_of_one_archive_leave_the_others(shelf: FolderShelf) -> None:
    first, second = put(shelf), put(shelf)
    shelf.mark(first, Verified(5, "aa"))
    shelf.mark(second, Verified(6, "bb"))
    shelf.mark(first, Verified(7, "aa"))
    assert shelf.verified() == {first.path.name: Verified(7, "aa"), second.path.name: Verified(6, "bb")}
    assert json.loads((shelf.folder / MARKS).read_bytes())["last_number"] == 2
