"""The keys of a home as they are now, for a process that stays open while commands change them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from investbot.adapters.storage import copies, key_rotation
from investbot.adapters.storage.key_rotation import opens, pending
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.vault import OpenVault, Vault
from investbot.adapters.storage.vault_ways import renew
from investbot.bootstrap.home import Home
from investbot.bootstrap.vault_opening import DataKeys, folder_of, open_vault, rotate_data_key
from investbot.domain.errors import TryAgain, UsageError, VaultError
from investbot.instance.lock import InstanceLock
from tests.unit.adapters.storage.samples import FAST, Story

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.ensure()
    vault = Vault.create(home.vault, PASSPHRASE, FAST)
    for name in ("alpha", "beta"):
        home.instance(name).ensure()
        with closing(SqlcipherLedger.create(home.instance(name).ledger, vault.add(name), instance=name)) as ledger:
            ledger.append([event for told, _ in Story(3).batches(3) for event in told], None)
    return home


def commands(home: Home) -> OpenVault:
    """Give the vault as a command has it, which is another process."""
    return Vault.unlock(home.vault, PASSPHRASE)


def cut_off(home: Home, *, copied: bool) -> None:
    """Leave a rotation of alpha as a kill does, before the copy took the ledger's name or after."""
    vault, ledger = commands(home), home.instance("alpha").ledger
    key_rotation._begin(vault, "alpha")
    if copied:
        new_key = vault.data_key("alpha", upcoming=True)
        copies.copy_verified(ledger, vault.data_key("alpha"), ledger, new_key=new_key, replace=True)


def test_a_key_that_a_command_changed_is_the_new_one_at_once(home: Home) -> None:
    keys = DataKeys(home, commands(home))
    before = keys("alpha")
    assert "events were copied" in rotate_data_key(home, commands(home), "alpha")
    assert keys("alpha") != before
    assert opens(home.instance("alpha").ledger, keys("alpha"))


def test_a_key_that_was_made_later_is_found(home: Home) -> None:
    keys = DataKeys(home, commands(home))
    made = commands(home).add("gamma")
    assert keys("gamma") == made
    with pytest.raises(VaultError, match="no key for the instance 'delta'"):
        keys("delta")


@pytest.mark.parametrize("copied", [True, False])
def test_a_rotation_that_was_cut_off_is_ended_when_the_key_is_needed(home: Home, copied: bool) -> None:
    keys = DataKeys(home, commands(home))
    before = keys("alpha")
    cut_off(home, copied=copied)
    assert (keys("alpha") != before) == copied
    assert opens(home.instance("alpha").ledger, keys("alpha"))
    assert pending(home.vault) == ()


@pytest.mark.parametrize("copied", [True, False])
def test_opening_the_vault_ends_it_too(home: Home, copied: bool) -> None:
    cut_off(home, copied=copied)
    with closing(open_vault(home, PASSPHRASE)) as vault:
        assert opens(home.instance("alpha").ledger, vault.data_key("alpha"))
    assert pending(home.vault) == ()


def test_a_rotation_that_goes_on_is_left_alone(home: Home) -> None:
    keys = DataKeys(home, commands(home))
    before = keys("alpha")
    with InstanceLock(home.instance("alpha").lock, "alpha"):
        cut_off(home, copied=False)
        assert keys("alpha") == before
        with closing(open_vault(home, PASSPHRASE)):
            assert pending(home.vault) == ("alpha",)
        with pytest.raises(TryAgain, match="investbot stop alpha"):
            rotate_data_key(home, commands(home), "alpha")
    assert keys("alpha") == before
    assert pending(home.vault) == ()


def test_an_instance_whose_folder_is_gone_keeps_nobody(home: Home) -> None:
    cut_off(home, copied=False)
    home.instance("alpha").path.rename(home.path / "elsewhere")
    with closing(open_vault(home, PASSPHRASE)) as vault:
        assert vault.names() == ("alpha", "beta")
    assert pending(home.vault) == ("alpha",)


def test_renewed_keys_leave_what_is_known_good_for_the_ledgers_it_opens(home: Home) -> None:
    keys = DataKeys(home, commands(home))
    before = keys("alpha")
    renew(commands(home), "another passphrase", FAST)
    assert keys("alpha") == before
    with pytest.raises(VaultError, match="changed meanwhile"):
        keys.reload()


def test_a_vault_that_is_away_for_a_moment_changes_nothing(home: Home) -> None:
    keys = DataKeys(home, commands(home))
    before = keys("alpha")
    home.vault.rename(home.path / "aside")
    assert keys("alpha") == before
    (home.path / "aside").rename(home.vault)
    assert keys("alpha") == before


def test_a_kept_copy_lies_outside_of_the_instances(home: Home) -> None:
    assert folder_of(home, "removed/alpha-2026").ledger == home.path / "removed/alpha-2026/ledger.db"
    assert folder_of(home, "alpha").ledger == home.instance("alpha").ledger
    with pytest.raises(UsageError):
        folder_of(home, "../alpha")
