"""The ballast: taken while there is room, thrown off when there is none, and told once."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import NamedTuple

import pytest

from investbot.supervisor.disk import MIB, Ballast, Disk


class Usage(NamedTuple):
    total: int
    used: int
    free: int


class Room:
    """A disk of a size, with so much free, in MiB."""

    def __init__(self, total: int, free: int) -> None:
        self.total, self.free = total, free

    def __call__(self, path: Path) -> Usage:
        if not path.exists():
            raise FileNotFoundError(2, "gone")
        return Usage(self.total * MIB, 0, self.free * MIB)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    room = Room(1000, 500)
    monkeypatch.setattr("investbot.supervisor.disk.shutil.disk_usage", room)
    return room


@pytest.mark.parametrize(("total", "mib"), [(1000, 16), (256, 16), (64, 4)])
def test_the_ballast_takes_real_room_and_is_private(tmp_path: Path, room: Room, total: int, mib: int) -> None:
    room.total = total
    ballast = Ballast(tmp_path / "ballast")
    assert not ballast.aboard
    assert ballast.load()
    file = (tmp_path / "ballast").stat()
    assert (file.st_size, stat.S_IMODE(file.st_mode)) == (mib * MIB, 0o600)
    assert file.st_blocks * 512 >= mib * MIB
    assert ballast.load()
    assert [path.name for path in tmp_path.iterdir()] == ["ballast"]
    assert ballast.drop()
    assert not ballast.drop()


@pytest.mark.parametrize(("free", "loads"), [(64, True), (63, False)])
def test_it_is_only_taken_where_there_is_plenty(tmp_path: Path, room: Room, free: int, *, loads: bool) -> None:
    room.free = free
    assert Ballast(tmp_path / "ballast").load() is loads


@pytest.mark.parametrize(("total", "free", "low"), [(1000, 8, False), (1000, 7, True), (64, 2, False), (64, 1, True)])
def test_low_is_little_of_a_disk(tmp_path: Path, room: Room, total: int, free: int, *, low: bool) -> None:
    room.total, room.free = total, free
    assert Ballast(tmp_path / "ballast").is_low() is low


def test_a_disk_that_fills_while_it_is_taken_leaves_nothing(
    tmp_path: Path, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("investbot.supervisor.disk.os.posix_fallocate", full)
    assert not Ballast(tmp_path / "ballast").load()
    assert list(tmp_path.iterdir()) == []


async def test_a_full_disk_is_relieved_once_and_the_ballast_comes_back(tmp_path: Path, room: Room) -> None:
    told: list[str] = []
    disk = Disk(tmp_path, told.append)
    await disk.look()
    assert (tmp_path / "ballast").exists()
    room.free = 1
    await disk.look()
    await disk.look()
    assert not (tmp_path / "ballast").exists()
    assert len(told) == 1
    assert not await disk.relieve()
    room.free = 40
    await disk.look()
    assert not (tmp_path / "ballast").exists()
    room.free = 500
    watching = asyncio.create_task(disk.watch())
    async with asyncio.timeout(60):
        while not (tmp_path / "ballast").exists():  # noqa: ASYNC110 - a thread makes it
            await asyncio.sleep(0.01)
    watching.cancel()


async def test_a_folder_that_is_gone_is_survived(tmp_path: Path, room: Room) -> None:
    await Disk(tmp_path / "gone", lambda _: None).look()
