"""Copies: equal to the ledger, or not there."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from investbot.adapters.storage import copies, secrets
from investbot.adapters.storage.inspection import inspect
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.domain.errors import AlreadyExists, LedgerError
from tests.unit.adapters.storage.samples import KEY, OTHER_KEY, START, Story, filled


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    filled(path, 2, 60)
    secrets.set_secrets(path, KEY, {"apiKey": "k"}, at=1)
    return path


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_a_copy_is_one_file_that_holds_everything(path: Path) -> None:
    target = path.with_name("final.copy")
    report = copies.copy_verified(path, KEY, target)
    assert (report.path, report.last_seq > 50, dict(report.rows)["secrets"]) == (target, True, 1)
    assert names(path.parent) == ["final.copy", "ledger.db"]
    assert target.stat().st_mode & 0o777 == 0o600
    assert inspect(target, KEY) == []
    assert secrets.get_secrets(target, KEY) == {"apiKey": "k"}
    with closing(SqlcipherLedger.open(path, KEY)) as ledger, closing(SqlcipherLedger.open(target, KEY)) as copy:
        assert list(copy.events()) == list(ledger.events())
        assert copy.cursor() == ledger.cursor()


def test_a_copy_under_a_new_key_opens_with_that_key_only(path: Path) -> None:
    target = path.with_name("rotated")
    copies.copy_verified(path, KEY, target, new_key=OTHER_KEY)
    assert inspect(target, OTHER_KEY) == []
    with pytest.raises(LedgerError, match="another instance"):
        inspect(target, KEY)


def test_a_copy_takes_the_place_of_another_only_when_told_to(path: Path) -> None:
    target = path.with_name("final.copy")
    target.write_bytes(b"precious")
    target.with_name("final.copy-wal").write_bytes(b"stale")
    with pytest.raises(AlreadyExists, match=r"final\.copy is there already"):
        copies.copy_verified(path, KEY, target)
    assert target.read_bytes() == b"precious"
    copies.copy_verified(path, KEY, target, replace=True)
    assert names(path.parent) == ["final.copy", "ledger.db"]
    assert inspect(target, KEY) == []


def test_a_copy_beside_a_busy_writer_is_one_moment_of_it(path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        with closing(SqlcipherLedger.open(path, KEY)) as ledger:
            story = Story(9, at=START, plans=1000, signals=1000)
            while not stop.is_set():
                ledger.append(*story.batch())

    writer = threading.Thread(target=write)
    writer.start()
    try:
        lengths = []
        for number in range(5):
            target = path.with_name(f"copy{number}")
            lengths.append(copies.copy_verified(path, KEY, target).last_seq)
            assert inspect(target, KEY) == []
    finally:
        stop.set()
        writer.join()
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[-1]


def test_a_copy_that_differs_is_thrown_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = copies._copy

    def altered(source: Path, key: bytes, part: Path, copy_key: bytes) -> Any:
        report = real(source, key, part, copy_key)
        secrets.set_secrets(part, copy_key, {"apiKey": "changed"}, at=1)
        return report

    monkeypatch.setattr(copies, "_copy", altered)
    with pytest.raises(LedgerError, match="differs from the ledger"):
        copies.copy_verified(path, KEY, path.with_name("final.copy"))
    assert names(path.parent) == ["ledger.db"]


def test_a_copy_that_was_damaged_is_thrown_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = copies._copy

    def damaged(source: Path, key: bytes, part: Path, copy_key: bytes) -> Any:
        report = real(source, key, part, copy_key)
        with part.open("r+b") as file:
            file.seek(-2000, 2)
            file.write(b"\0" * 50)
        return report

    monkeypatch.setattr(copies, "_copy", damaged)
    with pytest.raises(LedgerError, match="damaged"):
        copies.copy_verified(path, KEY, path.with_name("final.copy"))
    assert names(path.parent) == ["ledger.db"]


def test_a_copy_whose_pages_do_not_check_is_thrown_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "integrity", lambda _: ["a page nobody reads is damaged"])
    with pytest.raises(LedgerError, match="damaged while it was written"):
        copies.copy_verified(path, KEY, path.with_name("final.copy"))
    assert names(path.parent) == ["ledger.db"]


def test_a_copy_that_cannot_take_its_name_leaves_nothing(path: Path) -> None:
    target = path.with_name("folder")
    target.mkdir()
    with pytest.raises(LedgerError, match="cannot be written: Is a directory"):
        copies.copy_verified(path, KEY, target, replace=True)
    assert names(path.parent) == ["folder", "ledger.db"]


def test_a_copy_into_a_folder_that_is_not_there_gets_one_sentence(path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be made"):
        copies.copy_verified(path, KEY, path.parent / "nowhere" / "copy")


def test_a_copy_needs_the_right_key(path: Path) -> None:
    with pytest.raises(LedgerError, match="another instance"):
        copies.copy_verified(path, OTHER_KEY, path.with_name("final.copy"))
    assert names(path.parent) == ["ledger.db"]
