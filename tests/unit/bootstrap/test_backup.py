"""Archives of a home: made of running and stopped instances, verified, delivered, and told from others."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tarfile import open as open_tar

import pyrage
import pytest
import zstandard

from investbot.adapters.backups.shelf import archive_at
from investbot.adapters.storage.backup_keys import backup_identity
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.vault import OpenVault
from investbot.bootstrap import backup
from investbot.bootstrap.home import Home
from investbot.config.backups import BackupsPart
from investbot.domain.errors import BackupError, DataError, LedgerError, TryAgain, UnknownInstance
from investbot.ports.backups import FLEET, Archive
from tests.unit.adapters.storage.samples import Story
from tests.unit.backup.homes import AT, fleet, silent


def made(home: Home, vault: OpenVault, name: str = "alpha", at: int = AT, *, verified: bool = True) -> Archive:
    return backup.create_archive(home, vault, name, at, progress=silent, verified=verified)


def members(archive: Archive, vault: OpenVault) -> dict[str, bytes]:
    """Open an archive with age, zstd and tar alone."""
    identity = pyrage.x25519.Identity.from_str(backup_identity(vault, lambda: ""))
    plain = pyrage.decrypt(archive.path.read_bytes(), [identity])
    data = BytesIO(zstandard.ZstdDecompressor().decompressobj().decompress(plain))
    with open_tar(fileobj=data) as tar:
        found = {}
        for name in tar.getnames():
            opened = tar.extractfile(name)
            assert opened is not None
            found[name] = opened.read()
        return found


def test_an_archive_holds_ledger_settings_and_history(tmp_path: Path) -> None:
    with fleet(tmp_path, "alpha", "beta") as (home, vault):
        archive = made(home, vault)
        assert archive.path == home.backups / "alpha/000001-20260101T000000Z.ibk"
        assert archive.path.stat().st_mode & 0o777 == 0o600
        assert archive.path.parent.stat().st_mode & 0o777 == 0o700
        found = members(archive, vault)
    assert list(found) == [
        "manifest.json",
        "ledger.sqlite",
        "instance.toml",
        "versions/0001.toml",
        "versions/0002.toml",
    ]
    said = json.loads(found["manifest.json"])
    assert (said["format"], said["instance"], said["number"], said["created_at"]) == (1, "alpha", 1, AT)
    plain = tmp_path / "plain.sqlite"
    plain.write_bytes(found["ledger.sqlite"])
    with closing(sqlite3.connect(plain)) as connection:
        assert connection.execute("SELECT value FROM secrets").fetchall() == [("canary-alpha",)]
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (said["rows"]["events"],)
        assert connection.execute("SELECT cash FROM snapshot").fetchone() == (said["sums"]["cash"],)


def test_the_archive_of_the_fleet_has_its_vault_beside_it(tmp_path: Path) -> None:
    with fleet(tmp_path, "alpha") as (home, vault):
        home.run.journal.write_text("{}", encoding="utf-8")
        archive = made(home, vault, FLEET)
        found = members(archive, vault)
        names = ["manifest.json", "investbot.toml", "vault.json", "profiles/example.toml", "supervisor.json"]
        assert list(found) == names
        beside = home.backups / "_fleet/000001-20260101T000000Z.vault.json"
        assert beside.read_bytes() == found["vault.json"] == home.vault.read_bytes()
        assert b"backup-identity" in beside.read_bytes()
        assert backup.verify_archive(home, vault, archive, AT + 1, silent).rows == {}


def test_numbers_rise_whatever_the_clock_says(tmp_path: Path) -> None:
    with fleet(tmp_path, "alpha") as (home, vault):
        numbers = [made(home, vault, at=at, verified=False).number for at in (AT, AT - 10**9, AT)]
        shelf = backup.shelf_of(home, "alpha")
        assert numbers == [archive.number for archive in shelf.archives()] == [1, 2, 3]
        for archive in shelf.archives()[1:]:
            archive.path.unlink()
        assert made(home, vault, verified=False).number == 4


def test_what_was_verified_is_remembered(tmp_path: Path) -> None:
    with fleet(tmp_path, "alpha") as (home, vault):
        shelf = backup.shelf_of(home, "alpha")
        first, second = made(home, vault), made(home, vault, verified=False)
        assert [(name, mark.at) for name, mark in shelf.verified().items()] == [(first.path.name, AT)]
        backup.verify_archive(home, vault, second, AT + 7, silent)
        assert shelf.verified()[second.path.name].at == AT + 7
        first.path.unlink()
        assert list(shelf.verified()) == [second.path.name]


def test_a_backup_beside_a_busy_writer_is_one_moment(tmp_path: Path) -> None:
    with fleet(tmp_path, "alpha") as (home, vault):
        instance, stop = home.instance("alpha"), threading.Event()
        begun = threading.Event()

        def write() -> None:
            story = Story(99, plans=1000, signals=1000)
            with closing(SqlcipherLedger.open(instance.ledger, vault.data_key("alpha"))) as ledger:
                while not stop.is_set():
                    ledger.append([story.signal("BTC/USDT")], None)
                    begun.set()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            assert begun.wait(60)
            seqs = [backup.verify_archive(home, vault, made(home, vault), AT, silent).last_seq for _ in range(3)]
        finally:
            stop.set()
            writer.join()
        assert seqs == sorted(set(seqs))


def test_two_backups_at_once_are_one_too_many(tmp_path: Path) -> None:
    with fleet(tmp_path, "alpha", "beta") as (home, vault):
        with backup.shelf_of(home, "alpha").turn(), pytest.raises(TryAgain, match="on the backups of alpha"):
            made(home, vault)
        with backup.shelf_of(home, "alpha").turn():
            assert made(home, vault, "beta").number == 1
        assert made(home, vault).number == 1


def test_nobody_and_a_damaged_ledger_have_no_archive(tmp_path: Path) -> None:
    with fleet(tmp_path, "alpha") as (home, vault):
        with pytest.raises(UnknownInstance, match="no instance 'gamma'"):
            made(home, vault, "gamma")
        kept = made(home, vault)
        raw = bytearray(home.instance("alpha").ledger.read_bytes())
        raw[len(raw) // 2] ^= 1
        home.instance("alpha").ledger.write_bytes(raw)
        with pytest.raises((LedgerError, DataError)):
            made(home, vault)
        assert backup.shelf_of(home, "alpha").archives() == [kept]


def test_an_empty_copy_is_no_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What a killed copy leaves opens as an empty database and passes both integrity checks.
    from investbot.adapters.storage import snapshot

    with fleet(tmp_path, "alpha") as (home, vault):
        real = snapshot.account
        monkeypatch.setattr(snapshot, "account", lambda connection: replace(real(connection), last_seq=0))
        with pytest.raises(BackupError, match="does not hold what the ledger does"):
            made(home, vault)
        assert backup.shelf_of(home, "alpha").archives() == []


def test_copies_go_wherever_they_are_wanted_and_failures_are_told(tmp_path: Path) -> None:
    with fleet(tmp_path / "home", "alpha") as (home, vault):
        usb, log = tmp_path / "usb", tmp_path / "log"
        usb.mkdir()
        script = tmp_path / "after.sh"
        script.write_text(f'#!/bin/sh\necho "$1 $2" >> {log}\n', encoding="utf-8")
        script.chmod(0o700)
        settings = BackupsPart.model_validate({"to": [str(usb)], "after": [str(script), "word"]})
        archives = [made(home, vault, name) for name in ("alpha", FLEET)]
        assert [backup.deliver(home, archive, settings, (str(usb),)) for archive in archives] == [[], []]
        found = sorted(str(path.relative_to(usb)) for path in usb.rglob("*") if path.is_file())
        stem = "000001-20260101T000000Z"
        assert found == [f"_fleet/{stem}.ibk", f"_fleet/{stem}.vault.json", f"alpha/{stem}.ibk"]
        assert (usb / found[2]).read_bytes() == archives[0].path.read_bytes()
        assert log.read_text().splitlines() == [
            f"word {path}" for path in (archives[0].path, archives[1].path.with_suffix(".vault.json"), archives[1].path)
        ]
        elsewhere = archive_at(usb / found[2], "alpha")
        assert backup.verify_archive(home, vault, elsewhere, AT, silent).instance == "alpha"
        failing = BackupsPart.model_validate({"after": ["/bin/sh", "-c", "echo no line >&2; exit 3"]})
        told = backup.deliver(home, archives[0], failing, (str(tmp_path / "nowhere"), str(usb)))
        assert told == [
            f"There is no folder {tmp_path}/nowhere; make it, or mount what it is on.",
            f"The command /bin/sh failed with code 3: no line; {stem}.ibk is kept here.",
        ]


def test_strangers_are_refused_with_a_sentence(tmp_path: Path) -> None:
    with fleet(tmp_path / "home", "alpha", "beta") as (home, vault), fleet(tmp_path / "other", "alpha") as (_, strange):
        archive = made(home, vault)
        folder = home.backups / "beta"
        folder.mkdir()
        moved = folder / archive.path.name
        moved.write_bytes(archive.path.read_bytes())
        with pytest.raises(DataError, match="another instance's"):
            backup.verify_archive(home, vault, archive_at(moved, "beta"), AT, silent)
        renamed = archive.path.with_name("000002-20260101T000000Z.ibk")
        renamed.write_bytes(archive.path.read_bytes())
        with pytest.raises(DataError, match="renamed; it is number 1"):
            backup.verify_archive(home, vault, archive_at(renamed, "alpha"), AT, silent)
        with pytest.raises(DataError, match="sealed for another vault"):
            backup.verify_archive(home, strange, archive, AT, silent)
        assert list(backup.shelf_of(home, "alpha").verified()) == [archive.path.name]


def test_the_exported_identity_opens_archives(tmp_path: Path) -> None:
    with fleet(tmp_path, "alpha") as (home, vault):
        archive = made(home, vault)
        text = backup.export_identities(vault)
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        assert pyrage.decrypt(archive.path.read_bytes(), [pyrage.x25519.Identity.from_str(lines[0])])
        assert "# public key: age1" in text
