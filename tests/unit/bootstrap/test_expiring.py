"""What expires goes everywhere, and nothing that is still needed does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from investbot.backup.chain import parse
from investbot.backup.restore import Point
from investbot.backup.retention import Rule
from investbot.bootstrap.backup import create_archive, deliver, shelf_of
from investbot.bootstrap.expiring import expire
from investbot.config.backups import BackupsPart
from investbot.domain.errors import TryAgain
from investbot.domain.market import DAY
from investbot.ports.backups import FLEET
from tests.unit.bootstrap.restorable import Life, home_of, silent

TWO = Rule(daily=2, weekly=0, monthly=0)


@pytest.fixture
def alpha(tmp_path: Path) -> Iterator[Life]:
    with home_of(tmp_path / "home", "alpha") as (life,):
        yield life


def day(life: Life) -> int:
    """Live through a day that is shipped and ends with an archive; give the ledger's last event."""
    life.at += DAY
    life.live(1)
    life.ship()
    life.live(1)
    life.ship()
    life.back_up()
    return len(life.rows())


def numbers(life: Life) -> list[int]:
    return [archive.number for archive in shelf_of(life.home, life.name).archives()]


def test_segments_stay_that_the_oldest_archive_needs(alpha: Life) -> None:
    ends = [day(alpha) for _ in range(4)]
    dry = expire(alpha.home, alpha.vault, "alpha", TWO, [], dry_run=True)
    assert numbers(alpha) == [1, 2, 3, 4]
    gone = expire(alpha.home, alpha.vault, "alpha", TWO, [])
    assert (gone.paths, gone.size) == (dry.paths, dry.size)
    assert gone.size > 0
    assert numbers(alpha) == [3, 4]
    left = [name for name in map(parse, alpha.segments().names()) if name]
    assert min(name.last for name in left) > ends[2]
    assert {name.last for name in left} == {last for last, _ in alpha.moments if last > ends[2]}
    alpha.live(1)
    alpha.ship()
    told = alpha.restore(point=Point(seq=ends[3]), allow_older=True)
    assert told.last_seq == ends[3]
    assert expire(alpha.home, alpha.vault, "alpha", TWO, []).paths == ()


def test_shipping_goes_on_after_all_segments_but_the_newest_went(alpha: Life) -> None:
    for _ in range(3):
        day(alpha)
    expire(alpha.home, alpha.vault, "alpha", Rule(1, 0, 0), [])
    assert len(alpha.segments().names()) == 1
    alpha.live(1)
    assert 0 < alpha.ship() < 10
    assert len({name.chain for name in map(parse, alpha.segments().names()) if name}) == 1


def test_the_last_verified_one_stays(alpha: Life) -> None:
    create_archive(alpha.home, alpha.vault, "alpha", alpha.at, progress=silent)
    for _ in range(3):
        day(alpha)
    expire(alpha.home, alpha.vault, "alpha", TWO, [])
    assert numbers(alpha) == [1, 3, 4]


def test_copies_elsewhere_go_too_and_a_folder_that_is_not_there_waits(alpha: Life, tmp_path: Path) -> None:
    usb, gone = tmp_path / "usb", tmp_path / "gone"
    usb.mkdir()
    for _ in range(4):
        alpha.at += DAY
        for name in ("alpha", FLEET):
            archive = create_archive(alpha.home, alpha.vault, name, alpha.at, progress=silent, verified=False)
            assert deliver(alpha.home, archive, BackupsPart(), (str(usb),)) == []
    for name in ("alpha", FLEET):
        expire(alpha.home, alpha.vault, name, TWO, [usb, gone])
        assert sorted(path.name[:6] for path in (usb / name).glob("*.ibk")) == ["000003", "000004"]
    assert len(list((usb / FLEET).glob("*.vault.json"))) == 2


def test_an_archive_that_cannot_be_read_keeps_all_segments(alpha: Life) -> None:
    for _ in range(4):
        day(alpha)
    before = alpha.segments().names()
    shelf_of(alpha.home, "alpha").archives()[-1].path.write_bytes(b"rubbish")
    expire(alpha.home, alpha.vault, "alpha", TWO, [])
    assert alpha.segments().names() == before


def test_it_waits_for_a_backup_that_is_being_made(alpha: Life) -> None:
    for _ in range(3):
        day(alpha)
    with shelf_of(alpha.home, "alpha").turn(), pytest.raises(TryAgain):
        expire(alpha.home, alpha.vault, "alpha", TWO, [])
    assert numbers(alpha) == [1, 2, 3]


def test_nothing_there_is_nothing_to_do(alpha: Life) -> None:
    assert expire(alpha.home, alpha.vault, "alpha", TWO, []).paths == ()
    shutil.rmtree(alpha.home.backups)
    assert expire(alpha.home, alpha.vault, "alpha", TWO, []).paths == ()
