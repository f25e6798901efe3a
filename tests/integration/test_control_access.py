"""Somebody else than the owner looks at a fleet, and cannot act on it: real users, real commands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.integration.cli import PROGRAM, Result, Shell

ORDINARY = Path(__file__).with_name("ordinary_user.py")
READER, ADMIN, STRANGER = 61_235, 61_236, 61_237
OTHERS = (READER, ADMIN, STRANGER) if os.getuid() == 0 else ()


@pytest.fixture(scope="module")
def fleet() -> Iterator[Shell]:
    """A fleet that runs, in a folder that others may go through."""
    folder = Path(tempfile.mkdtemp(prefix="investbot-access-"))
    folder.chmod(0o711)
    shell = Shell(folder)
    shell.ok("init")
    with (shell.home / "investbot.toml").open("a") as file:
        file.write(f"[control]\nadmins = [{ADMIN}]\nreaders = [{READER}]\n")
    shell.ok("create", "alpha", "--profile", str(folder / "slow.toml"))
    shell.ok("up", "--detach")
    try:
        shell.ok("start", "alpha")
        yield shell
    finally:
        shell("down", "--yes")
        shutil.rmtree(folder)


def told(fleet: Shell, user: int, *words: str) -> Result:
    """Give a command as another user, without the passphrase."""
    command = [sys.executable, str(ORDINARY), str(user), *PROGRAM, *words]
    environment = {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_CONFIG"}
    environment |= {"INVESTBOT_HOME": str(fleet.home), "PYTHONPATH": str(REPOSITORY), "HOME": "/nonexistent"}
    done = subprocess.run(command, capture_output=True, check=False, text=True, env=environment, cwd="/", timeout=60)
    return Result(done.returncode, done.stdout, done.stderr)


def test_the_owner_acts_as_ever(fleet: Shell) -> None:
    fleet.ok("pause", "alpha")
    fleet.ok("resume", "alpha")
    assert fleet.row("alpha")["state"] == "RUNNING"


@pytest.mark.parametrize("user", [each for each in OTHERS if each == READER])
def test_a_reader_looks(fleet: Shell, user: int) -> None:
    for words in (
        ["status", "--json"],
        ["status", "alpha", "--json"],
        ["top", "--json"],
        ["events", "alpha", "--json"],
    ):
        result = told(fleet, user, *words)
        assert result.code == 0, result
        assert json.loads(result.out)
    shown = told(fleet, user, "show", "alpha", "--json")
    assert (shown.code, shown.json["settings"]) == (0, None), shown
    assert told(fleet, user, "fills", "nobody").code == 66


@pytest.mark.parametrize("user", [each for each in OTHERS if each == READER])
def test_a_reader_does_not_act(fleet: Shell, user: int) -> None:
    for verb in ("stop", "pause", "restart"):
        result = told(fleet, user, verb, "alpha")
        assert result.code == 77, result
        assert f"You may look at this fleet and not act on it: {verb} is for its owner" in result.out + result.err
    assert fleet.row("alpha")["state"] == "RUNNING"
    assert any("not act on it: stop" in line["outcome"] for line in fleet.ok("audit", "--json").json)


@pytest.mark.parametrize("user", [each for each in OTHERS if each == READER])
def test_a_reader_reads_no_file(fleet: Shell, user: int) -> None:
    home = fleet.home
    files = [home / "investbot.toml", home / "vault.json", home / "run" / "audit.jsonl"]
    for look in (*(["cat", str(file)] for file in files), ["ls", str(home)], ["ls", str(home / "instances")]):
        command = [sys.executable, str(ORDINARY), str(user), "/usr/bin/env", *look]
        done = subprocess.run(command, capture_output=True, check=False, text=True)
        assert done.returncode != 0, look
        assert "Permission denied" in done.stderr


@pytest.mark.parametrize("user", [each for each in OTHERS if each == ADMIN])
def test_an_admin_acts(fleet: Shell, user: int) -> None:
    assert told(fleet, user, "pause", "alpha").code == 0
    assert told(fleet, user, "resume", "alpha").code == 0
    assert any(line["who"] == str(ADMIN) for line in fleet.ok("audit", "--json").json)


@pytest.mark.parametrize("user", [each for each in OTHERS if each == STRANGER])
def test_a_stranger_is_turned_away(fleet: Shell, user: int) -> None:
    result = told(fleet, user, "status")
    assert result.code == 77, result
    assert "belongs to another user" in result.err
