from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from investbot.config.instance import INSTANCE_FILE, load_instance, set_values
from investbot.config.versions import rollback, save
from investbot.doctor.checks import (
    allocations,
    clock,
    disk,
    ledgers,
    orphans,
    permissions,
    settings,
    supervisor,
    versions,
)
from investbot.doctor.host import Disk, Host
from investbot.doctor.issue import Issue, Level
from investbot.domain.errors import LedgerError, Locked, VaultError, WrongPassphrase
from tests.unit.doctor.builders import GIB, NOW, make_file, make_home, make_host, make_instance

MIB = 2**20


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = make_home(tmp_path)
    make_instance(made, "alpha")
    make_instance(made, "beta")
    return made


def only(issues: list[Issue], level: Level, *words: str) -> Issue:
    """Expect one issue of this level whose text holds these words."""
    (issue,) = issues
    assert issue.level is level, issue
    text = f"{issue.what} | {issue.why} | {issue.fix}"
    assert [word for word in words if word not in text] == [], text
    assert (level is Level.OK) == (not issue.why) == (not issue.fix)
    return issue


def run(command: str) -> None:
    subprocess.run(["bash", "-c", command], check=True, timeout=30)


# ---- permissions


def test_a_private_home_is_well(home: Path) -> None:
    only(permissions.check(make_host(home)), Level.OK, "yours alone")


@pytest.mark.parametrize(
    "name",
    ["", "vault.json", "investbot.toml", "instances", "run", "instances/alpha", "instances/alpha/ledger.db",
     "instances/beta/versions", "instances/beta/versions/0001.toml"],
)  # fmt: skip
@pytest.mark.parametrize("bit", [stat.S_IRGRP, stat.S_IWOTH, stat.S_IXOTH])
def test_what_others_may_touch_is_told_and_the_fix_fixes_it(home: Path, name: str, bit: int) -> None:
    path = home / name
    path.chmod(path.stat().st_mode | bit)
    issue = only(permissions.check(make_host(home)), Level.ERROR, name or str(home), "chmod go=")
    run(issue.fix)
    only(permissions.check(make_host(home)), Level.OK)


def test_many_open_files_have_one_fix(home: Path) -> None:
    for path in (home, *home.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    make_file(home / "profiles" / "not-private.toml").chmod(0o644)
    issue = only(permissions.check(make_host(home)), Level.ERROR, "more are open to others", "find ")
    run(issue.fix)
    only(permissions.check(make_host(home)), Level.OK)
    assert (home / "profiles" / "not-private.toml").stat().st_mode & 0o777 == 0o644


def test_many_open_files_inside_leave_the_home_alone(home: Path) -> None:
    for path in (home / "instances").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    issue = only(permissions.check(make_host(home)), Level.ERROR)
    assert issue.fix.startswith("find ")
    run(issue.fix)
    only(permissions.check(make_host(home)), Level.OK)


def test_a_link_is_not_judged_by_its_mode(home: Path) -> None:
    (home / "run" / "link").symlink_to("/nowhere")
    only(permissions.check(make_host(home)), Level.OK)


def test_files_of_somebody_else_are_told(home: Path) -> None:
    issue = only(permissions.check(make_host(home, uid=os.getuid() + 1)), Level.ERROR, "not yours", "sudo chown -h")
    assert "find " in issue.fix


def test_a_home_without_a_run_folder_is_well(home: Path) -> None:
    shutil.rmtree(home / "run")
    only(permissions.check(make_host(home)), Level.OK)


def test_a_file_that_goes_meanwhile_is_no_issue(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = home / "run" / "gone"
    monkeypatch.setattr(permissions, "_private", lambda host: iter([host.home, gone]))
    only(permissions.check(make_host(home)), Level.OK, "1 files")


# ---- settings


def test_settings_without_mistakes_are_well(home: Path) -> None:
    make_file(home / "profiles" / "mine.toml", "extends = 'conservative'\n")
    only(settings.check(make_host(home)), Level.OK, "4 files")


def test_a_mistake_in_the_fleets_file_is_told(home: Path) -> None:
    make_file(home / "investbot.toml", "[fleet]\nhome_id = 'x'\ncapitl = 3\n")
    only(settings.check(make_host(home)), Level.ERROR, "investbot.toml:3: fleet.capitl", "EDITOR")


def test_a_spoilt_instance_is_told_and_the_fix_fixes_it(home: Path) -> None:
    folder = home / "instances" / "alpha"
    make_file(folder / INSTANCE_FILE, "x = 1\ny = 2\n")
    only(settings.check(make_host(home)), Level.ERROR, "(and 2 more)", "investbot config rollback alpha 1")
    rollback(folder, 1, NOW, "me")
    only(settings.check(make_host(home)), Level.OK)


def test_an_instance_without_history_has_to_be_edited(home: Path) -> None:
    folder = home / "instances" / "alpha"
    shutil.rmtree(folder / "versions")
    only(settings.check(make_host(home)), Level.WARNING, "version 1 of the settings is not in the history", "EDITOR")
    make_file(folder / INSTANCE_FILE, "x")
    only(settings.check(make_host(home)), Level.ERROR, "EDITOR")


def test_what_was_edited_by_hand_is_told(home: Path) -> None:
    folder = home / "instances" / "alpha"
    path = folder / INSTANCE_FILE
    save(folder, set_values(load_instance(folder), ["risk.max_open_positions=2"]), NOW, "me", "set")
    make_file(path, path.read_text(encoding="utf-8").replace("max_open_positions = 2", "max_open_positions = 3"))
    only(settings.check(make_host(home)), Level.WARNING, "edited by hand after version 2", "config apply alpha")


def test_a_damaged_version_is_told(home: Path) -> None:
    folder = home / "instances" / "alpha"
    save(folder, load_instance(folder), NOW, "me", "again")
    make_file(folder / "versions" / "0001.toml", "x")
    only(settings.check(make_host(home)), Level.WARNING, "alpha: version 1", "config history alpha")


def test_an_instance_under_anothers_name_is_told(home: Path) -> None:
    source, target = (home / "instances" / name / INSTANCE_FILE for name in ("alpha", "beta"))
    make_file(target, source.read_text(encoding="utf-8"))
    only(settings.check(make_host(home)), Level.ERROR, "says it is of alpha", "EDITOR")


def test_a_profile_with_mistakes_is_told(home: Path) -> None:
    make_file(home / "profiles" / "mine.toml", "[risk]\nposition_fraction = 2\n")
    only(settings.check(make_host(home)), Level.WARNING, "mine.toml:2: risk.position_fraction", "profiles check")


# ---- disk, clock, versions


@pytest.mark.parametrize(
    ("free", "level"),
    [
        (GIB, Level.OK),
        (GIB - 1, Level.WARNING),
        (100 * MIB, Level.WARNING),
        (100 * MIB - 1, Level.ERROR),
        (0, Level.ERROR),
    ],
)
def test_room_on_the_disk(home: Path, free: int, level: Level) -> None:
    only(disk.check(make_host(home, disk=lambda _: Disk(free, 10 * GIB))), level, "of 10.0 GiB free")


def test_a_clock_before_the_program_is_wrong(home: Path) -> None:
    only(clock.check(make_host(home, now=clock.RELEASED - 1)), Level.ERROR, "2025-05-31T23:59:59.999Z", "timedatectl")


@pytest.mark.parametrize(
    "name",
    ["vault.json", "investbot.toml", "run/audit.jsonl", "instances/alpha/ledger.db", "instances/beta/ledger.db-wal"],
)
def test_what_was_written_in_the_future_is_told(home: Path, name: str) -> None:
    for path in home.rglob("*"):
        os.utime(path, (NOW / 1000, NOW / 1000))
    make_file(home / name)
    os.utime(home / name, (NOW / 1000 + 120, NOW / 1000 + 120))
    only(clock.check(make_host(home, now=NOW)), Level.OK)
    only(clock.check(make_host(home, now=NOW - 1)), Level.WARNING, "2026-01-02T12:02:00Z", "timedatectl")


def test_an_empty_home_has_no_future(tmp_path: Path) -> None:
    only(clock.check(make_host(tmp_path)), Level.OK)


@pytest.mark.parametrize(
    ("python", "level"), [((3, 11, 0), Level.OK), ((3, 10, 14), Level.ERROR), ((4, 0, 0), Level.OK)]
)
def test_the_version_of_python(home: Path, python: tuple[int, int, int], level: Level) -> None:
    only(versions.check(make_host(home, python=python)), level, ".".join(map(str, python)))


@pytest.mark.parametrize(
    ("sqlcipher", "level"), [("4.0.0", Level.OK), ("10.1", Level.OK), ("3.4.1", Level.ERROR), ("", Level.ERROR)]
)
def test_the_version_of_the_encrypting_library(home: Path, sqlcipher: str, level: Level) -> None:
    only(versions.check(make_host(home, sqlcipher=sqlcipher)), level, sqlcipher or "missing")


# ---- supervisor


def test_a_supervisor_that_answers_is_well(home: Path) -> None:
    make_file(home / "run" / "supervisor.sock")
    make_file(home / "run" / "supervisor.pid", "12\n")
    only(supervisor.check(make_host(home, supervisor_answers=lambda: True)), Level.OK, "answers")


def test_a_home_without_a_supervisor_is_well(home: Path) -> None:
    only(supervisor.check(make_host(home)), Level.OK, "none runs")


@pytest.mark.parametrize("text", ["12", "12\n"])
def test_a_supervisor_that_is_there_and_silent_is_told(home: Path, text: str) -> None:
    make_file(home / "run" / "supervisor.pid", text)
    host = make_host(home, is_supervisor=lambda pid: pid == 12)
    only(supervisor.check(host), Level.ERROR, "process 12", "kill 12 && investbot up --detach")


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"supervisor.sock": ""}, "supervisor.sock of"),
        ({"supervisor.pid": "12"}, "supervisor.pid of"),
        ({"supervisor.pid": "junk", "supervisor.sock": ""}, "supervisor.sock and supervisor.pid of"),
        ({"supervisor.pid": "0"}, "supervisor.pid of"),
        ({"supervisor.pid": "-1"}, "supervisor.pid of"),
    ],
)
def test_what_a_supervisor_left_behind_is_told(home: Path, files: dict[str, str], told: str) -> None:
    for name, text in files.items():
        make_file(home / "run" / name, text)
    host = make_host(home, is_supervisor=lambda pid: pid != 12)
    only(supervisor.check(host), Level.WARNING, told, "investbot up --detach")


# ---- ledgers, allocations, orphans


def test_a_ledger_of_an_older_schema_waits_for_its_migration(home: Path) -> None:
    older = "The ledger has the older schema 2; start its instance once to bring it up to date."
    host = make_host(home, inspect_ledger=lambda name: [older] if name == "beta" else [])
    issue = only(ledgers.check(host), Level.WARNING, "beta: The ledger has the older schema 2", "verified copy")
    assert (issue.check, issue.fix) == ("migrations", "investbot migrate beta")
    both = make_host(home, inspect_ledger=lambda name: [older] if name == "beta" else ["It is broken."])
    assert [(each.check, each.level) for each in ledgers.check(both)] == [
        ("ledgers", Level.ERROR),
        ("migrations", Level.WARNING),
    ]


def test_whole_ledgers_are_well(home: Path) -> None:
    only(ledgers.check(make_host(home)), Level.OK, "2 are whole")


def test_no_instances_need_no_passphrase(tmp_path: Path) -> None:
    only(ledgers.check(make_host(make_home(tmp_path), inspect_ledger=None)), Level.OK, "no instances")


def test_ledgers_are_not_looked_at_with_a_wrong_passphrase(home: Path) -> None:
    def refuse(_: str) -> list[str]:
        raise WrongPassphrase("The passphrase does not open this vault.")

    issue = only(ledgers.check(make_host(home, inspect_ledger=refuse)), Level.WARNING, "2 not looked at")
    assert issue.fix == "investbot doctor --passphrase-file FILE"


@pytest.mark.parametrize(("error", "level"), [(Locked, Level.WARNING), (WrongPassphrase, Level.ERROR)])
def test_a_mistyped_passphrase_is_not_taken_for_a_damaged_vault(home: Path, error: type[Locked], level: Level) -> None:
    def refuse() -> list[str]:
        raise error("The passphrase is missing or wrong.")

    issue = only(orphans.check(make_host(home, vault_names=refuse)), level, "missing or wrong |")
    assert issue.fix == "investbot doctor --passphrase-file FILE"


def test_ledgers_are_not_looked_at_without_the_passphrase(home: Path) -> None:
    only(ledgers.check(make_host(home, inspect_ledger=None)), Level.WARNING, "2 not looked at", "--passphrase-file")


def test_everything_wrong_with_every_ledger_is_told(home: Path) -> None:
    make_instance(home, "gamma")

    def inspect(name: str) -> list[str]:
        if name == "alpha":
            raise LedgerError("The file is not a ledger.")
        if name == "beta":
            raise VaultError("The key does not fit.")
        return ["First.", "Second."]

    found = ledgers.check(make_host(home, inspect_ledger=inspect))
    assert [issue.what for issue in found] == [
        "alpha: The file is not a ledger",
        "beta: The key does not fit",
        "gamma: First",
        "gamma: Second",
    ]
    assert {issue.level for issue in found} == {Level.ERROR}


def test_allocations_within_the_capital_are_well(tmp_path: Path) -> None:
    home = make_home(tmp_path, "1000")
    only(allocations.check(make_host(home)), Level.OK, "0 allocated of 1000")
    make_instance(home, "alpha", "999.50")
    make_instance(home, "beta", "0.5")
    only(allocations.check(make_host(home)), Level.OK, "1000.00 allocated of 1000")


def test_allocations_without_a_cap_are_well(home: Path) -> None:
    only(allocations.check(make_host(home)), Level.OK, "1000 allocated of no cap")


def test_allocations_over_the_capital_are_told(tmp_path: Path) -> None:
    home = make_home(tmp_path, "1000")
    make_instance(home, "alpha", "300")
    make_instance(home, "beta", "700.01")
    only(allocations.check(make_host(home)), Level.ERROR, "1000.01", "is 1000", "investbot capital beta AMOUNT")


def test_what_cannot_be_read_is_not_added(home: Path) -> None:
    make_file(home / "instances" / "alpha" / INSTANCE_FILE, "x")
    only(allocations.check(make_host(home)), Level.OK, "500 allocated")
    make_file(home / "investbot.toml", "x")
    only(allocations.check(make_host(home)), Level.WARNING, "unknown")


def test_instances_with_key_and_ledger_are_well(home: Path) -> None:
    (home / "instances" / "README.md").touch()
    only(orphans.check(make_host(home, vault_names=lambda: ["alpha", "beta"])), Level.OK, "2 instances")


def test_an_instance_without_a_key_is_told(home: Path) -> None:
    only(orphans.check(make_host(home, vault_names=lambda: ["alpha"])), Level.ERROR, "no key for beta", "vault.json")


def test_an_instance_without_a_ledger_is_told(home: Path) -> None:
    (home / "instances" / "beta" / "ledger.db").unlink()
    only(orphans.check(make_host(home)), Level.ERROR, "beta has no ledger", "ledger.db")


def test_a_key_without_an_instance_is_told(home: Path) -> None:
    host = make_host(home, vault_names=lambda: ["alpha", "beta", "gone"])
    only(orphans.check(host), Level.WARNING, "a key for gone", "instances/gone")


def test_a_folder_without_settings_is_told_once(home: Path) -> None:
    (home / "instances" / "beta" / INSTANCE_FILE).unlink()
    only(orphans.check(make_host(home)), Level.WARNING, "beta has no instance.toml", "config history beta")
    shutil.rmtree(home / "instances" / "beta" / "versions")
    only(orphans.check(make_host(home)), Level.WARNING, "beta has no instance.toml", "ls -la")


def test_what_a_command_left_is_told_and_the_fix_fixes_it(home: Path) -> None:
    (home / "instances" / ".gamma.new").mkdir()
    issue = only(orphans.check(make_host(home)), Level.WARNING, ".gamma.new", "rm -r")
    run(issue.fix)
    only(orphans.check(make_host(home)), Level.OK)


def test_a_vault_that_cannot_be_read_is_told(home: Path) -> None:
    def refuse() -> list[str]:
        raise VaultError("The vault is damaged.")

    only(orphans.check(make_host(home, vault_names=refuse)), Level.ERROR, "The vault is damaged |", "vault.json")


def test_a_host_without_instances_names_none(tmp_path: Path) -> None:
    host: Host = make_host(tmp_path)
    assert host.names() == []
    assert host.folders() == []
