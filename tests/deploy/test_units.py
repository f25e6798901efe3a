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
COPIES = ("investbot-backup.service", "user/investbot-backup.service")
ALL = sorted(
    str(path.relative_to(REPOSITORY / "systemd")) for path in (REPOSITORY / "systemd").rglob("*.[st][ei]*[er]")
)
SYSTEM, USER = [name for name in ALL if "/" not in name], [name for name in ALL if name.startswith("user/")]
PROGRAM = "/usr/local/bin/investbot"
OWN_PROGRAM = "%h/.local/bin/investbot"
KEEPER = "/opt/investbot/keeper/upgrade"
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
    return [with_a_program(name, tmp_path) for name in SYSTEM]


def with_a_program(name: str, folder: Path) -> Path:
    """Copy a unit; its program becomes one that every machine has."""
    text = text_of(name)
    for program in (PROGRAM, OWN_PROGRAM, KEEPER):
        text = text.replace(f"ExecStart={program}", f"ExecStart={shutil.which('true') or '/bin/true'}")
    copy = folder / Path(name).name
    copy.write_text(text, encoding="utf-8")
    return copy


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


def test_systemd_itself_finds_no_mistake_in_those_of_a_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    code, said = run("--user", "verify", "--man=no", *(with_a_program(name, tmp_path) for name in USER))
    ours = [line for line in said.splitlines() if "investbot" in line]
    assert (code, ours) == (0, [])


def test_there_are_units_for_all_that_comes_round() -> None:
    assert SYSTEM == [
        "investbot-backup.service",
        "investbot-backup.timer",
        "investbot-return.service",
        "investbot.service",
        "investbot@.service",
    ]
    assert [f"user/{name}" for name in SYSTEM if "return" not in name] == USER


def test_systemd_itself_calls_them_guarded(analyze: list[Path]) -> None:
    for copy in (each for each in analyze if each.suffix == ".service"):
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


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_made_and_only_then_thrown_away(name: str) -> None:
    service = parse_unit(text_of(name))["Service"]
    program = OWN_PROGRAM if name.startswith("user/") else PROGRAM
    assert service["ExecStart"] == [f"{program} backup create --all", f"{program} backup expire"]
    assert [wrong_with(line.split()[1:]) for line in service["ExecStart"]] == [[], []]
    assert service["Type"] == ["oneshot"]  # one after the other, and the second only when the first went well
    assert "Restart" not in service
    assert int(service["Nice"][0]) > 0


@pytest.mark.parametrize("name", [name for name in ALL if name.endswith(".timer")])
def test_copies_come_every_day_and_after_a_day_that_was_missed(name: str) -> None:
    unit = parse_unit(text_of(name))
    timer = unit["Timer"]
    assert timer["OnCalendar"] == ["*-*-* 02:00:00"]
    assert timer["Persistent"] == ["true"]
    assert timer["RandomizedDelaySec"] == ["1h"]
    assert timer["Unit"] == ["investbot-backup.service"]
    assert unit["Install"]["WantedBy"] == ["timers.target"]
    code, said = run("calendar", "--iterations=2", timer["OnCalendar"][0])
    assert code == 0, said


@pytest.mark.parametrize("name", [name for name in USER if name.endswith(".service")])
def test_a_users_units_need_no_root_and_no_secret_in_them(name: str) -> None:
    service = parse_unit(text_of(name))["Service"]
    assert service["Environment"] == ["INVESTBOT_HOME=%h/.local/share/investbot"]
    assert service["LoadCredential"] == [f"{CREDENTIAL}:%E/investbot/passphrase"]
    assert not service.keys() & {"User", "Group", "StateDirectory", "ProtectSystem", "PrivateTmp", "PrivateUsers"}
    assert service["NoNewPrivileges"] == ["yes"]


@pytest.mark.parametrize("name", ["investbot.service", "investbot@.service"])
def test_a_users_units_behave_like_the_others(name: str) -> None:
    own, other = (parse_unit(text_of(each))["Service"] for each in (f"user/{name}", name))
    assert own["ExecStart"] == [other["ExecStart"][0].replace(PROGRAM, OWN_PROGRAM)]
    for key in ("Type", "NotifyAccess", "Restart", "RestartSec", "RestartPreventExitStatus", "WatchdogSec"):
        assert own[key] == other[key]
    assert own.get("KillMode") == other.get("KillMode")
    assert parse_unit(text_of(f"user/{name}"))["Install"]["WantedBy"] == ["default.target"]


def test_copies_see_the_home_of_the_fleet_and_its_passphrase() -> None:
    fleet, copies = (parse_unit(text_of(name))["Service"] for name in ("investbot.service", "investbot-backup.service"))
    for key in ("User", "Group", "StateDirectory", "StateDirectoryMode", "Environment", "LoadCredentialEncrypted"):
        assert copies[key] == fleet[key]
    assert parse_unit(text_of("investbot-backup.service"))["Unit"]["ConditionPathExists"] == [
        "%S/investbot/investbot.toml"
    ]


def test_an_upgrade_that_was_cut_off_is_led_back_before_anything_starts() -> None:
    unit = parse_unit(text_of("investbot-return.service"))
    assert unit["Unit"]["ConditionPathExists"] == ["/opt/investbot/upgrade.journal"]
    assert "investbot.service" in unit["Unit"]["Before"][0].split()
    assert unit["Service"]["ExecStart"] == [f"{KEEPER} --return --no-start"]
    assert unit["Install"]["WantedBy"] == ["multi-user.target"]
