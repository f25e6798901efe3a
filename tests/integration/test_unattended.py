"""Starts without an operator: a service's credential opens the vault, and nothing of it is left in any process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from investbot.adapters.storage.vault import Vault
from investbot.adapters.storage.vault_tries import tries
from investbot.domain.errors import WrongPassphrase
from tests.integration.cli import PASSPHRASE, Shell

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    made.here("init")
    made.here("create", "alpha", "--profile", "slow.toml", "--capital", "500")
    yield made
    if (made.home / "run/supervisor.pid").exists():
        made("down", "--yes")


def test_a_credential_opens_the_vault_after_wrong_passphrases_too(shell: Shell) -> None:
    folder = shell.folder / "credentials"
    folder.mkdir(mode=0o700)
    credential = folder / "investbot-passphrase"
    shell.passphrase.rename(credential)
    credential.chmod(0o440)
    given = {"CREDENTIALS_DIRECTORY": str(folder), "INVESTBOT_PASSPHRASE_FILE": ""}
    for _ in range(4):
        with pytest.raises(WrongPassphrase):
            Vault.unlock(shell.home / "vault.json", "a guess")
    assert tries(shell.home / "vault.json").wrong == 4

    up = shell("up", "--detach", more=given, timeout=120)
    assert up.code == 0, up
    assert "can be read by others" not in up.err
    assert tries(shell.home / "vault.json").wrong == 0
    assert shell("start", "alpha", more=given).code == 0

    pids = [int((shell.home / "run/supervisor.pid").read_text()), shell.row("alpha")["pid"]]
    for pid in pids:
        told = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
        assert PASSPHRASE.encode() not in told
    assert b"CREDENTIALS_DIRECTORY" not in Path(f"/proc/{pids[1]}/environ").read_bytes()
    for path in (shell.home / "run").iterdir():
        assert not path.is_file() or PASSPHRASE.encode() not in path.read_bytes()


def test_a_credential_that_is_not_there_gets_one_sentence(shell: Shell) -> None:
    given = {"CREDENTIALS_DIRECTORY": str(shell.folder), "INVESTBOT_PASSPHRASE_FILE": ""}
    refused = shell("up", "--detach", more=given)
    assert (refused.code, "--passphrase-file" in refused.err) == (77, True)
    assert not (shell.home / "run/supervisor.pid").exists()
