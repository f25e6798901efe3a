"""profiles, config, capital, vault, audit: what an operator decides and looks up."""

from __future__ import annotations

import fcntl
import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Cli


def test_profiles_are_listed_shown_and_checked(cli: Cli, folder: Path) -> None:
    rows = {row["name"]: row for row in cli("profiles", "list", "--json").json}
    assert {"conservative", "example"} <= rows.keys()
    assert rows["example"]["file"] == str(folder / "home/profiles/example.toml")
    assert cli("profiles", "show", "example", "--json").json["market"]["symbols"] == ["BTC/USDT"]
    assert "[risk]" in cli("profiles", "show", "conservative").out
    assert cli("profiles", "show", "nope").code == 78
    assert cli("profiles", "check", "test.toml").out == "test.toml: no mistakes.\n"
    assert cli("profiles", "check", "none.toml").code == 78


def test_every_mistake_is_told_with_its_line(cli: Cli, folder: Path) -> None:
    (folder / "bad.toml").write_text(
        '[venue]\nname = "synthetic"\n[risk]\nnonsense = 1\nrisk_fraction = 2\n[exits]\nmax_age = "soon"\n',
        encoding="utf-8",
    )
    result = cli("profiles", "check", "bad.toml")
    assert result.code == 78
    assert [line.split(":")[1] for line in result.out.splitlines()] == ["4", "5", "7"]
    mistakes = cli("profiles", "check", "bad.toml", "--json").json
    assert [each["line"] for each in mistakes] == [4, 5, 7]
    (folder / "home/profiles/broken.toml").write_text("nonsense = 1\n", encoding="utf-8")
    rows = {row["name"]: row for row in cli("profiles", "list", "--json").json}
    assert "mistakes" in rows["broken"]["description"]


@pytest.mark.parametrize("wrong", ['name = "nope"', 'name = "ma_cross"\nparameters = { fsat = 3 }'])
def test_the_strategy_looks_at_its_part(cli: Cli, folder: Path, wrong: str) -> None:
    (folder / "bad.toml").write_text(f'[venue]\nname = "synthetic"\n[strategy]\n{wrong}\n', encoding="utf-8")
    result = cli("profiles", "check", "bad.toml")
    assert result.code == 78
    assert result.out.startswith("bad.toml:3: strategy: ")


def test_the_environment_overrides_a_profile(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVESTBOT__RISK__DAILY_LOSS_FRACTION", "0.02")
    assert cli("profiles", "show", "conservative", "--json").json["risk"]["daily_loss_fraction"] == "0.02"


def test_config_makes_versions_and_goes_back(cli: Cli) -> None:
    assert cli("config", "set", "alpha", "risk.max_open_positions=3", "--json").json == {
        "name": "alpha",
        "version": 2,
        "changes": [{"key": "risk.max_open_positions", "before": "1", "after": "3", "takes_effect": "next start"}],
    }
    assert cli("config", "diff", "alpha", "--json").json == [
        {"key": "risk.max_open_positions", "before": "1", "after": "3"}
    ]
    assert cli("config", "rollback", "alpha", "1").code == 0
    history = cli("config", "history", "alpha", "--json").json
    assert [(row["version"], row["intact"]) for row in history] == [(1, True), (2, True), (3, True)]
    assert history[1]["why"] == "set risk.max_open_positions=3"
    assert cli("config", "diff", "alpha", "1", "3").err == "The two are alike.\n"
    assert cli("config", "diff", "alpha", "1", "9").code == 78
    assert cli("config", "rollback", "alpha", "9").code == 78


def test_an_edit_by_hand_becomes_a_version_when_it_is_applied(cli: Cli, folder: Path) -> None:
    assert cli("config", "apply", "alpha", "--json").json == {"name": "alpha", "version": 1, "changes": []}
    file = folder / "home/instances/alpha/instance.toml"
    file.write_text(file.read_text("utf-8").replace("kelly_trips = 30", "kelly_trips = 31"), "utf-8")
    said = cli("config", "apply", "alpha").out.splitlines()
    assert said == [
        "alpha has version 2 of its settings.",
        "risk.kelly_trips: 30 -> 31: at the next start (`investbot start alpha`)",
    ]
    rows = cli("config", "history", "alpha", "--json").json
    assert [(row["by"], row["in_force"], row["changes"]) for row in rows[1:]] == [
        ("hand", True, ["risk.kelly_trips: 30 -> 31"])
    ]
    assert len({row["recipe_sha256"] for row in rows}) == 2
    (folder / "home/instances/alpha/versions/0001.toml").write_text("x", "utf-8")
    assert cli("config", "apply", "alpha", "--json").json["changes"] == []
    file.write_text("half", "utf-8")
    assert cli("config", "apply", "alpha").code == 78
    rows = cli("config", "history", "alpha", "--json").json
    assert [(row["intact"], row["in_force"], row["changes"]) for row in rows] == [
        (False, False, []),
        (True, False, []),
    ]
    assert rows[0]["recipe_sha256"] is None
    assert cli("config", "rollback", "alpha", "2").code == 0
    assert (file.parent / "instance.toml.spoilt").read_text("utf-8") == "half"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("risk.nonsense=1", 78),
        ("capital=5", 78),
        ("word", 64),
        ("strategy.parameters.fast=900", 78),
        ("market.timeframe=0m", 78),
    ],
)
def test_config_refuses_what_could_not_run(cli: Cli, value: str, code: int) -> None:
    result = cli("config", "set", "alpha", value)
    assert (result.code, result.err.count("\n")) == (code, 1)
    assert len(cli("config", "history", "alpha", "--json").json) == 1


def test_capital_without_a_supervisor(cli: Cli, folder: Path) -> None:
    assert cli("capital", "alpha", "750.25", "--json").json[0]["capital"] == "750.25"
    assert cli("status", "alpha", "--json").json[0]["capital"] == "750.25"
    assert cli("config", "history", "alpha", "--json").json[-1]["why"] == "capital 750.25"
    assert cli("capital", "alpha", "1700.01").code == 78
    assert cli("capital", "alpha", "0").code == 78
    assert cli("capital", "alpha", "-5").err == "The capital of alpha must be above zero, not -5.\n"
    assert cli("capital", "alpha", "-5").code == 78
    assert cli("capital", "alpha", "5", "--bogus").code == 64
    assert cli("capital", "alpha", "lots").code == 64
    assert cli("capital", "nope", "5").code == 66
    handle = os.open(folder / "home/instances/alpha/lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert cli("capital", "alpha", "700").code == 75
    finally:
        os.close(handle)


def test_the_vault_says_what_it_holds(cli: Cli, folder: Path) -> None:
    status = cli("vault", "status", "--json").json
    assert (status["kdf"], status["instances"], status["other_keys"]) == ("argon2id", ["alpha", "beta"], [])
    (folder / "passphrase").write_text("wrong", encoding="utf-8")
    assert cli("vault", "status").code == 77
    (folder / "home/vault.json").write_text("{}", encoding="utf-8")
    assert cli("vault", "status").code == 77


def test_the_audit_is_read_from_its_file(cli: Cli, folder: Path) -> None:
    (folder / "home/run/audit.jsonl").unlink()
    assert cli("audit", "--json").json == []
    entries = [
        {
            "at": f"2026-01-0{day}T00:00:00Z",
            "who": "me",
            "verb": "start",
            "names": ["alpha"],
            "outcome": "ok",
            "exit_code": 0,
        }
        for day in (1, 2, 3)
    ]
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    (folder / "home/run/audit.jsonl").write_text(text, encoding="utf-8")
    assert cli("audit", "--json").json == entries
    assert cli("audit", "--since", "2026-01-02", "--last", "1", "--json").json == entries[-1:]
    assert cli("audit").out.splitlines()[1].split() == ["2026-01-01T00:00:00Z", "me", "start", "alpha", "ok", "0"]


def test_what_commands_change_in_files_is_audited(cli: Cli, folder: Path) -> None:
    (folder / "home/run/audit.jsonl").unlink()
    (folder / "keys").write_text("apiKey=canary\n", encoding="utf-8")
    cli("config", "set", "alpha", "risk.max_open_positions=2")
    cli("config", "set", "alpha", "risk.nonsense=2")
    cli("capital", "alpha", "600")
    cli("keys", "set", "alpha", "--from", "keys")
    cli("create", "alpha", "--profile", "test.toml")
    cli("remove", "beta", "--yes")
    entries = cli("audit", "--json").json
    assert [(entry["verb"], entry["exit_code"]) for entry in entries] == [
        ("config set", 0),
        ("config set", 78),
        ("capital", 0),
        ("keys set", 0),
        ("create", 73),
        ("remove", 0),
    ]
    assert entries[3]["args"] == {"keys": ["apiKey"]}
    assert "canary" not in str(entries)


@pytest.mark.parametrize("verb", ["start", "stop", "restart", "pause", "resume", "flatten"])
def test_verbs_that_need_a_supervisor_say_how_to_start_one(cli: Cli, verb: str) -> None:
    yes = ["--yes"] if verb == "flatten" else []
    result = cli(verb, "alpha", *yes)
    assert (result.code, result.out) == (69, "")
    assert "investbot up --detach" in result.err


def test_a_size_is_worked_out_without_one(cli: Cli) -> None:
    refused = cli("size", "alpha", "BTC/USDT", "--stop", "100000000")
    assert (refused.code, "the last price, which is" in refused.err) == (64, True)
    price = Decimal(refused.err.rpartition(" ")[2].strip().rstrip("."))
    told = cli("size", "alpha", "BTC/USDT", "--stop", str(price * Decimal("0.992")), "--json")
    assert told.code == 0
    assert Decimal(told.json["price"]) == price
    assert Decimal(told.json["quantity"]) > 0
    assert cli("size", "alpha", "BTC/USDT", "--stop", "low").code == 64
    assert cli("size", "alpha", "BTC/USDT", "--stop", "90").code == 65
    assert cli("size", "nope", "BTC/USDT", "--stop", "90").code == 66


def test_close_and_top_need_one_too(cli: Cli) -> None:
    assert cli("close", "alpha", "BTC/USDT", "--yes").code == 69
    assert cli("close", "nope", "BTC/USDT", "--yes").code == 66
    assert cli("top").code == 69


@pytest.mark.parametrize("words", [("start",), ("stop", "alpha", "--all"), ("flatten",), ("flatten", "alpha")])
def test_names_or_all_and_yes_where_it_cannot_be_asked(cli: Cli, words: tuple[str, ...]) -> None:
    result = cli(*words)
    assert (result.code, result.err.count("\n")) == (64, 1)
