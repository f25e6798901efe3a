"""Questions on a terminal: asked once, before anything is done."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from investbot.adapters.storage.vault import Vault
from investbot.bootstrap.consent import allow_live
from investbot.bootstrap.home import InstanceHome
from investbot.cli.options import GlobalOptions
from investbot.cli.session import Session
from investbot.domain.errors import LedgerError, UsageError
from tests.unit.cli.conftest import PASSPHRASE, Cli


def answering(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True, readline=lambda: answer))


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_yes_goes_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str) -> None:
    answering(monkeypatch, answer)
    Session(GlobalOptions()).confirm("Sell?", yes=False)
    assert capsys.readouterr().err == "Sell? [y/N] "


@pytest.mark.parametrize("answer", ["\n", "n\n", "yesterday\n", ""])
def test_anything_else_does_nothing(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    answering(monkeypatch, answer)
    with pytest.raises(UsageError, match="Nothing was done"):
        Session(GlobalOptions()).confirm("Sell?", yes=False)


def test_yes_on_the_line_asks_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    Session(GlobalOptions()).confirm("Sell?", yes=True)
    assert capsys.readouterr().err == ""


def make_live(folder: Path, name: str) -> None:
    settings = folder / f"home/instances/{name}/instance.toml"
    text = settings.read_text(encoding="utf-8").replace('mode = "paper"', 'mode = "live"')
    settings.write_text(text.replace('name = "synthetic"', 'name = "binance"'), encoding="utf-8")


def test_a_first_live_start_tells_the_stake_and_has_it_typed(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_live(folder, "beta")
    answering(monkeypatch, "yes\n")
    refused = cli("start", "--all")
    assert refused.code == 64
    assert "beta: 300.00 USDT on ETH/USDT at binance; worst loss a trade 3.00 USDT, a day 9.00 USDT" in refused.err
    assert 'beta will trade real money.\nType "real money" to go on: ' in refused.err
    assert "alpha:" not in refused.err
    answering(monkeypatch, "Real money\n")
    assert cli("start", "beta").code == 69
    assert "real money" not in cli("start", "beta", "--yes").err
    assert "real money" not in cli("start", "alpha").err


@pytest.mark.parametrize("verb", ["start", "run"])
def test_where_nobody_can_type_a_live_start_needs_a_yes(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    make_live(folder, "beta")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    refused = cli(verb, "beta")
    assert refused.code == 64
    assert "worst loss a trade 3.00 USDT" in refused.err
    assert refused.err.endswith("add --yes to start it.\n")
    assert cli(verb, "beta", "--accept-withdrawals").code == 64


def test_a_key_that_may_withdraw_is_accepted_by_typing_it(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, "yes\n")
    assert cli("start", "alpha", "--accept-withdrawals").code == 64
    answering(monkeypatch, "accept withdrawals\n")
    assert cli("start", "alpha", "--accept-withdrawals").code == 69


def test_only_the_version_that_was_allowed_starts_without_a_word(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_live(folder, "beta")
    beta = InstanceHome(folder / "home/instances/beta")
    allow_live(beta, 1, "ana", 0)
    answering(monkeypatch, "n\n")
    assert cli("start", "beta").code == 69
    allow_live(beta, 2, "ana", 0)
    assert cli("start", "beta").code == 64


def test_a_passphrase_is_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "")
    typed = ["secret"]
    monkeypatch.setattr("getpass.getpass", lambda prompt: typed.pop())
    session = Session(GlobalOptions(), environment={})
    assert session.passphrase(tmp_path) == session.passphrase(tmp_path) == "secret"
    assert session.secrets == ["secret"]


def test_a_copy_that_cannot_be_kept_keeps_the_instance(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **more: object) -> None:
        raise LedgerError("The disk is full.")

    monkeypatch.setattr("investbot.bootstrap.backup.create_archive", full)
    assert cli("remove", "alpha", "beta", "--yes").code == 74
    assert Vault.unlock(folder / "home/vault.json", PASSPHRASE).names() == ("alpha", "beta")
    assert cli("trips", "alpha").code == 0


def test_removing_what_is_not_there_asks_for_no_passphrase(cli: Cli, folder: Path) -> None:
    (folder / "passphrase").unlink()
    assert cli("remove", "nope", "--yes").code == 66
