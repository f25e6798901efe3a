"""Segments on a disk: whole or not there, and one sentence for a disk that does not do as it should."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from investbot.adapters.backups import segments
from investbot.adapters.backups.sealing import new_identity, recipient_of
from investbot.adapters.backups.segments import SegmentFolder
from investbot.domain.errors import BackupError, ConfigError, DataError

NAME, TEXT = "0000000001-00000001-0000000001-0000000003.ibs", b'{"format":1}\n' * 50
IDENTITY = new_identity()
RECIPIENTS = (recipient_of(IDENTITY),)


def nothing() -> None:
    pass


def raising(error: OSError) -> Callable[[], None]:
    def durable() -> None:
        raise error

    return durable


@pytest.fixture
def shelf(tmp_path: Path) -> SegmentFolder:
    return SegmentFolder(tmp_path / "alpha" / "segments")


def test_what_is_put_is_read_back_and_nobody_else_may(shelf: SegmentFolder) -> None:
    assert shelf.names() == []
    shelf.put(NAME, TEXT, RECIPIENTS, nothing)
    assert shelf.names() == [NAME]
    assert shelf.get(NAME, (new_identity(), IDENTITY)) == TEXT
    assert (shelf.path / NAME).stat().st_mode & 0o777 == 0o600
    assert shelf.path.stat().st_mode & 0o777 == 0o700
    assert TEXT[:12] not in (shelf.path / NAME).read_bytes()
    with pytest.raises(DataError, match=f"{NAME} cannot be trusted: it is sealed for another vault or identity"):
        shelf.get(NAME, (new_identity(),))


def test_a_segment_has_its_name_once_it_was_remembered(shelf: SegmentFolder) -> None:
    seen: list[list[str]] = []
    shelf.put(NAME, TEXT, RECIPIENTS, lambda: seen.append(shelf.names()))
    assert seen == [[]]
    assert shelf.finish(NAME)


def test_one_that_was_remembered_and_not_named_is_finished(shelf: SegmentFolder) -> None:
    shelf.put(NAME, TEXT, RECIPIENTS, nothing)
    (shelf.path / NAME).rename(shelf.path / f".{NAME}.part")
    assert shelf.names() == []
    assert shelf.finish(NAME)
    assert shelf.get(NAME, (IDENTITY,)) == TEXT
    assert not shelf.finish("0000000001-00000002-0000000004-0000000005.ibs")


def test_a_disk_that_refuses_is_named(shelf: SegmentFolder) -> None:
    with pytest.raises(BackupError, match=f"{NAME} cannot be written: No space left on device"):
        shelf.put(NAME, TEXT, RECIPIENTS, raising(OSError(28, os.strerror(28))))
    assert shelf.names() == []
    with pytest.raises(ConfigError, match="no age recipient"):
        shelf.put(NAME, TEXT, ("age1nobody",), nothing)
    (shelf.path / NAME).mkdir()
    with pytest.raises(BackupError, match="cannot be written: Is a directory"):
        shelf.finish(NAME)
    with pytest.raises(BackupError, match="cannot be removed: Is a directory"):
        shelf.remove(NAME)
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        shelf.get(NAME, (IDENTITY,))
    with pytest.raises(DataError, match="cannot be read: No such file"):
        shelf.get("gone.ibs", (IDENTITY,))
    shelf.remove("gone.ibs")


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for work in (
        lambda: SegmentFolder(tmp_path / "file" / "segments").names(),
        lambda: SegmentFolder(tmp_path / "file" / "segments").put(NAME, TEXT, RECIPIENTS, nothing),
    ):
        with pytest.raises(BackupError, match="Not a directory"):
            work()


def test_what_swells_beyond_all_measure_is_refused(shelf: SegmentFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.put(NAME, TEXT, RECIPIENTS, nothing)
    monkeypatch.setattr(segments, "_MOST_BYTES", 100)
    with pytest.raises(DataError, match="it is larger than a segment ever is"):
        shelf.get(NAME, (IDENTITY,))
