"""What a process says of its own memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from investbot.instance.memory import SHARES_S, SOON_S, Memory, OwnMemory

PAGE = os.sysconf("SC_PAGE_SIZE")


class Folder:
    """Files as the kernel writes them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = 100.0
        self.memory = OwnMemory(path, lambda: self.now)

    def tell(self, resident_mib: int, rollup: str) -> None:
        (self.path / "statm").write_text(f"99999 {resident_mib * (1 << 20) // PAGE} 7 1 0 5 0\n")
        (self.path / "smaps_rollup").write_text(f"5581-7ffe [rollup]\n{rollup}")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_memory_is_told_in_mib(folder: Folder) -> None:
    folder.tell(64, "Rss:  70000 kB\nPss:  10240 kB\nPrivate_Clean:  1024 kB\nPrivate_Dirty:  4096 kB\n")
    assert folder.memory.look() == Memory(64.0, 10.0, 5.0)


def test_what_the_kernel_does_not_tell_is_none(folder: Folder) -> None:
    assert folder.memory.look() == Memory()
    folder.tell(64, "Rss:  70000 kB\n")
    assert folder.memory.look() == Memory(64.0, None, None)


def test_shares_are_read_seldom_once_the_process_is_no_longer_young(folder: Folder) -> None:
    seen = []
    for at in range(200):
        folder.now = 100.0 + at
        folder.tell(64 + at, f"Pss:  {1024 * at} kB\n")
        memory = folder.memory.look()
        assert memory.rss_mb == 64.0 + at
        seen.append(memory.pss_mb)
    young = [5.0 * (at // 5) for at in range(16)]
    assert (SOON_S, SHARES_S) == (5.0, 60.0)
    assert seen[:16] == young
    assert list(dict.fromkeys(seen[16:])) == [15.0, 75.0, 135.0, 195.0]


def test_the_files_are_opened_once(folder: Folder, tmp_path: Path) -> None:
    folder.tell(64, "Pss:  1024 kB\n")
    folder.memory.look()
    for name in ("statm", "smaps_rollup"):
        (tmp_path / name).unlink()
    assert folder.memory.look() == Memory(64.0, 1.0, None)


def test_this_process_has_memory_of_its_own() -> None:
    memory = OwnMemory().look()
    assert memory.rss_mb is not None
    assert memory.rss_mb > 5
    assert memory.pss_mb is None or 0 < memory.pss_mb < memory.rss_mb + 50
