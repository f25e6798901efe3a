"""`investbot migrate`: ledgers go to a schema and back, and never under a process that trades."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from investbot.adapters.storage import schema, sqlcipher
from investbot.adapters.storage.vault import Vault
from investbot.instance.lock import InstanceLock
from tests.unit.cli.conftest import PASSPHRASE, Cli

NEWEST = schema.latest()


def schema_of(folder: Path, name: str) -> int:
    with contextlib.closing(Vault.unlock(folder / "home/vault.json", PASSPHRASE)) as vault:
        key = vault.data_key(name)
    with contextlib.closing(sqlcipher.connect(folder / f"home/instances/{name}/ledger.db", key)) as connection:
        return schema.version(connection)


def test_a_ledger_goes_back_and_forth_and_keeps_its_trips(cli: Cli, folder: Path) -> None:
    before = cli("trips", "alpha", "--json").json
    assert before
    (line,) = cli("migrate", "alpha", "--schema", "1", "--json").json
    assert line == {
        "name": "alpha", "exit_code": 0, "message": f"alpha: from schema {NEWEST} to 1.", "was": NEWEST, "schema": 1
    }  # fmt: skip
    assert schema_of(folder, "alpha") == 1
    assert (folder / f"home/instances/alpha/ledger.db.v{NEWEST}.copy").is_file()
    told = cli("migrate", "--all")
    assert told.code == 0
    assert told.out.splitlines() == [f"alpha: from schema 1 to {NEWEST}.", f"beta: schema {NEWEST} already."]
    assert cli("trips", "alpha", "--json").json == before
    verbs = [(row["verb"], row["names"]) for row in cli("audit", "--json").json if row["verb"] == "migrate"]
    assert verbs == [("migrate", ["alpha"]), ("migrate", ["alpha"]), ("migrate", ["beta"])]


def test_one_that_runs_is_left_alone_and_the_others_go(cli: Cli, folder: Path) -> None:
    with InstanceLock(folder / "home/instances/alpha/lock", "alpha"):
        result = cli("migrate", "--all", "--schema", "1")
    assert result.code == 75
    assert "alpha is already running" in result.err
    assert result.out == f"beta: from schema {NEWEST} to 1.\n"
    assert (schema_of(folder, "alpha"), schema_of(folder, "beta")) == (NEWEST, 1)


def test_one_whose_ledger_cannot_be_read_is_told(cli: Cli, folder: Path) -> None:
    (folder / "home/instances/alpha/ledger.db").write_bytes(bytes(8192))
    result = cli("migrate", "--all")
    assert result.code in {74, 77}
    assert result.out == f"beta: schema {NEWEST} already.\n"


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--all", "--schema", "999"), 64, "There is no schema 999: this program knows 1 to"),
        (("--all", "--schema", "0"), 64, "greater than or equal to 1"),
        ((), 64, "Name an instance, or give --all"),
        (("nobody",), 66, "nobody"),
    ],
)
def test_what_is_put_wrongly_is_refused(cli: Cli, words: tuple[str, ...], code: int, sentence: str) -> None:
    result = cli("migrate", *words)
    assert (result.code, sentence in result.err) == (code, True), result


def test_a_home_without_instances_has_nothing_to_do(cli: Cli, tmp_path: Path) -> None:
    assert cli("init", home=tmp_path / "new").code == 0
    assert cli("migrate", "--all", home=tmp_path / "new").code == 0
