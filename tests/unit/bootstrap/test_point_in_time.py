"""Archives and segments together give any moment back, and every piece that is gone or altered is named."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from investbot.adapters.storage import inspection, sqlcipher
from investbot.backup.chain import parse
from investbot.backup.restore import Point
from investbot.bootstrap.restore import Wish, restore
from investbot.bootstrap.shipping import read_state
from investbot.domain.errors import BackupError, ConfigError, DataError
from tests.unit.bootstrap.restorable import Life, home_of, silent


@pytest.fixture
def alpha(tmp_path: Path) -> Iterator[Life]:
    with home_of(tmp_path / "home", "alpha") as (life,):
        yield life


def by_steps(life: Life, count: int = 9) -> None:
    """Live on and ship after every step."""
    for _ in range(count):
        life.live(1)
        life.ship()


def sound(life: Life) -> list[str]:
    return inspection.inspect(life.folder.ledger, life.key)


def test_the_end_is_the_newest_archive_and_all_that_was_shipped_behind_it(alpha: Life) -> None:
    alpha.back_up()
    by_steps(alpha)
    alpha.live(3)
    alpha.ship()
    rows, cursor = alpha.rows(), alpha.cursor()
    shutil.rmtree(alpha.folder.path)
    told = alpha.restore()
    assert (alpha.rows(), alpha.cursor(), told.last_seq) == (rows, cursor, len(rows))
    assert sound(alpha) == []


def test_every_step_can_be_gone_back_to(alpha: Life) -> None:
    alpha.back_up()
    first = len(alpha.rows())
    by_steps(alpha)
    rows = alpha.rows()
    moments = [moment for moment in dict(alpha.moments).items() if moment[0] >= first]
    assert len(moments) > 6
    for seq, cursor in moments[::2]:
        told = alpha.restore(point=Point(seq=seq), allow_older=True)
        assert (told.last_seq, alpha.rows(), alpha.cursor()) == (seq, rows[:seq], cursor)
        assert sound(alpha) == []
    alpha.live(1)


def test_a_moment_gives_the_last_step_by_then(alpha: Life) -> None:
    alpha.back_up()
    by_steps(alpha)
    rows, steps = alpha.rows(), {seq for seq, _ in alpha.moments}
    for seq in sorted(steps)[-4:-1]:
        at = rows[seq - 1][1]
        expected = max(each for each in steps if rows[each - 1][1] <= at)
        told = alpha.preview(point=Point(at=at), allow_older=True)
        assert told.last_seq == expected
        assert alpha.preview(point=Point(at=rows[seq][1] - 1), allow_older=True).last_seq == expected
    assert alpha.preview(point=Point(at=rows[-1][1] + 10**9)).last_seq == len(rows)


def test_between_two_steps_the_one_before_is_taken(alpha: Life) -> None:
    alpha.back_up()
    while (grown := alpha.live(1)) - alpha.moments[-2][0] < 3:
        alpha.ship()
    alpha.ship()
    alpha.live(4)
    alpha.ship()
    assert alpha.preview(point=Point(seq=grown - 1), allow_older=True).last_seq == alpha.moments[-6][0]


def test_a_point_before_all_archives_is_cut_from_the_oldest(alpha: Life) -> None:
    by_steps(alpha)
    rows = alpha.rows()
    alpha.back_up()
    alpha.live(6)
    alpha.back_up()
    seq, cursor = alpha.moments[-12]
    told = alpha.restore(point=Point(seq=seq), allow_older=True)
    assert told.archive.name.startswith("000001-")
    assert (told.last_seq, alpha.rows(), alpha.cursor()) == (seq, rows[:seq], cursor)
    assert sound(alpha) == []
    with closing(sqlcipher.connect(alpha.folder.ledger, alpha.key)) as connection:
        for forbidden in (
            "DELETE FROM events",
            "UPDATE events SET at = 1",
            "INSERT INTO events VALUES (9999, 1, '', '')",
        ):
            with pytest.raises(sqlcipher.DatabaseError):
                connection.execute(forbidden)
    alpha.live(2)
    assert sound(alpha) == []


def test_points_there_are_not_are_refused(alpha: Life) -> None:
    alpha.live(1)
    alpha.back_up()
    alpha.ship()
    last = len(alpha.rows())
    for point, told in (
        (Point(seq=last + 1), f"end with event {last}, before event {last + 1}"),
        (Point(at=5), "No backup of alpha has a moment at or before 1970-01-01T00:00:00.005Z"),
        (Point(seq=1), f"at or before event 1; the first is event {last}"),
    ):
        before = alpha.files()
        with pytest.raises(DataError, match=told):
            alpha.restore(point=point, allow_older=True)
        assert alpha.files() == before


def test_a_shipped_end_is_compared_with_the_live_one(alpha: Life) -> None:
    alpha.back_up()
    by_steps(alpha, 3)
    alpha.live(4)
    with pytest.raises(ConfigError, match="add --allow-older"):
        alpha.restore()


@pytest.mark.parametrize("gone", [0, 1, 4])
def test_a_missing_segment_is_named(alpha: Life, gone: int) -> None:
    alpha.back_up()
    first = len(alpha.rows())
    alpha.ship()
    by_steps(alpha, 8)
    names = [name for name in map(parse, alpha.segments().names()) if name and name.last > first]
    missing = names[gone]
    alpha.segments().remove(str(missing))
    before = alpha.files()
    with pytest.raises(DataError, match=f"segment of alpha that begins with event {missing.first}.* is missing"):
        alpha.restore()
    assert alpha.files() == before
    told = alpha.restore(point=Point(seq=missing.first - 1), allow_older=True)
    assert told.last_seq == missing.first - 1


@pytest.mark.parametrize("seed", range(5))
def test_an_altered_segment_is_named(alpha: Life, seed: int) -> None:
    alpha.back_up()
    by_steps(alpha, 5)
    chance, before = random.Random(seed), alpha.files()
    path = alpha.segments().path / chance.choice(alpha.segments().names()[-4:])
    whole = path.read_bytes()
    place = chance.randrange(len(whole))
    flipped = whole[:place] + bytes([whole[place] ^ (1 << chance.randrange(8))]) + whole[place + 1 :]
    for spoilt in (flipped, whole[:place], whole + b"x", b""):
        path.write_bytes(spoilt)
        with pytest.raises(DataError, match=path.name):
            alpha.restore()
        assert alpha.files() == before


def test_segments_under_each_other_s_names_are_named(alpha: Life) -> None:
    alpha.back_up()
    by_steps(alpha, 6)
    one, other = (alpha.segments().path / name for name in alpha.segments().names()[-2:])
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    before = alpha.files()
    with pytest.raises(DataError, match="under another name"):
        alpha.restore()
    assert alpha.files() == before


def test_a_segment_of_another_instance_is_named(tmp_path: Path) -> None:
    with home_of(tmp_path, "alpha", "beta") as (alpha, beta):
        alpha.back_up()
        for life in (alpha, beta):
            life.ship()
        alpha.live(3)
        alpha.ship()
        theirs = beta.segments().path / beta.segments().names()[0]
        ours = alpha.segments().path / alpha.segments().names()[-1]
        shutil.copy(theirs, ours)
        with pytest.raises(DataError, match=f"{ours.name} of alpha was altered, or comes from another vault or inst"):
            alpha.restore()


def test_a_segment_of_another_run_under_the_right_name_is_named(alpha: Life, tmp_path: Path) -> None:
    """The same machine, keys, numbers and events' count, but a history that was thrown away."""
    alpha.back_up()
    alpha.ship()
    kept = tmp_path / "kept"
    shutil.copytree(alpha.home.path, kept)
    alpha.live_otherwise(3)
    alpha.ship()
    other = alpha.segments().names()[-1]
    strange = (alpha.segments().path / other).read_bytes()
    shutil.rmtree(alpha.home.path)
    shutil.copytree(kept, alpha.home.path)
    alpha.at -= 60_000
    while len(alpha.rows()) < int(other.split("-")[3][:10]):
        alpha.live_otherwise(1)
        alpha.at += 1
    alpha.ship()
    alpha.live(1)
    alpha.ship()
    assert other in alpha.segments().names()
    (alpha.segments().path / other).write_bytes(strange)
    before = alpha.files()
    with pytest.raises(DataError, match=f"does not follow {other}"):
        alpha.restore()
    assert alpha.files() == before


def test_life_goes_on_in_a_new_chain_after_a_restore(alpha: Life) -> None:
    alpha.back_up()
    by_steps(alpha)
    lost = alpha.rows()
    seq = alpha.moments[-6][0]
    alpha.restore(point=Point(seq=seq), allow_older=True)
    alpha.live_otherwise(3)
    alpha.ship()
    kept = alpha.rows()
    assert kept != lost[: len(kept)]
    shutil.rmtree(alpha.folder.path)
    assert (alpha.restore().last_seq, alpha.rows()) == (len(kept), kept)
    if len(lost) > len(kept):
        alpha.restore(point=Point(seq=len(lost)), allow_older=True)
        assert alpha.rows() == lost
    assert len({name.chain for name in map(parse, alpha.segments().names()) if name}) == 2


@pytest.mark.parametrize("further", [False, True])
def test_an_archive_of_a_history_that_was_left_is_passed_over(alpha: Life, further: bool) -> None:
    """The instance was taken back behind its newest archive and went on, less far than that or further."""
    alpha.back_up()
    alpha.ship()
    first = len(alpha.rows())
    alpha.live(6)
    alpha.back_up()
    alpha.ship()
    left = alpha.rows()
    alpha.restore(point=Point(seq=first), allow_older=True)
    alpha.live_otherwise(len(left) - first if further else 1)
    alpha.ship()
    alpha.live_otherwise(1)
    alpha.ship()
    now = alpha.rows()
    shutil.rmtree(alpha.folder.path)
    told = alpha.restore()
    assert (told.archive.name[:6], alpha.rows()) == ("000001", now)
    alpha.restore(point=Point(seq=len(left)), allow_older=True)
    assert alpha.rows() == (now if further else left)[: len(left)]


def test_segments_of_an_earlier_history_are_left_out(alpha: Life) -> None:
    """Shipping was switched off before a restore, and the newest archive is of what came after it."""
    first = alpha.back_up()
    by_steps(alpha, 8)
    alpha.restore(archive=first, allow_older=True)
    alpha.live_otherwise(3)
    alpha.back_up()
    rows = alpha.rows()
    told = alpha.restore()
    assert alpha.rows() == rows
    assert told.notes == ["the segments behind archive 2 are of an earlier history and were left out"]


def test_segments_of_an_earlier_history_do_not_count_against_a_later_archive(alpha: Life) -> None:
    first = alpha.back_up()
    by_steps(alpha, 2)
    shipped = len(alpha.rows())
    alpha.restore(archive=first, allow_older=True)
    alpha.live_otherwise(shipped)
    alpha.back_up()
    rows = alpha.rows()
    assert alpha.restore().archive.name.startswith("000002-")
    assert alpha.rows() == rows


def test_what_is_shipped_is_copied_where_it_was_missing(alpha: Life, tmp_path: Path) -> None:
    usb, disk = tmp_path / "usb", tmp_path / "disk"
    disk.mkdir()
    alpha.ship(disk)
    alpha.live(3)
    alpha.ship(disk)
    usb.mkdir()
    alpha.live(3)
    alpha.ship(usb, disk)
    names = alpha.segments().names()
    assert len(names) == 3
    for folder in (usb, disk):
        assert sorted(path.name for path in (folder / "alpha" / "segments").iterdir()) == names
    (usb / "alpha" / "segments" / names[0]).write_bytes(b"short")
    alpha.ship(usb)
    whole = alpha.segments().path / names[0]
    assert (usb / "alpha" / "segments" / names[0]).read_bytes() == whole.read_bytes()


def test_a_place_that_takes_nothing_does_not_keep_the_others_from_being_served(alpha: Life, tmp_path: Path) -> None:
    blocked, good = tmp_path / "blocked", tmp_path / "good"
    blocked.write_text("a file")
    with pytest.raises(BackupError, match="blocked"):
        alpha.ship(blocked, good)
    assert len(list((good / "alpha" / "segments").iterdir())) == 1
    assert alpha.ship(good) == 0


def test_a_state_that_was_tampered_with_is_not_believed(alpha: Life) -> None:
    alpha.ship()
    path = alpha.home.backups / "alpha" / "shipped.json"
    from investbot.bootstrap.backup import keys_of

    seal = keys_of(alpha.vault, "alpha").seals[0]
    assert read_state(path, seal) is not None
    path.write_text(path.read_text().replace('"number": 1', '"number": 7'))
    assert read_state(path, seal) is None
    path.write_text("[]")
    assert read_state(path, seal) is None
    assert alpha.ship() == len(alpha.rows())


def test_segments_are_read_from_wherever_they_are(alpha: Life, tmp_path: Path) -> None:
    usb = tmp_path / "usb"
    archive = alpha.back_up()
    alpha.ship(usb)
    alpha.live(4)
    alpha.ship(usb)
    rows = alpha.rows()
    shutil.copy(archive.path, usb / "alpha")
    shutil.rmtree(alpha.home.backups)
    shutil.rmtree(alpha.folder.path)
    restore(alpha.home, alpha.vault, Wish("alpha", (alpha.home.backups, usb)), alpha.at, "ana", silent)
    assert alpha.rows() == rows
