"""A restore brings back what was there, names what is wrong, and until then touches nothing."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from investbot.adapters.storage import inspection, secrets
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.backup.restore import Point
from investbot.bootstrap.restore import Wish, restore, standing
from investbot.config.instance import load_instance, set_values
from investbot.config.versions import history, save
from investbot.domain.errors import AlreadyExists, ConfigError, DataError, InvestBotError, TryAgain, UnknownInstance
from investbot.instance.lock import InstanceLock
from tests.unit.bootstrap.restorable import AT, Life, home_of, silent


@pytest.fixture
def alpha(tmp_path: Path) -> Iterator[Life]:
    with home_of(tmp_path / "home", "alpha") as (life,):
        yield life


def change(life: Life, *values: str) -> int:
    folder = life.folder.path
    return save(folder, set_values(load_instance(folder), values), AT, "ana", " ".join(values)).version


def sound(life: Life, name: str = "alpha") -> list[str]:
    return inspection.inspect(life.home.instance(name).ledger, life.vault.data_key(name))


def test_a_restore_brings_the_ledger_back_and_keeps_the_one_it_replaces(alpha: Life) -> None:
    before, cursor = alpha.rows(), alpha.cursor()
    alpha.back_up()
    alpha.live(5)
    newer = alpha.rows()
    with pytest.raises(ConfigError, match=r"has \d+ events and the backup only \d+; add --allow-older"):
        alpha.restore()
    assert alpha.rows() == newer
    told = alpha.restore(allow_older=True)
    assert alpha.rows() == before
    assert alpha.cursor() == cursor
    assert sound(alpha) == []
    assert told.last_seq == len(before)
    assert told.replaced is not None
    assert told.replaced.parent == alpha.folder.path / "replaced"
    assert told.replaced.name.startswith(f"{len(newer)}-2026")
    replaced = type(alpha.folder)(told.replaced)
    assert alpha.rows(replaced, alpha.key) == newer
    changed = {row["what"]: (row["now"], row["then"]) for row in told.changes}
    assert changed["last event"] == (str(len(newer)), str(len(before)))


def test_a_restored_instance_lives_on(alpha: Life) -> None:
    alpha.back_up()
    alpha.restore()
    alpha.live(3)
    assert sound(alpha) == []


def test_a_dry_run_tells_the_same_and_changes_nothing(alpha: Life) -> None:
    alpha.back_up()
    alpha.live(5)
    change(alpha, "risk.max_open_positions=2")
    before = alpha.files()
    with InstanceLock(alpha.folder.lock, "alpha"):
        told = alpha.preview()
    assert alpha.files() == before
    (note,) = told.notes
    assert "add --allow-older to go back" in note
    done = alpha.restore(allow_older=True)
    assert list(done.changes) == list(told.changes)
    assert {row["what"] for row in told.changes} >= {"last event", "at", "settings"}
    with pytest.raises(AlreadyExists):
        alpha.preview(new_name="alpha")


def test_nothing_is_restored_while_it_runs(alpha: Life) -> None:
    alpha.back_up()
    with InstanceLock(alpha.folder.lock, "alpha"):
        before = alpha.files()
        with pytest.raises(TryAgain, match="alpha is already running"):
            alpha.restore()
    assert alpha.files() == before


def test_settings_come_back_as_a_new_version(alpha: Life) -> None:
    alpha.back_up()
    assert change(alpha, "risk.max_open_positions=3") == 2
    told = alpha.restore()
    now = load_instance(alpha.folder.path)
    assert (now.version, now.risk.max_open_positions) == (3, 1)
    versions = history(alpha.folder.path)
    assert [each.number for each in versions if each.intact] == [1, 2, 3]
    assert versions[-1].by == "ana"
    assert versions[-1].why.startswith("restored from archive 1 of alpha")
    assert {"what": "settings", "now": "version 2", "then": "version 3"} in told.changes


def test_settings_that_are_the_same_stay_as_they_are(alpha: Life) -> None:
    alpha.back_up()
    before = alpha.folder.settings.read_bytes()
    alpha.restore()
    assert alpha.folder.settings.read_bytes() == before
    assert [each.number for each in history(alpha.folder.path)] == [1]


def test_settings_that_were_spoilt_are_replaced(alpha: Life) -> None:
    alpha.back_up()
    alpha.folder.settings.write_text("rubbish = [")
    alpha.restore()
    assert load_instance(alpha.folder.path).version == 2


def test_keys_stay_those_that_are_set_now(alpha: Life) -> None:
    alpha.back_up()
    secrets.set_secrets(alpha.folder.ledger, alpha.key, {"apiKey": "newer", "secret": "too"}, at=2)
    alpha.restore()
    assert secrets.get_secrets(alpha.folder.ledger, alpha.key) == {"apiKey": "newer", "secret": "too"}
    secrets.forget_secrets(alpha.folder.ledger, alpha.key)
    alpha.restore()
    assert secrets.get_secrets(alpha.folder.ledger, alpha.key) == {}


def test_a_ledger_that_cannot_be_read_any_more_is_replaced_with_its_keys(alpha: Life) -> None:
    before = alpha.rows()
    alpha.back_up()
    alpha.live(3)
    alpha.folder.ledger.write_bytes(random.Random(1).randbytes(50_000))
    told = alpha.restore()
    assert alpha.rows() == before
    assert secrets.get_secrets(alpha.folder.ledger, alpha.key) == {"apiKey": "canary-alpha"}
    assert any("the live ledger cannot be read" in note for note in told.notes)
    assert {row["now"] for row in told.changes} == {None}


def test_a_stale_log_never_meets_the_restored_ledger(alpha: Life) -> None:
    before = alpha.rows()
    alpha.back_up()
    alpha.folder.ledger.with_name("ledger.db-wal").write_bytes(random.Random(2).randbytes(9000))
    told = alpha.restore()
    assert alpha.rows() == before
    assert sound(alpha) == []
    assert told.replaced is not None


def test_another_instance_is_made_beside_without_keys(alpha: Life) -> None:
    before = alpha.rows()
    alpha.back_up()
    files = alpha.files()
    told = alpha.restore(new_name="beta")
    assert {name: data for name, data in alpha.files().items() if not name.startswith("beta/")} == files
    beta, key = alpha.home.existing("beta"), alpha.vault.data_key("beta")
    assert key != alpha.key
    assert alpha.rows(beta, key) == before
    assert secrets.get_secrets(beta.ledger, key) == {}
    config = load_instance(beta.path)
    assert (config.name, config.version) == ("beta", 2)
    assert sound(alpha, "beta") == []
    assert told.replaced is None
    with closing(SqlcipherReader.open(beta.ledger, key)) as reader:
        assert reader.snapshot()["instance"] == "beta"
    with pytest.raises(AlreadyExists, match="instance 'beta' already"):
        alpha.restore(new_name="beta")


def test_what_a_killed_command_left_of_a_new_name_is_cleared_up(alpha: Life) -> None:
    alpha.back_up()
    alpha.vault.add("beta")
    left = alpha.home.instances / ".beta.new"
    left.mkdir()
    (left / "ledger.db").write_text("half")
    alpha.restore(new_name="beta")
    assert not left.exists()
    assert sound(alpha, "beta") == []


def test_keys_go_with_it_only_where_nothing_is_held(tmp_path: Path) -> None:
    with home_of(tmp_path, "alpha", batches=1) as (alpha,):
        alpha.back_up()
        alpha.restore(new_name="beta", with_keys=True)
        found = secrets.get_secrets(alpha.home.instance("beta").ledger, alpha.vault.data_key("beta"))
        assert found == {"apiKey": "canary-alpha"}
        alpha.live(40)
        now = standing(alpha.folder.path, alpha.key)
        assert now.positions or now.orders
        alpha.back_up()
        with pytest.raises(ConfigError, match="two instances of one account would both sell it"):
            alpha.restore(new_name="gamma", with_keys=True)
        assert alpha.home.names() == ["alpha", "beta"]
        assert alpha.vault.names() == ("alpha", "beta")


def test_an_instance_that_the_fleet_cannot_pay_for_is_refused(alpha: Life) -> None:
    alpha.back_up()
    text = alpha.home.settings.read_text().replace("[fleet]\n", "[fleet]\ncapital = 900\n")
    alpha.home.settings.write_text(text)
    with pytest.raises(ConfigError, match="beta cannot have 500"):
        alpha.restore(new_name="beta")
    assert alpha.home.names() == ["alpha"]
    assert alpha.vault.names() == ("alpha",)


def test_a_removed_instance_comes_back_under_a_new_key(alpha: Life) -> None:
    before, key = alpha.rows(), alpha.key
    alpha.back_up()
    shutil.rmtree(alpha.folder.path)
    alpha.vault.forget("alpha")
    told = alpha.restore()
    assert alpha.rows() == before
    assert alpha.key != key
    assert (told.replaced, [row["now"] for row in told.changes][:1]) == (None, [None])
    assert load_instance(alpha.folder.path).version == 1


def test_a_named_archive_stands_for_itself(alpha: Life) -> None:
    first = alpha.back_up()
    before = alpha.rows()
    alpha.live(4)
    alpha.ship()
    alpha.back_up()
    alpha.restore(archive=first, allow_older=True)
    assert alpha.rows() == before


def test_without_archives_it_says_so(alpha: Life) -> None:
    before = alpha.files()
    with pytest.raises(DataError, match="There is no archive of alpha"):
        alpha.restore()
    assert alpha.files() == before
    wish = Wish("nobody", (alpha.home.backups,))
    with pytest.raises(DataError, match="There is no archive of nobody"):
        restore(alpha.home, alpha.vault, wish, AT, "ana", silent)
    assert alpha.home.names() == ["alpha"]
    assert alpha.vault.names() == ("alpha",)
    with pytest.raises(UnknownInstance):
        alpha.home.existing("nobody")


def test_another_instance_s_archive_is_refused(tmp_path: Path) -> None:
    with home_of(tmp_path, "alpha", "beta") as (alpha, beta):
        stranger = beta.back_up()
        (alpha.home.backups / "alpha").mkdir()
        shutil.copy(stranger.path, alpha.home.backups / "alpha" / stranger.path.name)
        before = alpha.files()
        with pytest.raises(DataError, match="it does not come from this vault, or is another instance's"):
            alpha.restore()
        assert alpha.files() == before


def test_another_vault_s_archive_is_refused(tmp_path: Path) -> None:
    with home_of(tmp_path / "one", "alpha") as (one,), home_of(tmp_path / "two", "alpha") as (two,):
        one.back_up()
        before = two.files()
        with pytest.raises(DataError, match="it is sealed for another vault or identity"):
            restore(two.home, two.vault, Wish("alpha", (one.home.backups,)), AT, "ana", silent)
        assert two.files() == before


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_archive_changes_nothing(alpha: Life, seed: int) -> None:
    archive = alpha.back_up().path
    whole, before, chance = archive.read_bytes(), alpha.files(), random.Random(seed)
    place = chance.randrange(len(whole))
    for spoilt in (
        whole[:place],
        whole[:place] + bytes([whole[place] ^ (1 << chance.randrange(8))]) + whole[place + 1 :],
        whole + b"x",
    ):
        archive.write_bytes(spoilt)
        with pytest.raises(InvestBotError) as told:
            alpha.restore()
        assert str(archive) in str(told.value)
        assert str(told.value).count("\n") == 0
        assert alpha.files() == before


def test_a_full_disk_changes_nothing(small_disk: Path) -> None:
    with home_of(small_disk / "home", "alpha", batches=30) as (alpha,):
        alpha.back_up()
        before = alpha.files()
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 14))
            except OSError:
                pass
        with pytest.raises(InvestBotError, match=r"(No space left on device|disk is full)"):
            alpha.restore()
        filler.unlink()
        assert alpha.files() == before
        assert alpha.restore().last_seq == len(alpha.rows())


def test_a_point_names_what_it_wants() -> None:
    assert str(Point()) == "the end"
    assert str(Point(seq=7)) == "event 7"
    assert str(Point(at=AT)) == "2026-01-01T00:00:00Z"
