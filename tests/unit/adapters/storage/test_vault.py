"""The vault: who can open it, what is in it for others, and writes that never leave half a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from investbot.adapters.storage import vault_sealing
from investbot.adapters.storage.vault import OpenVault, Vault
from investbot.adapters.storage.vault_file import KdfCost
from investbot.domain.errors import AlreadyExists, VaultError
from tests.unit.adapters.storage.samples import FAST

PASSPHRASE = "correct horse battery staple"
REPOSITORY = Path(__file__).parents[4]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vault.json"


@pytest.fixture
def vault(path: Path) -> OpenVault:
    return Vault.create(path, PASSPHRASE, FAST)


def test_the_real_cost_is_64_mib_three_passes_four_lanes(path: Path) -> None:
    Vault.create(path, PASSPHRASE).add("alpha")
    kdf = json.loads(path.read_text())["kdf"]
    assert {name: kdf[name] for name in ("name", "memory_kib", "iterations", "lanes")} == {
        "name": "argon2id",
        "memory_kib": 65536,
        "iterations": 3,
        "lanes": 4,
    }
    assert Vault.unlock(path, PASSPHRASE).names() == ("alpha",)


def test_keys_are_random_and_the_same_after_unlocking(path: Path, vault: OpenVault) -> None:
    keys = {name: vault.add(name) for name in ("beta", "alpha")}
    assert {len(key) for key in keys.values()} == {32}
    assert len(set(keys.values())) == 2
    again = Vault.unlock(path, PASSPHRASE)
    assert again.names() == ("alpha", "beta")
    assert {name: again.data_key(name) for name in again.names()} == keys


def test_a_passphrase_typed_in_another_unicode_form_is_the_same(path: Path) -> None:
    Vault.create(path, "gru\u0308\u00dfe", FAST)
    assert Vault.unlock(path, "gr\u00fc\u00dfe").names() == ()


@pytest.mark.parametrize("wrong", ["", "correct horse battery stapl", "correct horse battery staple "])
def test_a_wrong_passphrase_gets_one_sentence(path: Path, vault: OpenVault, wrong: str) -> None:
    with pytest.raises(VaultError) as caught:
        Vault.unlock(path, wrong)
    assert str(caught.value) == "The passphrase does not open this vault."
    assert caught.value.exit_code == 77


def test_an_empty_passphrase_makes_no_vault(path: Path) -> None:
    with pytest.raises(VaultError, match="at least one character"):
        Vault.create(path, "", FAST)
    assert not path.exists()


def test_a_vault_is_never_overwritten(path: Path, vault: OpenVault) -> None:
    before = path.read_bytes()
    with pytest.raises(AlreadyExists):
        Vault.create(path, "another", FAST)
    assert path.read_bytes() == before


def test_a_missing_vault_names_the_command(path: Path) -> None:
    with pytest.raises(VaultError, match="investbot init"):
        Vault.unlock(path, PASSPHRASE)
    with pytest.raises(VaultError, match="cannot be locked"):
        Vault.create(path / "nowhere" / "vault.json", PASSPHRASE, FAST)


def test_an_instance_has_one_key_until_it_is_forgotten(vault: OpenVault) -> None:
    first = vault.add("alpha")
    with pytest.raises(AlreadyExists, match="'alpha' already"):
        vault.add("alpha")
    assert vault.data_key("alpha") == first
    vault.forget("alpha")
    vault.forget("alpha")
    with pytest.raises(VaultError, match="no key for the instance 'alpha'"):
        vault.data_key("alpha")
    assert vault.add("alpha") != first


def test_secrets_of_the_fleet_are_sealed(path: Path, vault: OpenVault) -> None:
    vault.secret_set("discord", "https://example.test/canary-one")
    vault.secret_set("discord", "https://example.test/canary-two")
    again = Vault.unlock(path, PASSPHRASE)
    assert again.secret_names() == ("discord",)
    assert again.secret_get("discord") == "https://example.test/canary-two"
    assert again.secret_get("email") is None
    again.secret_forget("discord")
    again.secret_forget("discord")
    assert again.secret_names() == ()


def test_nothing_secret_is_in_the_file_or_in_any_words(path: Path, vault: OpenVault) -> None:
    key, typed = vault.add("alpha"), "canary-passphrase"
    vault.secret_set("discord", "canary-webhook")
    told = path.read_text() + repr(vault) + str(vault) + repr(vars(vault)["_vault"])
    try:
        Vault.unlock(path, typed)
    except VaultError as error:
        told += "".join(traceback.format_exception(error)) + repr(error.__context__)
    for secret in ("canary-webhook", typed, PASSPHRASE, key.hex(), repr(key)[2:-1]):
        assert secret not in told
    assert repr(vault) == "<OpenVault vault.json>"


def test_the_file_and_its_lock_are_for_their_owner_only(path: Path) -> None:
    before = os.umask(0)
    try:
        Vault.create(path, PASSPHRASE, FAST).add("alpha")
    finally:
        os.umask(before)
    assert {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {
        "vault.json": 0o600,
        "vault.json.lock": 0o600,
    }


def test_two_open_vaults_never_lose_each_others_changes(path: Path, vault: OpenVault) -> None:
    other = Vault.unlock(path, PASSPHRASE)
    keys = {"alpha": vault.add("alpha"), "beta": other.add("beta")}
    assert other.names() == ("alpha", "beta")
    assert vault.names() == ("alpha",)
    vault.reload()
    assert {name: vault.data_key(name) for name in vault.names()} == keys


def test_many_at_once_all_get_their_key(path: Path, vault: OpenVault) -> None:
    def add(number: int) -> None:
        Vault.unlock(path, PASSPHRASE).add(f"i{number}")

    threads = [threading.Thread(target=add, args=(number,)) for number in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(Vault.unlock(path, PASSPHRASE).names()) == 12


def test_a_vault_whose_passphrase_was_changed_meanwhile_is_not_written_with_the_old_key(path: Path) -> None:
    old = Vault.create(path, PASSPHRASE, FAST)
    path.unlink()
    Vault.create(path, "another", FAST)
    before = path.read_bytes()
    for change in (old.reload, lambda: old.add("alpha"), lambda: old.secret_set("a", "b")):
        with pytest.raises(VaultError, match="changed meanwhile; unlock it again"):
            change()
    assert path.read_bytes() == before


def test_a_closed_vault_is_locked(vault: OpenVault) -> None:
    vault.add("alpha")
    vault.close()
    vault.close()
    with pytest.raises(VaultError, match="is locked"):
        vault.data_key("alpha")


# ---- the file ----


def edited(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


def _move(document: dict[str, Any]) -> None:
    document["instances"]["beta"] = document["instances"]["alpha"]


def test_a_key_moved_to_another_name_does_not_open(path: Path, vault: OpenVault) -> None:
    vault.add("alpha")
    edited(path, _move)
    with pytest.raises(VaultError, match="was altered"):
        Vault.unlock(path, PASSPHRASE).data_key("beta")


def test_a_secret_moved_to_another_name_does_not_open(path: Path, vault: OpenVault) -> None:
    vault.secret_set("discord", "x")
    edited(path, lambda document: document["secrets"].update(email=document["secrets"]["discord"]))
    with pytest.raises(VaultError, match="was altered"):
        Vault.unlock(path, PASSPHRASE).secret_get("email")


EDITS: dict[str, Callable[[dict[str, Any]], object]] = {
    "unknown field": lambda d: d.update(extra=1),
    "missing field": lambda d: d.pop("secrets"),
    "another format": lambda d: d.update(format="something"),
    "no version": lambda d: d.update(format="other", version="1"),
    "another kdf": lambda d: d["kdf"].update(name="scrypt"),
    "unknown kdf field": lambda d: d["kdf"].update(pepper="x"),
    "cost as text": lambda d: d["kdf"].update(memory_kib="64"),
    "cost as truth": lambda d: d["kdf"].update(iterations=True),
    "too little memory": lambda d: d["kdf"].update(memory_kib=1),
    "too much memory": lambda d: d["kdf"].update(memory_kib=2**40),
    "no passes": lambda d: d["kdf"].update(iterations=0),
    "short salt": lambda d: d["kdf"].update(salt="AAAA"),
    "salt not base64": lambda d: d["kdf"].update(salt="!" * 24),
    "salt a number": lambda d: d["kdf"].update(salt=5),
    "fleet a list": lambda d: d.update(fleet=[]),
    "no slot": lambda d: d["fleet"].pop("next"),
    "long nonce": lambda d: d["fleet"]["current"].update(nonce="A" * 40),
    "instances a list": lambda d: d.update(instances=[]),
    "a box of text": lambda d: d["instances"].update(alpha="x"),
    "a short box": lambda d: d["secrets"].update(x={"nonce": "A" * 16, "sealed": "AAAA"}),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_a_file_that_is_not_exactly_right_is_refused(
    path: Path, vault: OpenVault, edit: Callable[[dict[str, Any]], object]
) -> None:
    edited(path, edit)
    with pytest.raises(VaultError, match="is damaged"):
        Vault.unlock(path, PASSPHRASE)


@given(st.binary(max_size=200))
def test_no_bytes_at_all_lead_to_more_than_a_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.json"
    path.write_bytes(content)
    with pytest.raises(VaultError, match="is damaged"):
        Vault.unlock(path, PASSPHRASE)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"a": 1, "a": 2}', "[" * 100_000])
def test_a_file_that_is_no_vault_is_refused(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(VaultError, match="is damaged"):
        Vault.unlock(path, PASSPHRASE)


def test_a_field_that_stands_twice_is_refused(path: Path, vault: OpenVault) -> None:
    path.write_text(path.read_text().replace('"version": 2,', '"version": 2, "version": 2,'))
    with pytest.raises(VaultError, match="is damaged"):
        Vault.unlock(path, PASSPHRASE)


def test_a_vault_of_a_newer_version_says_so(path: Path, vault: OpenVault) -> None:
    edited(path, lambda document: document.update(version=3, argon="3"))
    with pytest.raises(VaultError, match="another version of InvestBot"):
        Vault.unlock(path, PASSPHRASE)


def test_a_key_about_to_change_is_kept_through_other_changes(path: Path, vault: OpenVault) -> None:
    vault.add("alpha")
    edited(path, lambda d: d["instances"]["alpha"].update(next=d["instances"]["alpha"]["current"]))
    Vault.unlock(path, PASSPHRASE).add("beta")
    assert json.loads(path.read_text())["instances"]["alpha"]["next"] is not None


def test_a_folder_in_the_place_of_a_vault_gets_one_sentence(path: Path) -> None:
    path.mkdir()
    with pytest.raises(VaultError, match="cannot be read: Is a directory"):
        Vault.unlock(path, PASSPHRASE)


def test_a_full_disk_gets_one_sentence_and_keeps_the_old_file(
    path: Path, vault: OpenVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(VaultError, match="cannot be written: No space left on device"):
        vault.add("alpha")
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert vault.names() == ()
    vault.add("alpha")


def test_too_little_memory_gets_one_sentence(path: Path, vault: OpenVault, monkeypatch: pytest.MonkeyPatch) -> None:
    class Starved:
        def __init__(self, **_: object) -> None:
            pass

        def derive(self, _: bytes) -> bytes:
            raise MemoryError

    monkeypatch.setattr(vault_sealing, "Argon2id", Starved)
    with pytest.raises(VaultError, match=r"takes 0\.03125 MiB of memory"):
        Vault.unlock(path, PASSPHRASE)


KILLED = """
import os, sys
from pathlib import Path
from investbot.adapters.storage import vault_sealing
from investbot.adapters.storage.vault import Vault
vault = Vault.unlock(Path(sys.argv[1]), sys.argv[2])
step, before = sys.argv[3], sys.argv[4] == "before"
owner, name = {"open": (os, "open"), "fsync": (os, "fsync"), "replace": (Path, "replace")}[step.split("-")[0]]
real, left = getattr(owner, name), [int(step.split("-")[1])]
def deadly(*args, **kwargs):
    left[0] -= 1
    if left[0] == 0 and before:
        os._exit(9)
    done = real(*args, **kwargs)
    if left[0] == 0:
        os._exit(9)
    return done
setattr(owner, name, deadly)
vault.add("new")
os._exit(0)
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["open-1", "open-2", "open-3", "fsync-1", "fsync-2", "replace-1"])
def test_a_kill_at_any_step_leaves_the_old_vault_or_the_new(path: Path, step: str, when: str) -> None:
    vault = Vault.create(path, PASSPHRASE, KdfCost(memory_kib=32, iterations=1, lanes=4))
    key = vault.add("old")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), PASSPHRASE, step, when], cwd=REPOSITORY, check=False
    )
    assert done.returncode == 9
    after = Vault.unlock(path, PASSPHRASE)
    assert after.data_key("old") == key
    renamed = (step, when) == ("replace-1", "after") or step in {"open-3", "fsync-2"}
    assert after.names() == (("new", "old") if renamed else ("old",))
    if not renamed:
        after.add("new")
    assert len(Vault.unlock(path, PASSPHRASE).data_key("new")) == 32
