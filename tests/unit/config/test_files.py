from __future__ import annotations

import os
from pathlib import Path

import pytest

from investbot.config.files import create_private, write_private


def test_a_file_is_private_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    write_private(path, "one\n")
    write_private(path, "zwei ü\n")
    assert path.read_text(encoding="utf-8") == "zwei ü\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a.toml"]


def test_what_is_there_is_not_created_again(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    create_private(path, "one\n")
    with pytest.raises(FileExistsError):
        create_private(path, "two\n")
    assert path.read_text(encoding="utf-8") == "one\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a.toml"]


def test_a_failed_rename_leaves_nothing_half_made(tmp_path: Path) -> None:
    (tmp_path / "a.toml").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_private(tmp_path / "a.toml", "one\n")
    assert [path.name for path in tmp_path.iterdir()] == ["a.toml"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.toml"
    write_private(path, "one\n")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_private(path, "two\n")
    assert path.read_text(encoding="utf-8") == "one\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.toml"]
