"""A whole home back with nothing but a disk of backups and 24 words, as docs/operating.md says."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from tests.unit.cli.conftest import PASSPHRASE, Cli
from tests.unit.cli.test_vault import NEW, words_of, write_new


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))


def test_the_words_of_the_recovery_key_open_the_vault_of_a_backup(cli: Cli, folder: Path) -> None:
    words = words_of(cli("vault", "recovery-key").out)
    (folder / "words").write_text(" ".join(words), encoding="utf-8")
    (folder / "usb").mkdir()
    assert cli("backup", "create", "--all", "--to", "usb").code == 0
    before = cli("events", "alpha", "--json").json
    shutil.rmtree(folder / "home")
    (folder / "passphrase").write_text("forgotten", encoding="utf-8")

    (folder / "home").mkdir(mode=0o700)
    newest = max((folder / "usb/_fleet").glob("*.vault.json"))
    shutil.copy(newest, folder / "home/vault.json")
    recovered = cli("vault", "recover", "--words-file", "words", "--new-passphrase-file", write_new(folder))
    assert recovered.code == 0, recovered
    (folder / "passphrase").write_text(NEW, encoding="utf-8")
    done = cli("backup", "restore", "--all", "--from", "usb", "--json")
    assert done.code == 0, done
    assert [row["name"] for row in done.json] == ["alpha", "beta"]
    assert cli("events", "alpha", "--json").json == before
    assert [row["state"] for row in cli("status", "--json").json] == ["STOPPED", "STOPPED"]
    assert (folder / "home/investbot.toml").is_file()
    assert cli("doctor").code == 0
    assert PASSPHRASE not in done.out


def test_a_damaged_instance_does_not_keep_the_others_from_coming_back(cli: Cli, folder: Path) -> None:
    (folder / "usb").mkdir()
    assert cli("backup", "create", "--all", "--to", "usb").code == 0
    shutil.rmtree(folder / "home")
    (archive,) = (folder / "usb/alpha").glob("*.ibk")
    archive.write_bytes(archive.read_bytes()[:-100])
    done = cli("backup", "restore", "--all", "--from", "usb", "--json")
    lines = {row["name"]: row for row in done.json}
    assert (done.code, lines["alpha"]["exit_code"], lines["beta"]["ok"]) == (65, 65, True)
    assert str(archive) in lines["alpha"]["message"]
    assert [row["name"] for row in cli("status", "--json").json] == ["beta"]


def test_an_empty_folder_is_no_backup(cli: Cli, folder: Path) -> None:
    shutil.rmtree(folder / "home")
    (folder / "usb").mkdir()
    refused = cli("backup", "restore", "--all", "--from", "usb")
    assert (refused.code, "There is no vault below" in refused.err) == (65, True)
    assert not (folder / "home/vault.json").exists()
    (folder / "usb/_fleet").mkdir()
    (folder / "usb/_fleet/000001-20260102T030405Z.vault.json").write_text("rubbish")
    refused = cli("backup", "restore", "--all", "--from", "usb")
    assert (refused.code, refused.err.count("\n")) == (77, 1)
    assert not (folder / "home/vault.json").exists()
