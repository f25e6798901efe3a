"""Rooms to work in: private, in memory where there is plenty, gone afterwards and after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from investbot.adapters.backups import workroom
from investbot.adapters.backups.workroom import available_memory
from investbot.domain.errors import BackupError


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let a folder of the test stand for the memory."""
    folder = tmp_path / "memory"
    folder.mkdir()
    monkeypatch.setattr(workroom, "MEMORY", folder)
    monkeypatch.setattr(workroom, "available_memory", lambda: 1 << 40)
    return folder


@pytest.fixture
def aside(tmp_path: Path) -> Path:
    (tmp_path / "aside").mkdir()
    return tmp_path / "aside"


def test_a_room_is_private_and_goes(memory: Path, aside: Path) -> None:
    with workroom.workroom(1000, aside) as room:
        assert room.parent.parent == memory
        assert room.stat().st_mode & 0o777 == 0o700
        assert list(room.iterdir()) == []
        (room / "file").write_bytes(b"x")
    assert list(memory.iterdir()) == []


def test_what_memory_has_no_room_for_is_worked_on_aside(
    memory: Path, aside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workroom, "available_memory", lambda: 400 * 1024 * 1024)
    with workroom.workroom(36 * 1024 * 1024, aside) as room:
        assert room.is_relative_to(memory)
    with workroom.workroom(36 * 1024 * 1024 + 1, aside) as room:
        assert room.is_relative_to(aside)
    monkeypatch.setattr(workroom, "MEMORY", memory / "missing")
    with workroom.workroom(1, aside) as room:
        assert room.is_relative_to(aside)


def test_without_a_place_there_is_no_backup(aside: Path) -> None:
    with pytest.raises(BackupError, match="no folder to work in below"), workroom.workroom(1 << 50, aside / "missing"):
        pass


def test_the_litter_of_the_killed_is_removed_and_that_of_the_living_is_not(memory: Path, aside: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from investbot.adapters.backups import workroom as w\n"
        f"w.MEMORY = Path({str(memory)!r}); w.available_memory = lambda: 1 << 40\n"
        f"with w.workroom(1, Path({str(aside)!r})) as room: print(room, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        with workroom.workroom(1, aside):
            assert left.is_dir()
        process.send_signal(signal.SIGKILL)
    with workroom.workroom(1, aside):
        assert not left.exists()
    assert list(memory.iterdir()) == []


def test_what_is_no_room_of_ours_stays(memory: Path, aside: Path) -> None:
    strange = [memory / "investbot-backup-0x-strange", aside / "alpha"]
    link = memory / f"investbot-backup-{os.getuid()}-link"
    link.symlink_to(aside)
    for each in strange:
        each.mkdir()
    with workroom.workroom(1, aside):
        assert all(each.is_dir() for each in (*strange, link))


def test_a_room_that_is_swept_while_it_is_made_is_made_again(
    memory: Path, aside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, made = tempfile.mkdtemp, list[str]()

    def swept(**given: Any) -> str:
        made.append(real(**given))
        if len(made) == 1:
            Path(made[0]).rmdir()
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", swept)
    with workroom.workroom(1, aside) as room:
        assert (room.parent, len(made)) == (Path(made[1]), 2)


def test_the_memory_that_is_free_is_known() -> None:
    assert available_memory() > 1_000_000
