"""Another passphrase, a recovery key, all keys anew: what opens afterwards, and what does not any more."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag

from investbot.adapters.storage import vault_sealing
from investbot.adapters.storage.backup_keys import IDENTITY, backup_identities, backup_identity, seal_key, seal_keys
from investbot.adapters.storage.vault import OpenVault, Vault
from investbot.adapters.storage.vault_file import Slots, VaultFile, load, locked, save
from investbot.adapters.storage.vault_sealing import FLEET, KEY_BYTES, derive, instance_label, seal, secret_label
from investbot.adapters.storage.vault_ways import add_recovery, change_passphrase, renew
from investbot.domain.errors import VaultError, WrongPassphrase
from tests.unit.adapters.storage.samples import FAST

OLD, NEW = "correct horse battery staple", "tangled otter violin harbour"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vault.json"


@pytest.fixture
def vault(path: Path) -> OpenVault:
    vault = Vault.create(path, OLD, FAST)
    vault.add("alpha")
    vault.secret_set("discord", "https://example.test/hook")
    return vault


def first_version(path: Path) -> tuple[bytes, bytes]:
    """Write a vault as the first version did, with one instance and one secret; give the two keys in it."""
    salt, fleet, data = b"s" * 16, b"f" * KEY_BYTES, b"d" * KEY_BYTES
    key = derive(OLD, salt, FAST)
    file = VaultFile(
        FAST,
        salt,
        Slots(seal(key, fleet, FLEET)),
        {"alpha": Slots(seal(key, data, instance_label("alpha")))},
        {"discord": seal(fleet, b"hook", secret_label("discord"))},
    )
    with locked(path):
        save(path, file)
    assert json.loads(path.read_text())["version"] == 1
    return fleet, data


def edited(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


# ---- another passphrase ----


def test_the_new_passphrase_opens_and_the_old_no_more(path: Path, vault: OpenVault) -> None:
    key = vault.data_key("alpha")
    change_passphrase(vault, NEW, FAST)
    again = Vault.unlock(path, NEW)
    assert again.data_key("alpha") == key
    assert again.secret_get("discord") == "https://example.test/hook"
    with pytest.raises(WrongPassphrase):
        Vault.unlock(path, OLD)


def test_whoever_has_the_vault_open_meanwhile_goes_on(path: Path, vault: OpenVault) -> None:
    other = Vault.unlock(path, OLD)
    change_passphrase(vault, NEW, FAST)
    other.reload()
    other.add("beta")
    assert Vault.unlock(path, NEW).names() == ("alpha", "beta")


def test_the_salt_is_another_each_time(path: Path, vault: OpenVault) -> None:
    salts = set()
    for _ in range(3):
        change_passphrase(vault, OLD, FAST)
        salts.add(load(path).salt)
    assert len(salts) == 3


def test_an_empty_passphrase_changes_nothing(path: Path, vault: OpenVault) -> None:
    before = path.read_bytes()
    for change in (change_passphrase, renew):
        with pytest.raises(VaultError, match="at least one character"):
            change(vault, "", FAST)
    assert path.read_bytes() == before


def test_a_new_passphrase_that_would_not_open_is_never_written(
    path: Path, vault: OpenVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, real, calls = path.read_bytes(), vault_sealing.derive, 0

    def flipping(*given: Any) -> bytearray:
        nonlocal calls
        calls += 1
        return real(*given) if calls == 1 else bytearray(KEY_BYTES)

    monkeypatch.setattr(vault_sealing, "derive", flipping)
    with pytest.raises(VaultError, match="machine is not sound"):
        change_passphrase(vault, NEW, FAST)
    assert path.read_bytes() == before


def test_an_old_copy_and_its_passphrase_still_open_todays_keys_until_they_are_renewed(
    path: Path, vault: OpenVault
) -> None:
    """It is why a change of the passphrase offers to rotate the keys."""
    stolen = path.with_name("stolen.json")
    shutil.copy2(path, stolen)
    change_passphrase(vault, NEW, FAST)
    beta = vault.add("beta")
    thief = Vault.unlock(stolen, OLD)
    shutil.copy2(path, stolen)
    thief.reload()
    assert thief.data_key("beta") == beta
    renew(vault, NEW, FAST)
    shutil.copy2(path, stolen)
    with pytest.raises(VaultError, match="changed meanwhile"):
        thief.reload()


# ---- all keys anew ----


def test_renewed_keys_open_under_the_new_passphrase_only(path: Path, vault: OpenVault) -> None:
    key = vault.data_key("alpha")
    before = load(path)
    renew(vault, NEW, FAST)
    assert vault.data_key("alpha") == key
    assert vault.secret_get("discord") == "https://example.test/hook"
    vault.add("gamma")
    assert Vault.unlock(path, NEW).names() == ("alpha", "gamma")
    with pytest.raises(WrongPassphrase):
        Vault.unlock(path, OLD)
    after = load(path)
    assert {after.fleet.current, after.secrets["discord"], after.instances["alpha"].current}.isdisjoint(
        {before.fleet.current, before.secrets["discord"], before.instances["alpha"].current}
    )


def test_a_fleet_key_of_before_opens_no_secret_afterwards(path: Path, vault: OpenVault) -> None:
    old_key = vault_sealing.unwrap(load(path), OLD)
    old_fleet = vault_sealing.unseal(old_key, load(path).fleet.current, FLEET)
    renew(vault, NEW, FAST)
    file = load(path)
    for key, box, label in (
        (old_key, file.fleet.current, FLEET),
        (old_fleet, file.secrets["discord"], secret_label("discord")),
        (old_key, file.instances["alpha"].current, instance_label("alpha")),
    ):
        with pytest.raises(InvalidTag):
            vault_sealing.unseal(key, box, label)


def test_keys_of_backups_are_made_anew_and_the_earlier_stay(vault: OpenVault) -> None:
    first = backup_identity(vault, lambda: "AGE-SECRET-KEY-1FIRST")
    sealing = seal_key(vault, "alpha")
    renew(vault, NEW, FAST)
    assert vault.secret_get(IDENTITY) is None
    assert vault.secret_get(f"{IDENTITY}/1") == first
    assert backup_identities(vault) == (first,)
    second = backup_identity(vault, lambda: "AGE-SECRET-KEY-1SECOND")
    assert seal_key(vault, "alpha") != sealing
    assert backup_identities(vault) == (second, first)
    assert seal_keys(vault, "alpha") == (seal_key(vault, "alpha"), sealing)
    renew(vault, NEW, FAST)
    third = backup_identity(vault, lambda: "AGE-SECRET-KEY-1THIRD")
    assert backup_identities(vault) == (third, second, first)


def test_an_altered_key_stops_the_renewal(path: Path, vault: OpenVault) -> None:
    edited(path, lambda d: d["instances"].update(beta=d["instances"]["alpha"]))
    before = path.read_bytes()
    with pytest.raises(VaultError, match="was altered"):
        renew(vault, NEW, FAST)
    assert path.read_bytes() == before


# ---- the recovery key ----


def test_a_recovery_key_opens_the_vault_and_sets_a_passphrase(path: Path, vault: OpenVault) -> None:
    key = vault.data_key("alpha")
    seed = add_recovery(vault)
    assert len(seed) == 32
    found = Vault.recover(path, seed)
    assert found.data_key("alpha") == key
    change_passphrase(found, NEW, FAST)
    assert Vault.unlock(path, NEW).data_key("alpha") == key
    assert Vault.recover(path, seed).data_key("alpha") == key


def test_a_new_recovery_key_ends_the_old_one(path: Path, vault: OpenVault) -> None:
    first, second = add_recovery(vault), add_recovery(vault)
    assert first != second
    with pytest.raises(VaultError, match="no recovery key, or a newer one"):
        Vault.recover(path, first)
    assert Vault.recover(path, second).names() == ("alpha",)


def test_a_recovery_key_stays_good_when_all_keys_are_renewed(path: Path, vault: OpenVault) -> None:
    seed = add_recovery(vault)
    renew(vault, NEW, FAST)
    renew(vault, OLD, FAST)
    assert Vault.recover(path, seed).data_key("alpha") == vault.data_key("alpha")


def test_without_a_recovery_key_no_words_open(path: Path, vault: OpenVault) -> None:
    with pytest.raises(VaultError, match="no recovery key"):
        Vault.recover(path, bytes(32))


def test_nothing_that_opens_is_left_in_an_open_vault_or_its_file(path: Path, vault: OpenVault) -> None:
    """An old copy of the vault with its passphrase holds only the public half, which is good for no later vault."""
    seed = add_recovery(vault)
    file = load(path)
    assert file.wraps is not None
    assert file.wraps.recovery is not None
    key = vault_sealing.unwrap(file, OLD)
    public = vault_sealing.recovery_public(file.wraps.recovery, key)
    renew(vault, NEW, FAST)
    for guess in (public, bytes(key)):
        with pytest.raises(VaultError, match="do not open"):
            Vault.recover(path, guess)
    assert seed.hex() not in path.read_text()


def test_a_recovery_key_that_somebody_put_there_is_not_sealed_for(path: Path, vault: OpenVault) -> None:
    add_recovery(vault)
    strangers = vault_sealing.recovery_of(b"x" * 32, b"y" * 32)
    file = load(path)
    assert file.wraps is not None
    with locked(path):
        save(path, VaultFile(**{**_fields(file), "wraps": type(file.wraps)(file.wraps.passphrase, strangers)}))
    with pytest.raises(VaultError, match="was altered"):
        renew(Vault.unlock(path, OLD), NEW, FAST)
    assert Vault.unlock(path, OLD).names() == ("alpha",)


@pytest.mark.parametrize("ephemeral", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32])
def test_a_made_up_point_opens_nothing(path: Path, vault: OpenVault, ephemeral: bytes) -> None:
    import base64

    seed = add_recovery(vault)
    edited(path, lambda d: d["vault_key"]["recovery"].update(ephemeral=base64.b64encode(ephemeral).decode()))
    with pytest.raises(VaultError, match="do not open"):
        Vault.recover(path, seed)


def test_a_recovery_key_that_would_not_open_is_never_written(
    path: Path, vault: OpenVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    monkeypatch.setattr(vault_sealing, "recover", lambda *_: bytearray(32))
    with pytest.raises(VaultError, match="machine is not sound"):
        add_recovery(vault)
    assert path.read_bytes() == before


def test_a_passphrase_that_opens_the_way_but_not_the_house_says_the_vault_was_altered(
    path: Path, vault: OpenVault, tmp_path: Path
) -> None:
    other = tmp_path / "other.json"
    Vault.create(other, OLD, FAST)
    edited(path, lambda d: d.update(fleet=json.loads(other.read_text())["fleet"]))
    with pytest.raises(VaultError, match="was altered"):
        Vault.unlock(path, OLD)


# ---- the first version ----


def test_a_vault_of_the_first_version_opens_and_stays_as_it_is(path: Path) -> None:
    _, data = first_version(path)
    opened = Vault.unlock(path, OLD)
    assert opened.data_key("alpha") == data
    assert opened.secret_get("discord") == "hook"
    opened.add("beta")
    assert json.loads(path.read_text())["version"] == 1
    with pytest.raises(WrongPassphrase):
        Vault.unlock(path, NEW)
    with pytest.raises(VaultError, match="investbot vault passphrase"):
        add_recovery(opened)
    with pytest.raises(VaultError, match="no recovery key"):
        Vault.recover(path, bytes(32))


@pytest.mark.parametrize("change", [change_passphrase, renew])
def test_a_vault_of_the_first_version_becomes_one_of_the_second(path: Path, change: Callable[..., None]) -> None:
    _, data = first_version(path)
    running = Vault.unlock(path, OLD)
    change(Vault.unlock(path, OLD), NEW, FAST)
    assert json.loads(path.read_text())["version"] == 2
    opened = Vault.unlock(path, NEW)
    assert opened.data_key("alpha") == data
    assert opened.secret_get("discord") == "hook"
    assert Vault.recover(path, add_recovery(opened)).data_key("alpha") == data
    with pytest.raises(WrongPassphrase):
        Vault.unlock(path, OLD)
    if change is change_passphrase:
        running.reload()
        assert running.data_key("alpha") == data


def test_a_file_that_lost_its_way_in_is_no_vault_of_the_first_version(path: Path, vault: OpenVault) -> None:
    edited(path, lambda d: (d.pop("vault_key"), d.update(version=1)))
    with pytest.raises(WrongPassphrase):
        Vault.unlock(path, OLD)


BROKEN: dict[str, Callable[[dict[str, Any]], object]] = {
    "no way": lambda d: d.pop("vault_key"),
    "ways a list": lambda d: d.update(vault_key=[]),
    "no passphrase": lambda d: d["vault_key"].pop("passphrase"),
    "unknown way": lambda d: d["vault_key"].update(fingerprint=None),
    "recovery a text": lambda d: d["vault_key"].update(recovery="x"),
    "short point": lambda d: d["vault_key"]["recovery"].update(ephemeral="AAAA"),
    "no public": lambda d: d["vault_key"]["recovery"].pop("public"),
    "version one with ways": lambda d: d.update(version=1),
    "no version": lambda d: d.pop("version"),
}


@pytest.mark.parametrize("edit", BROKEN.values(), ids=BROKEN.keys())
def test_ways_that_are_not_exactly_right_are_refused(
    path: Path, vault: OpenVault, edit: Callable[[dict[str, Any]], object]
) -> None:
    add_recovery(vault)
    edited(path, edit)
    with pytest.raises(VaultError, match=r"is damaged|another version"):
        Vault.unlock(path, OLD)


def test_a_disk_that_gives_back_something_else_is_noticed(
    path: Path, vault: OpenVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    from investbot.adapters.storage import vault_file

    before, real = path.read_bytes(), vault_file.load

    def lying(where: Path) -> VaultFile:
        found = real(where)
        return found if where == path else VaultFile(**{**_fields(found), "salt": b"x" * 16})

    monkeypatch.setattr(vault_file, "load", lying)
    with pytest.raises(VaultError, match="not written as it should be"):
        vault.add("beta")
    assert path.read_bytes() == before


def _fields(file: VaultFile) -> dict[str, Any]:
    return {name: getattr(file, name) for name in VaultFile.__dataclass_fields__}
