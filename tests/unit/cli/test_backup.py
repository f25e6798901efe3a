"""investbot backup: one line a name, one sentence a failure, and the exit code tells."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from investbot.adapters.backups.shelf import FolderShelf
from investbot.cli.output import Face, Output
from investbot.cli.progress import progress
from tests.unit.cli.conftest import PASSPHRASE, Cli


def test_all_are_backed_up_and_listed(cli: Cli, folder: Path) -> None:
    assert "no backups yet" in cli("backup", "list").err
    made = cli("backup", "create", "--all", "--json")
    assert made.code == 0
    assert [(row["name"], row["ok"], row["verified"]) for row in made.json] == [
        ("alpha", True, True),
        ("beta", True, True),
        ("_fleet", True, True),
    ]
    rows = cli("backup", "list", "--json").json
    assert [(row["name"], row["number"]) for row in rows] == [("alpha", 1), ("beta", 1), ("_fleet", 1)]
    assert all(row["verified_at"] for row in rows)
    assert [row["name"] for row in cli("backup", "list", "beta", "--json").json] == ["beta"]
    shown = cli("backup", "list").out
    assert rows[0]["archive"] in shown
    assert "verified at" in shown
    for path in (folder / "home/backups").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_one_is_backed_up_with_what_all_share(cli: Cli, folder: Path) -> None:
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    made = cli("backup", "create", "alpha", "--no-verify", "--to", str(folder / "a"), "--to", "b")
    assert made.code == 0
    assert [line.partition(":")[0] for line in made.out.splitlines()] == ["alpha", "_fleet"]
    assert "backed up, not verified" in made.out
    for each in ("a", "b"):
        assert sorted(path.name for path in (folder / each).iterdir()) == ["_fleet", "alpha"]
    assert [row["verified_at"] for row in cli("backup", "list", "--json").json] == [None, None]
    told = cli("backup", "verify", "alpha")
    assert (told.code, " is whole: " in told.out, " events as of " in told.out) == (0, True, True)
    assert cli("backup", "list", "alpha", "--json").json[0]["verified_at"]
    (copy,) = (folder / "a/alpha").iterdir()
    assert cli("backup", "verify", str(copy)).code == 0
    loose = folder / copy.name
    copy.rename(loose)
    (folder / "Strange").mkdir()
    stray = loose.rename(folder / "Strange" / copy.name)
    assert "add --of NAME" in cli("backup", "verify", str(stray)).err
    assert cli("backup", "verify", str(stray), "--of", "alpha").code == 0
    refused = cli("backup", "verify", str(stray), "--of", "beta", "_fleet")
    assert refused.code == 65
    assert "another instance's" in refused.err
    assert "_fleet: " in refused.out


def test_one_failure_does_not_keep_the_others_from_being_made(cli: Cli, folder: Path) -> None:
    with FolderShelf(folder / "home/backups/alpha", "alpha").turn():
        made = cli("backup", "create", "--all")
    assert made.code == 75
    assert "Another command is at work on the backups of alpha" in made.err
    assert [line.partition(":")[0] for line in made.out.splitlines()] == ["beta", "_fleet"]
    assert cli("backup", "create", "gamma").code == 66
    told = cli("backup", "create", "beta", "--to", "nowhere", "--json")
    assert told.code == 74
    assert [row["message"].partition(", but ")[2] for row in told.json] == [
        f"There is no folder {folder}/nowhere; make it, or mount what it is on."
    ] * 2
    assert [row["number"] for row in cli("backup", "list", "beta", "--json").json] == [1, 2]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("create",), 64, "Name an instance"),
        (("create", "alpha", "--all"), 64, "not both"),
        (("verify",), 64, "not both"),
        (("verify", "alpha", "--all"), 64, "not both"),
        (("verify", "alpha"), 74, "There is no backup of alpha yet"),
        (("verify", "alpha/000001-20260101T000000Z.ibk"), 74, "There is no archive"),
        (("verify", "alpha/x.ibk"), 64, "not named like an archive"),
        (("verify", "/etc/passwd"), 64, "not named like an archive"),
    ],
)
def test_mistakes(cli: Cli, words: tuple[str, ...], code: int, sentence: str) -> None:
    told = cli("backup", *words)
    assert (told.code, sentence in told.err) == (code, True), told


def test_settings_of_backups_are_followed(cli: Cli, folder: Path) -> None:
    (folder / "usb").mkdir()
    with (folder / "home/investbot.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[backups]\nto = ["{folder}/usb"]\nafter = ["false"]\n')
    made = cli("backup", "create", "alpha")
    assert made.code == 74
    assert made.err.count("The command false failed with code 1; ") == 2
    assert sorted(each.name for each in (folder / "usb").iterdir()) == ["_fleet", "alpha"]


def test_the_identity_is_written_once_into_a_private_file(cli: Cli, folder: Path) -> None:
    told = cli("backup", "export-identity", "--to", "identity.txt")
    file = folder / "identity.txt"
    assert (told.code, stat.S_IMODE(file.stat().st_mode)) == (0, 0o600)
    assert "AGE-SECRET-KEY-1" in file.read_text(encoding="utf-8")
    assert "AGE-SECRET-KEY-1" not in told.out + told.err
    again = cli("backup", "export-identity", "--to", "identity.txt")
    assert (again.code, "there already" in again.err) == (73, True)


def test_no_secret_of_the_vault_is_shown(cli: Cli, folder: Path) -> None:
    cli("backup", "export-identity", "--to", "identity.txt")
    identity = (folder / "identity.txt").read_text(encoding="utf-8").split()[-1]
    told = [cli("backup", "create", "alpha", "--debug"), cli("backup", "verify", "gamma", "--debug")]
    audit = (folder / "home/run/audit.jsonl").read_text(encoding="utf-8")
    for text in (audit, *(result.out + result.err for result in told)):
        assert identity not in text
        assert PASSPHRASE not in text
    assert '"backup create"' in audit


def test_progress_is_for_a_human_at_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress(Output(Face.HUMAN), "alpha") as shown:
        shown("packing", 1, 2)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with progress(Output(Face.HUMAN), "alpha") as shown:
        shown("packing", 1_000_000, 2_000_000)
        shown("unpacking", 2_000_000, 2_000_000)
    assert "alpha: " in capsys.readouterr().err
    with progress(Output(Face.JSON), "alpha") as shown:
        shown("packing", 1, 2)
    assert capsys.readouterr().err == ""
