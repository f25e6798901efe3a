"""A machine is lost while instances trade; what is left is a disk with backups, a passphrase, an empty folder."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli import PASSPHRASE, Shell


def until(check: Callable[[], Any], seconds: float = 90.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)
    return found


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path, here=True)
    assert shell("init").code == 0
    usb = tmp_path / "usb"
    usb.mkdir()
    with (shell.home / "investbot.toml").open("a") as file:
        file.write(f'\n[backups]\nto = ["{usb}"]\nship = "1s"\n')
    for name in ("alpha", "beta"):
        assert shell("create", name, "--profile", "slow.toml", "--capital", "500").code == 0
    yield shell
    if (shell.home / "run" / "supervisor.pid").exists():
        shell("down", "--yes")


def shipped(usb: Path, name: str) -> int:
    """Tell up to which event the history of an instance is on the other disk."""
    names = sorted(path.name for path in (usb / name / "segments").glob("*.ibs"))
    return int(names[-1].split("-")[3].partition(".")[0]) if names else 0


def test_everything_comes_back_from_the_other_disk(shell: Shell, tmp_path: Path) -> None:
    usb = tmp_path / "usb"
    names = shell.told("status")
    assert [row["name"] for row in names] == ["alpha", "beta"]
    assert shell("up", "--detach").code == 0
    assert shell("start", "--all").code == 0
    shell.until_held("alpha")
    assert shell("backup", "create", "--all").code == 0
    seq = shell.told("events", "alpha", "--last", "1")[0]["seq"]
    until(lambda: shipped(usb, "alpha") > seq + 5 and shipped(usb, "beta") > 0)
    assert shell("stop", "alpha").code == 0
    whole = shell.told("events", "alpha")
    until(lambda: shipped(usb, "alpha") == whole[-1]["seq"])
    refused = shell("backup", "restore", "beta")
    assert (refused.code, "beta is running; stop it first with `investbot stop beta`" in refused.err) == (78, True)
    shell.kill_supervisor()
    assert shell("up", "--detach").code == 0
    assert shell("down", "--yes").code == 0
    shutil.rmtree(shell.home)

    wrong = tmp_path / "wrong"
    wrong.write_text("some other words\n")
    refused = shell("--passphrase-file", str(wrong), "backup", "restore", "--all", "--from", str(usb))
    assert refused.code == 77
    assert not (shell.home / "vault.json").exists()

    done = shell("backup", "restore", "--all", "--from", str(usb), "--json")
    assert done.code == 0, done
    lines = {row["name"]: row for row in json.loads(done.out)}
    assert set(lines) == {"alpha", "beta"}
    assert shell.told("events", "alpha") == whole
    assert [row["name"] for row in shell.told("status")] == ["alpha", "beta"]
    assert {row["state"] for row in shell.told("status")} == {"STOPPED"}
    assert json.loads(shell("backup", "list", "--json").out)
    assert shell("backup", "create", "alpha").code == 0
    numbers = [row["number"] for row in json.loads(shell("backup", "list", "alpha", "--json").out)]
    assert numbers == [1, 2]
    again = shell("backup", "restore", "--all", "--from", str(usb))
    assert again.code == 0, again

    assert shell("up", "--detach").code == 0
    assert shell("start", "alpha").code == 0
    until(lambda: shell.told("events", "alpha", "--last", "1")[0]["seq"] > whole[-1]["seq"])
    assert shell.told("events", "alpha")[: len(whole)] == whole
    assert shell("down", "--yes").code == 0
    assert PASSPHRASE not in done.out + done.err


def test_a_restore_on_the_command_line(shell: Shell, tmp_path: Path) -> None:
    assert shell("backup", "create", "--all").code == 0
    dry = shell("backup", "restore", "alpha", "--dry-run", "--json")
    assert (dry.code, json.loads(dry.out)["dry_run"]) == (0, True)
    told = json.loads(shell("backup", "restore", "alpha", "--as", "gamma", "--json").out)
    assert (told["name"], told["replaced"]) == ("gamma", None)
    assert [row["name"] for row in shell.told("status")] == ["alpha", "beta", "gamma"]
    human = shell("backup", "restore", "alpha")
    assert "restored up to event 0 from 000001-" in human.out
    (archive,) = (shell.home / "backups" / "alpha").glob("*.ibk")
    assert shell("backup", "restore", str(archive)).code == 0
    lost = tmp_path / archive.name
    shutil.copy(archive, lost)
    assert shell("backup", "restore", str(lost), "--of", "alpha").code == 0
    for words, code in (
        (("restore",), 64),
        (("restore", "--all"), 64),
        (("restore", "alpha", "--with-keys"), 64),
        (("restore", "alpha", "--at", "yesterday"), 64),
        (("restore", "alpha", "--at", "7"), 65),
        (("restore", "alpha", "--as", "beta"), 73),
        (("restore", "nobody"), 65),
        (("restore", str(tmp_path / "alpha" / archive.name)), 65),
        (("restore", "--all", "--from", str(tmp_path / "nothing")), 74),
        (("expire", "alpha", "--all"), 64),
    ):
        result = shell("backup", *words)
        assert (words, result.code) == (words, code), result
        assert result.err.count("\n") == 1
        assert not result.out


def test_what_is_too_much_goes_everywhere(shell: Shell, tmp_path: Path) -> None:
    text = (shell.home / "investbot.toml").read_text()
    (shell.home / "investbot.toml").write_text(text + "daily = 2\nweekly = 0\nmonthly = 0\n")
    for _ in range(4):
        assert shell("backup", "create", "alpha").code == 0
    before = sorted(path.name for path in (shell.home / "backups" / "alpha").glob("*.ibk"))
    dry = json.loads(shell("backup", "expire", "--dry-run", "--json").out)
    gone = {row["name"]: row["files"] for row in dry}
    assert {Path(path).name for path in gone["alpha"]} == set(before[:-1])
    assert len(gone["alpha"]) == 6
    assert sorted(path.name for path in (shell.home / "backups" / "alpha").glob("*.ibk")) == before
    assert shell("backup", "expire").code == 0
    for folder in (shell.home / "backups", tmp_path / "usb"):
        assert [path.name for path in (folder / "alpha").glob("*.ibk")] == before[-1:]
        left = sorted(path.name for path in (folder / "_fleet").iterdir() if path.name[:1].isdigit())
        assert [name.partition(".")[2] for name in left] == ["ibk", "vault.json"]
    assert json.loads(shell("backup", "expire", "--json").out)[0]["files"] == []
