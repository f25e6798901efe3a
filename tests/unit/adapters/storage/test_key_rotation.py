"""A new data key for a ledger: by copy, check, rename; and what is found when that was cut off."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from investbot.adapters.storage import copies, key_rotation, sqlcipher
from investbot.adapters.storage.key_rotation import opens, pending, rotate, settle
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.adapters.storage.secrets import get_secrets, set_secrets
from investbot.adapters.storage.vault import OpenVault, Vault
from investbot.adapters.storage.vault_ways import renew
from investbot.domain.errors import LedgerError, VaultError
from tests.unit.adapters.storage.samples import FAST, Story

PASSPHRASE = "correct horse battery staple"


class Place:
    """A vault and one instance's ledger with a story in it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "vault.json"
        self.ledger = folder / "ledger.db"
        self.vault = Vault.create(self.path, PASSPHRASE, FAST)
        key = self.vault.add("alpha")
        with closing(SqlcipherLedger.create(self.ledger, key, instance="alpha")) as ledger:
            ledger.append([event for events, _ in Story(7).batches(20) for event in events], None)
        set_secrets(self.ledger, key, {"apiKey": "canary"}, 1)
        self.story = self.told(key)

    def told(self, key: bytes) -> list[object]:
        with closing(SqlcipherReader.open(self.ledger, key)) as reader:
            return [(row.seq, row.event) for row in reader.events()]

    def unlocked(self) -> OpenVault:
        return Vault.unlock(self.path, PASSPHRASE)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.vault.close()


def test_a_rotated_ledger_tells_the_same_under_another_key(place: Place) -> None:
    old = place.vault.data_key("alpha")
    report = rotate(place.vault, "alpha", place.ledger)
    new = place.unlocked().data_key("alpha")
    assert new != old
    assert place.vault.data_key("alpha") == new
    assert place.told(new) == place.story
    assert report.last_seq == len(place.story)
    assert get_secrets(place.ledger, new) == {"apiKey": "canary"}
    assert not opens(place.ledger, old)
    assert pending(place.path) == ()
    assert place.ledger.stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in place.ledger.parent.iterdir()) == [
        "ledger.db",
        "vault.json",
        "vault.json.lock",
    ]


def test_the_rotated_ledger_goes_on(place: Place) -> None:
    rotate(place.vault, "alpha", place.ledger)
    with closing(SqlcipherLedger.open(place.ledger, place.vault.data_key("alpha"))) as ledger:
        events, cursor = next(iter(Story(9).batches(1)))
        ledger.append(events, cursor)
    assert len(place.told(place.vault.data_key("alpha"))) == len(place.story) + len(events)


def test_rows_that_only_the_log_holds_are_rotated_too(place: Place) -> None:
    key = place.vault.data_key("alpha")
    set_secrets(place.ledger, key, {"secret": "late"}, 2)
    rotate(place.vault, "alpha", place.ledger)
    assert get_secrets(place.ledger, place.vault.data_key("alpha")) == {"apiKey": "canary", "secret": "late"}


def test_older_copies_beside_it_follow(place: Place) -> None:
    old = place.vault.data_key("alpha")
    kept = place.ledger.with_name("ledger.db.v3.copy")
    copies.copy_verified(place.ledger, old, kept)
    stranger = place.ledger.with_name("ledger.db.v2.copy")
    stranger.write_bytes(b"no ledger")
    rotate(place.vault, "alpha", place.ledger)
    assert opens(kept, place.vault.data_key("alpha"))
    assert not opens(kept, old)
    assert stranger.read_bytes() == b"no ledger"


def test_what_a_restore_has_replaced_follows_with_its_log(place: Place) -> None:
    old = place.vault.data_key("alpha")
    kept = place.ledger.parent / "replaced/000003-x/ledger.db"
    kept.parent.mkdir(parents=True)
    with closing(sqlcipher.connect(place.ledger, old)) as open_still:
        open_still.execute("INSERT INTO secrets VALUES ('late', 'in the log', 3)")
        for name in ("ledger.db", "ledger.db-wal"):
            shutil.copy2(place.ledger.with_name(name), kept.with_name(name))
    assert kept.with_name("ledger.db-wal").stat().st_size > 0
    rotate(place.vault, "alpha", place.ledger)
    new = place.vault.data_key("alpha")
    assert not opens(kept, old)
    assert get_secrets(kept, new) == {"apiKey": "canary", "late": "in the log"}


def test_a_kept_file_that_cannot_follow_keeps_both_keys(place: Place) -> None:
    old = place.vault.data_key("alpha")
    kept = place.ledger.with_name("ledger.db.v3.copy")
    copies.copy_verified(place.ledger, old, kept)
    damaged = bytearray(kept.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    kept.write_bytes(damaged)
    for _ in range(2):
        with pytest.raises(LedgerError, match=r"ledger\.db\.v3\.copy cannot follow .* move it away"):
            rotate(place.vault, "alpha", place.ledger)
        vault = place.unlocked()
        assert place.told(vault.data_key("alpha")) == place.story
        assert vault.data_key("alpha") != old
        assert vault.data_key("alpha", upcoming=True) == old
        assert pending(place.path) == ("alpha",)
    kept.rename(place.ledger.with_name("elsewhere"))
    assert settle(place.vault, "alpha", place.ledger)
    assert pending(place.path) == ()
    assert place.told(place.vault.data_key("alpha")) == place.story


@pytest.mark.parametrize("read_only", [True, False])
def test_a_ledger_that_somebody_has_open_is_left_alone(
    place: Place, read_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(key_rotation, "time", SimpleNamespace(sleep=waited.append))
    key = place.vault.data_key("alpha")
    before = place.path.read_bytes()
    with closing(sqlcipher.connect(place.ledger, key, read_only=read_only)) as other:
        other.execute("SELECT count(*) FROM events").fetchone()
        with pytest.raises(LedgerError, match="held by another process"):
            rotate(place.vault, "alpha", place.ledger)
    assert 4 < sum(waited) < 6
    assert place.path.read_bytes() == before
    assert place.told(key) == place.story


def test_whoever_only_looks_is_waited_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    key = place.vault.data_key("alpha")
    other = sqlcipher.connect(place.ledger, key, read_only=True)
    other.execute("SELECT count(*) FROM events").fetchone()
    monkeypatch.setattr(key_rotation, "time", SimpleNamespace(sleep=lambda _: other.close()))
    rotate(place.vault, "alpha", place.ledger)
    assert place.told(place.vault.data_key("alpha")) == place.story


def test_who_wants_to_write_meanwhile_is_refused_and_loses_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, real = place.vault.data_key("alpha"), copies.copy_verified
    monkeypatch.setattr(sqlcipher, "BUSY_SECONDS", 0.05)

    def busy(*given: object, **named: object) -> object:
        with pytest.raises(LedgerError, match="held by another process"):
            set_secrets(place.ledger, old, {"secret": "lost?"}, 2)
        return real(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(key_rotation, "copy_verified", busy)
    rotate(place.vault, "alpha", place.ledger)
    assert get_secrets(place.ledger, place.vault.data_key("alpha")) == {"apiKey": "canary"}


def test_a_copy_that_fails_leaves_key_and_ledger_as_they_were(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    old = place.vault.data_key("alpha")

    def full(*_: object) -> None:
        raise LedgerError("The disk is full.")

    monkeypatch.setattr(copies, "_settle", full)
    with pytest.raises(LedgerError, match="disk is full"):
        rotate(place.vault, "alpha", place.ledger)
    assert place.unlocked().data_key("alpha") == old
    assert pending(place.path) == ()
    assert place.told(old) == place.story


def test_a_copy_that_differs_is_thrown_away(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    old, real, seen = place.vault.data_key("alpha"), copies._report, []

    def other(*given: object) -> copies.CopyReport:
        report = real(*given)  # type: ignore[arg-type]
        seen.append(report)
        return report if len(seen) == 1 else copies.CopyReport(report.path, report.schema, report.rows, 0, "x")

    monkeypatch.setattr(copies, "_report", other)
    with pytest.raises(LedgerError, match="differs"):
        rotate(place.vault, "alpha", place.ledger)
    assert place.told(old) == place.story
    assert place.vault.data_key("alpha") == old


def test_begun_and_not_copied_goes_backwards(place: Place) -> None:
    old = place.vault.data_key("alpha")
    key_rotation._begin(place.vault, "alpha")
    place.ledger.with_name("ledger.db.part").write_bytes(b"half a copy")
    assert pending(place.path) == ("alpha",)
    assert settle(place.unlocked(), "alpha", place.ledger)
    place.vault.reload()
    assert place.vault.data_key("alpha") == old
    assert pending(place.path) == ()
    assert not place.ledger.with_name("ledger.db.part").exists()
    assert not settle(place.vault, "alpha", place.ledger)
    assert place.told(old) == place.story


def test_copied_and_not_written_down_goes_forwards(place: Place) -> None:
    old = place.vault.data_key("alpha")
    kept = place.ledger.with_name("ledger.db.v3.copy")
    copies.copy_verified(place.ledger, old, kept)
    key_rotation._begin(place.vault, "alpha")
    upcoming = place.vault.data_key("alpha", upcoming=True)
    copies.copy_verified(place.ledger, old, place.ledger, new_key=upcoming, replace=True)
    assert settle(place.unlocked(), "alpha", place.ledger)
    assert place.unlocked().data_key("alpha") == upcoming
    assert place.told(upcoming) == place.story
    assert opens(kept, upcoming)


@pytest.mark.parametrize("copied", [True, False])
def test_a_begun_rotation_is_ended_before_another_begins(place: Place, copied: bool) -> None:
    key_rotation._begin(place.vault, "alpha")
    if copied:
        new_key = place.vault.data_key("alpha", upcoming=True)
        old = place.vault.data_key("alpha")
        copies.copy_verified(place.ledger, old, place.ledger, new_key=new_key, replace=True)
    rotate(place.vault, "alpha", place.ledger)
    assert place.told(place.unlocked().data_key("alpha")) == place.story
    assert pending(place.path) == ()


def test_a_begun_rotation_outlives_a_renewal_of_all_keys(place: Place) -> None:
    key_rotation._begin(place.vault, "alpha")
    upcoming = place.vault.data_key("alpha", upcoming=True)
    copies.copy_verified(place.ledger, place.vault.data_key("alpha"), place.ledger, new_key=upcoming, replace=True)
    renew(place.vault, "another passphrase", FAST)
    assert settle(Vault.unlock(place.path, "another passphrase"), "alpha", place.ledger)
    place.vault.reload()
    assert place.vault.data_key("alpha") == upcoming


def test_a_ledger_that_opens_under_neither_key_keeps_both(place: Place, tmp_path: Path) -> None:
    key_rotation._begin(place.vault, "alpha")
    before = place.path.read_bytes()
    whole = tmp_path / "whole"
    shutil.copy2(place.ledger, whole)
    place.ledger.write_bytes(b"\0" * 8192)
    with pytest.raises(LedgerError, match="under neither of its keys"):
        settle(place.vault, "alpha", place.ledger)
    assert place.path.read_bytes() == before
    shutil.copy2(whole, place.ledger)
    assert settle(place.vault, "alpha", place.ledger)
    assert place.told(place.vault.data_key("alpha")) == place.story


def test_there_is_no_next_key_without_a_rotation(place: Place) -> None:
    with pytest.raises(VaultError, match="no next key for the instance 'alpha'"):
        place.vault.data_key("alpha", upcoming=True)
    with pytest.raises(VaultError, match="no key for the instance 'beta'"):
        rotate(place.vault, "beta", place.ledger)
