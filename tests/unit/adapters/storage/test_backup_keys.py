"""The keys of backups: made once, the same for all who ask, bound to one instance, kept through rotations."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from investbot.adapters.storage.backup_keys import (
    IDENTITY,
    SEAL,
    backup_identities,
    backup_identity,
    earlier,
    seal_key,
    seal_keys,
)
from investbot.adapters.storage.vault import OpenVault, Vault
from tests.unit.adapters.storage.samples import FAST

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def vault(tmp_path: Path) -> OpenVault:
    return Vault.create(tmp_path / "vault.json", PASSPHRASE, FAST)


def test_the_identity_is_made_at_first_use_and_stays(vault: OpenVault, tmp_path: Path) -> None:
    assert backup_identities(vault) == ()
    assert backup_identity(vault, lambda: "AGE-SECRET-KEY-1FIRST") == "AGE-SECRET-KEY-1FIRST"
    again = Vault.unlock(tmp_path / "vault.json", PASSPHRASE)
    assert backup_identity(again, lambda: "AGE-SECRET-KEY-1OTHER") == "AGE-SECRET-KEY-1FIRST"
    assert "FIRST" not in (tmp_path / "vault.json").read_text()


def test_all_who_ask_first_at_once_get_the_same(tmp_path: Path, vault: OpenVault) -> None:
    found: list[str] = []
    opened = [Vault.unlock(tmp_path / "vault.json", PASSPHRASE) for _ in range(6)]

    def ask(number: int) -> None:
        found.append(backup_identity(opened[number], lambda: f"AGE-SECRET-KEY-1{number}"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(found)) == 1
    assert len(found) == 6


def test_each_instance_has_a_seal_key_of_its_own(vault: OpenVault) -> None:
    keys = {name: seal_key(vault, name) for name in ("alpha", "beta", "_fleet")}
    assert {len(key) for key in keys.values()} == {32}
    assert len(set(keys.values())) == 3
    assert seal_keys(vault, "alpha") == (keys["alpha"],)
    assert vault.secret_get(SEAL) != keys["alpha"].hex()


def test_seal_keys_outlive_the_data_key(vault: OpenVault) -> None:
    vault.add("alpha")
    before = seal_key(vault, "alpha")
    vault.forget("alpha")
    vault.add("alpha")
    assert seal_key(vault, "alpha") == before


def test_earlier_keys_come_after_the_present_one_newest_first(vault: OpenVault) -> None:
    for name, value in ((f"{IDENTITY}/2", "b"), (f"{IDENTITY}/10", "a"), (f"{IDENTITY}/1", "c"), (IDENTITY, "now")):
        vault.secret_set(name, value)
    vault.secret_set("discord/1", "x")
    assert backup_identities(vault) == ("now", "a", "b", "c")
    assert earlier(vault.secret_names(), SEAL) == []
