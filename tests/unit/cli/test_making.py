"""init, create, remove: whole or not at all."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

import pytest

from investbot.adapters.storage.reader import SqlcipherReader
from investbot.adapters.storage.vault import OpenVault, Vault
from investbot.cli.commands.init import DISCLAIMER
from investbot.domain.errors import LedgerError
from tests.unit.cli.conftest import PASSPHRASE, Cli, holding


def opened(folder: Path) -> OpenVault:
    return Vault.unlock(folder / "home/vault.json", PASSPHRASE)


def instances(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "home/instances").iterdir())


def assert_untouched(folder: Path) -> None:
    assert instances(folder) == ["alpha", "beta"]
    assert opened(folder).names() == ("alpha", "beta")


def create(cli: Cli, name: str, *more: str) -> tuple[int, str]:
    result = cli("create", name, "--profile", "test.toml", *more)
    if result.code:
        assert result.out == ""
        assert "Traceback" not in result.err
    return result.code, result.err


def test_init_makes_a_private_home_and_prints_the_disclaimer(cli: Cli, tmp_path: Path) -> None:
    home = tmp_path / "new"
    result = cli("init", home=home)
    assert result.code == 0
    assert "no financial advice" in result.out
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for path in home.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert cli("profiles", "check", str(home / "profiles/example.toml"), home=home).code == 0


def test_the_disclaimer_is_broken_between_words_on_a_terminal(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    told = cli("init", home=tmp_path / "new").out.partition("\n\n")[0]
    assert max(map(len, told.splitlines())) <= 60
    assert told.replace("\n", " ") == DISCLAIMER


def test_init_refuses_a_home_that_is_there(cli: Cli, folder: Path) -> None:
    before = (folder / "home/vault.json").read_bytes()
    result = cli("init")
    assert (result.code, result.err.count("\n")) == (73, 1)
    assert (folder / "home/vault.json").read_bytes() == before


def test_init_that_fails_leaves_no_home(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(home: Path, capital: object) -> None:
        raise OSError(28, "No space left on device", str(home))

    monkeypatch.setattr("investbot.config.fleet.init_fleet", full)
    assert cli("init", home=tmp_path / "new").code == 74
    assert not (tmp_path / "new/vault.json").exists()
    assert not (tmp_path / "new/investbot.toml").exists()


@pytest.mark.parametrize(("capital", "code"), [("-1", 78), ("0", 78), ("much", 64), ("inf", 64)])
def test_init_refuses_a_capital_that_is_none(cli: Cli, tmp_path: Path, capital: str, code: int) -> None:
    assert cli("init", "--capital", capital, home=tmp_path / "new").code == code
    assert not (tmp_path / "new").exists()


def test_init_tells_programs_what_it_did(cli: Cli, tmp_path: Path) -> None:
    told = cli("init", "--json", home=tmp_path / "new").json
    assert told["home"] == str(tmp_path / "new")


def test_create_makes_settings_key_and_ledger(cli: Cli, folder: Path) -> None:
    words = ["--capital", "250.5", "--timeframe", "15m", "--set", "risk.max_open_positions=2", "--symbol", "SOL/USDT"]
    result = cli("create", "gamma", "--profile", "test.toml", *words, "--json")
    assert result.code == 0
    assert result.json["capital"] == "250.5"
    assert (result.json["symbols"], result.json["timeframe"]) == (["SOL/USDT"], "15m")
    made = folder / "home/instances/gamma"
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert stat.S_IMODE((made / "ledger.db").stat().st_mode) == 0o600
    reader = SqlcipherReader.open(made / "ledger.db", opened(folder).data_key("gamma"))
    reader.close()
    settings = cli("show", "gamma", "--json").json["settings"]
    assert settings["risk"]["max_open_positions"] == 2
    assert settings["instance"]["profile"] == "test"


@pytest.mark.parametrize(
    ("name", "more", "code", "says"),
    [
        ("alpha", (), 73, "already"),
        ("Bad Name", (), 64, "name"),
        ("../up", (), 64, "name"),
        ("gamma", ("--capital", "-5"), 78, "above zero"),
        ("gamma", ("--capital", "0"), 78, "above zero"),
        ("gamma", ("--capital", "ten"), 64, "number"),
        ("gamma", ("--capital", "1200.01"), 78, "1200"),
        ("gamma", ("--set", "risk.nonsense=1"), 78, "no such key"),
        ("gamma", ("--set", "nothing"), 64, "KEY=VALUE"),
        ("gamma", ("--set", "risk.position_fraction=0.5"), 78, "allow_wide"),
        ("gamma", ("--set", "strategy.name=nope"), 78, "strategy"),
        ("gamma", ("--set", "strategy.parameters.fsat=3"), 78, "fast"),
        ("gamma", ("--set", "strategy.parameters.fast=1"), 78, "fast"),
        ("gamma", ("--set", "venue.name=replay"), 78, "replay"),
        ("gamma", ("--set", "venue.name=binanse"), 78, "binance"),
        ("gamma", ("--set", "venue.name=__init__"), 78, "venue"),
        ("gamma", ("--symbol", "nonsense"), 78, "nonsense"),
        ("gamma", ("--timeframe", "7x"), 78, "7x"),
    ],
)
def test_create_refuses_and_leaves_nothing(
    cli: Cli, folder: Path, name: str, more: tuple[str, ...], code: int, says: str
) -> None:
    found, err = create(cli, name, *more)
    assert (found, err.count("\n")) == (code, 1), err
    assert says in err
    assert_untouched(folder)


def test_a_wrong_passphrase_is_77_and_leaves_nothing(cli: Cli, folder: Path) -> None:
    (folder / "passphrase").write_text("wrong\n", encoding="utf-8")
    code, err = create(cli, "gamma")
    assert (code, err) == (77, "The passphrase does not open this vault.\n")
    (folder / "passphrase").write_text(PASSPHRASE, encoding="utf-8")
    assert_untouched(folder)


def test_there_has_to_be_a_home(cli: Cli, tmp_path: Path) -> None:
    result = cli("create", "gamma", "--profile", "conservative", home=tmp_path / "none")
    assert result.code == 78
    assert "investbot init" in result.err


ROWS = ["1704067200000,100,101,99,100,5", "1704067500000,100,102,99,101,5", "1704067800000,101,103,100,102,5"]
HEAD = "timestamp,open,high,low,close,volume"


@pytest.mark.parametrize(
    "rows",
    [
        [ROWS[0], ROWS[1], ROWS[1]],
        [ROWS[0], ROWS[2], ROWS[1]],
        [ROWS[0], "1704067500000,100,99,102,101,5"],
        [ROWS[0], "1704067500000,100,nan,99,101,5"],
        [ROWS[0], "1704067500000,100,102"],
        [],
    ],
    ids=["duplicate", "shuffled", "high below low", "NaN", "short row", "empty"],
)
def test_candles_that_cannot_be_trusted_are_65(cli: Cli, folder: Path, rows: list[str]) -> None:
    (folder / "bad.csv").write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
    (folder / "bad.toml").write_text(
        '[venue]\nname = "replay"\n[venue.replay]\nfile = "bad.csv"\n[market]\ntimeframe = "5m"\n', encoding="utf-8"
    )
    result = cli("create", "gamma", "--profile", "bad.toml")
    assert (result.code, result.err.count("\n")) == (65, 1), result.err
    assert "bad.csv" in result.err
    assert_untouched(folder)


def test_a_symbol_the_venue_lacks_is_65(cli: Cli, folder: Path) -> None:
    (folder / "good.csv").write_text("\n".join([HEAD, *ROWS]) + "\n", encoding="utf-8")
    (folder / "two.toml").write_text(
        '[venue]\nname = "replay"\n[venue.replay]\nfiles = { "BTC/USDT" = "good.csv" }\n[market]\ntimeframe = "5m"\n',
        encoding="utf-8",
    )
    result = cli("create", "gamma", "--profile", "two.toml", "--symbol", "DOGE/USDT")
    assert (result.code, result.err.count("\n")) == (65, 1), result.err
    assert "no candles of DOGE/USDT" in result.err
    assert_untouched(folder)
    files = f"venue.replay.files={{ 'DOGE/USDT' = '{folder / 'good.csv'}' }}"
    assert cli("create", "doge", "--profile", "two.toml", "--symbol", "DOGE/USDT", "--set", files).code == 0
    assert cli("create", "gamma", "--profile", "two.toml").code == 0


def test_a_failure_while_building_leaves_nothing(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **more: object) -> None:
        raise LedgerError("The disk is full.")

    monkeypatch.setattr("investbot.adapters.storage.ledger.SqlcipherLedger.create", full)
    assert create(cli, "gamma") == (74, "The disk is full.\n")
    assert_untouched(folder)


def test_what_a_killed_command_left_is_cleared_up(cli: Cli, folder: Path) -> None:
    vault = opened(folder)
    vault.add("gamma")
    (folder / "home/instances/.gamma.new/versions").mkdir(parents=True)
    assert create(cli, "gamma")[0] == 0
    assert instances(folder) == ["alpha", "beta", "gamma"]


def test_a_key_whose_folder_was_moved_away_is_never_thrown_away(cli: Cli, folder: Path) -> None:
    (folder / "home/instances/beta").rename(folder / "beta")
    code, err = create(cli, "beta")
    assert code == 73
    assert "put that back" in err
    (folder / "beta").rename(folder / "home/instances/beta")
    assert cli("trips", "beta", "--json").json == []


def test_one_command_at_a_time_makes_instances(cli: Cli, folder: Path) -> None:
    handle = os.open(folder / "home/run/instances.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert create(cli, "gamma")[0] == 75
    finally:
        os.close(handle)
    assert create(cli, "gamma")[0] == 0


def test_remove_keeps_a_last_backup_that_the_vault_can_open(cli: Cli, folder: Path) -> None:
    events = cli("events", "alpha", "--json").json
    result = cli("remove", "alpha", "--yes", "--json")
    assert result.code == 0
    assert instances(folder) == ["beta"]
    assert opened(folder).names() == ("beta",)
    (kept,) = cli("backup", "list", "--json").json
    assert (kept["name"], kept["verified_at"] is None) == ("alpha", False)
    assert result.json[0]["message"].endswith(f"is backups/alpha/{kept['archive']}")
    assert cli("backup", "verify", "alpha", "--json").json[0]["last_seq"] == len(events)
    assert cli("doctor").code == 0
    assert create(cli, "alpha")[0] == 0


def test_what_cannot_be_backed_up_is_not_removed(cli: Cli, folder: Path) -> None:
    (folder / "home/backups").write_text("a file is in the way", encoding="utf-8")
    result = cli("remove", "alpha", "--yes")
    assert result.code == 74
    assert "No archive of alpha can be made" in result.err
    assert_untouched(folder)


def test_remove_asks_and_without_a_terminal_needs_yes(cli: Cli, folder: Path) -> None:
    result = cli("remove", "alpha")
    assert result.code == 64
    assert "--yes" in result.err
    assert_untouched(folder)


def test_remove_refuses_what_runs(cli: Cli, folder: Path) -> None:
    handle = os.open(folder / "home/instances/alpha/lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        result = cli("remove", "alpha", "beta", "--yes")
    finally:
        os.close(handle)
    assert result.code == 78
    assert "investbot stop alpha" in result.err
    assert instances(folder) == ["alpha"]


def test_remove_refuses_what_holds_a_position(cli: Cli, folder: Path) -> None:
    holding(cli, folder, "cut")
    result = cli("remove", "cut", "--yes")
    assert result.code == 78
    assert "investbot flatten cut" in result.err
    assert "cut" in instances(folder)
