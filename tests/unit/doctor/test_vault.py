"""The check of the vault: passphrase, recovery key, rotations that were cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from investbot.doctor.checks import vault
from investbot.doctor.host import VaultState
from investbot.doctor.issue import Issue, Level
from investbot.domain.errors import VaultError
from tests.unit.doctor.builders import make_home, make_host


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path)


def found(home: Path, state: VaultState) -> list[Issue]:
    return vault.check(make_host(home, vault_state=lambda: state))


def test_a_good_passphrase_and_a_recovery_key_are_fine(home: Path, tmp_path: Path) -> None:
    (line,) = found(home, VaultState(passphrase_file=tmp_path / "elsewhere"))
    assert line.level is Level.OK


@pytest.mark.parametrize(
    ("state", "level", "says", "fix"),
    [
        (VaultState(weak_bits=27.4), Level.WARNING, "about 27 bits", "investbot vault passphrase"),
        (VaultState(recovery_key=False), Level.WARNING, "no recovery key", "investbot vault recovery-key"),
        (VaultState(1, recovery_key=False), Level.WARNING, "no recovery key", "investbot vault passphrase"),
        (VaultState(rotating=("alpha",)), Level.ERROR, "key of alpha", "investbot vault rotate alpha"),
    ],
)
def test_each_fault_names_what_mends_it(home: Path, state: VaultState, level: Level, says: str, fix: str) -> None:
    (line,) = found(home, state)
    assert (line.level, says in line.what, line.fix) == (level, True, fix)
    assert line.why


def test_a_passphrase_in_the_home_is_named(home: Path) -> None:
    (line,) = found(home, VaultState(passphrase_file=home / "run/pass phrase"))
    assert "lies in the home" in line.what
    assert line.fix == f"mv '{home}/run/pass phrase' ELSEWHERE"


def test_a_vault_that_cannot_be_read_is_told_elsewhere(home: Path) -> None:
    def broken() -> VaultState:
        raise VaultError("damaged")

    assert vault.check(make_host(home, vault_state=broken)) == []
