"""The systemd units: readable, hardened, and naming only what there is."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from investbot.cli.passphrase import CREDENTIAL
from investbot.domain.errors import AuthFailed, ConfigError, TryAgain, VaultError, VenueUnavailable
from tests.conftest import REPOSITORY
from tests.deploy.commands import wrong_with
from tests.deploy.units import Unit, parse_unit

UNITS = ("investbot.service", "investbot@.service")
PROGRAM = "/usr/local/bin/investbot"
EXPOSURE = 25
"""Tenths: what `systemd-analyze security` may come to at most; an unguarded service has 96."""


def text_of(name: str) -> str:
    return (REPOSITORY / "systemd" / name).read_text(encoding="utf-8")


@pytest.fixture(params=UNITS)
def unit(request: pytest.FixtureRequest) -> Unit:
    return parse_unit(text_of(request.param))


@pytest.fixture
def analyze(tmp_path: Path) -> list[Path]:
    """Copy the units with a program that is there, for a tool that looks whether it is."""
    found = []
    for name in UNITS:
        copy = tmp_path / name
        copy.write_text(text_of(name).replace(PROGRAM, shutil.which("true") or "/bin/true"), encoding="utf-8")
        found.append(copy)
    return found


def run(*words: str | Path) -> tuple[int, str]:
    """Run systemd-analyze where the machine has it; without it the tests of the parsed units have to do."""
    tool = shutil.which("systemd-analyze")
    if tool is None:
        return 0, ""
    done = subprocess.run([tool, *words], capture_output=True, check=False, text=True, env=os.environ | {"LC_ALL": "C"})
    return done.returncode, done.stdout + done.stderr


def test_a_line_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no line of a unit"):
        parse_unit("[Service]\nType notify\n")
    with pytest.raises(ValueError, match="no line of a unit"):
        parse_unit("Type=notify\n")


def test_systemd_itself_finds_no_mistake(analyze: list[Path]) -> None:
    code, said = run("verify", "--man=no", *analyze)
    ours = [line for line in said.splitlines() if "investbot" in line]
    assert (code, ours) == (0, [])


def test_systemd_itself_calls_them_guarded(analyze: list[Path]) -> None:
    for copy in analyze:
        code, said = run("security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}", copy)
        assert code == 0, said[-300:]


def test_it_runs_a_command_there_is_and_tells_systemd(unit: Unit) -> None:
    service = unit["Service"]
    program, *words = service["ExecStart"][0].split()
    assert program == PROGRAM
    assert wrong_with(words) == []
    assert service["Type"] == ["notify"]
    assert service["NotifyAccess"] == ["main"]
    assert int(service["WatchdogSec"][0]) >= 20
    assert unit["Install"]["WantedBy"] == ["multi-user.target"]


def test_each_unit_has_its_verb() -> None:
    lines = {name: parse_unit(text_of(name))["Service"]["ExecStart"] for name in UNITS}
    assert lines["investbot@.service"] == [f"{PROGRAM} run %i"]
    assert lines["investbot.service"] == [f"{PROGRAM} up --restore"]


def test_what_an_operator_has_to_see_to_is_not_tried_again(unit: Unit) -> None:
    service = unit["Service"]
    prevented = set(map(int, service["RestartPreventExitStatus"][0].split()))
    assert service["Restart"] == ["on-failure"]
    assert prevented >= {each.exit_code for each in (VaultError, AuthFailed, ConfigError)}
    assert not prevented & {each.exit_code for each in (TryAgain, VenueUnavailable)}
    assert unit["Unit"]["StartLimitIntervalSec"] == ["0"]


def test_the_passphrase_is_an_encrypted_credential(unit: Unit) -> None:
    service = unit["Service"]
    assert service["LoadCredentialEncrypted"] == [CREDENTIAL]
    assert service["Environment"] == ["INVESTBOT_HOME=%S/investbot"]
    assert "SetCredential" not in service


def test_only_the_home_can_be_written_and_by_one_user_only(unit: Unit) -> None:
    service = unit["Service"]
    assert service["StateDirectory"] == ["investbot"]
    assert service["StateDirectoryMode"] == ["0700"]
    assert service["ProtectSystem"] == ["strict"]
    assert service["UMask"] == ["0077"]
    assert service["User"] == ["investbot"]
    assert "ReadWritePaths" not in service


def test_the_isolation_of_the_instances_still_works(unit: Unit) -> None:
    service = unit["Service"]
    (calls,) = service["SystemCallFilter"]
    named = {"seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"}
    assert named <= set(calls.split())
    assert "ProtectProc" not in service  # the supervisor knows its instances by /proc, and they hide from others
    assert "PrivateUsers" not in service  # who asks at the control socket is known by his user


def test_instances_outlive_their_supervisor() -> None:
    assert parse_unit(text_of("investbot.service"))["Service"]["KillMode"] == ["process"]
    assert "KillMode" not in parse_unit(text_of("investbot@.service"))["Service"]
