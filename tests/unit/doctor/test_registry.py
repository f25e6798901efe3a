from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from investbot.doctor import checks
from investbot.doctor.issue import Level
from investbot.doctor.registry import all_checks, diagnose
from investbot.doctor.system import disk, is_supervisor, this_host
from investbot.domain.errors import ConfigError
from tests.unit.doctor.builders import make_backup, make_file, make_home, make_host, make_instance


def test_every_file_of_the_folder_is_a_check_that_is_run() -> None:
    files = {path.stem for path in Path(checks.__path__[0]).glob("*.py")} - {"__init__"}
    assert {check.name for check in all_checks()} == files
    assert len(all_checks()) == len(files)


def test_a_home_that_is_well_has_one_line_a_check(tmp_path: Path) -> None:
    home = make_home(tmp_path, "1000")
    make_instance(home, "alpha")
    for name in ("alpha", "_fleet"):
        make_backup(home, name, make_host(home).now)
    found = diagnose(make_host(home))
    assert [issue.check for issue in found] == [check.name for check in all_checks()]
    assert {issue.level for issue in found} == {Level.OK}, found


def test_what_the_system_refuses_is_told_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    home = make_home(tmp_path)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    def fail() -> bool:
        raise OSError(5, "Input/output error")

    found = {issue.check: issue for issue in diagnose(make_host(home, disk=refuse, supervisor_answers=fail))}
    assert set(found) == {check.name for check in all_checks()}
    assert found["disk"].level is found["supervisor"].level is Level.ERROR
    assert found["disk"].what == f"cannot be looked at: Permission denied: {home}"
    assert found["supervisor"].what == f"cannot be looked at: Input/output error: {home}"
    assert found["settings"].level is Level.OK


def test_a_ledger_that_is_refused_for_any_reason_is_told(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    make_instance(home, "alpha")

    def refuse(name: str) -> list[str]:
        raise ConfigError("Nobody can say.")

    (issue,) = (issue for issue in diagnose(make_host(home, inspect_ledger=refuse)) if issue.check == "ledgers")
    assert (issue.level, issue.what) == (Level.ERROR, "alpha: Nobody can say")


def test_a_home_that_is_empty_is_looked_at_to_the_end(tmp_path: Path) -> None:
    found = {issue.check: issue for issue in diagnose(make_host(tmp_path / "nowhere"))}
    assert set(found) == {check.name for check in all_checks()}
    assert found["settings"].level is Level.ERROR


def test_this_machine_is_described_by_itself(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    make_file(home / "run" / "supervisor.pid", str(os.getpid()))
    host = this_host(
        home,
        1,
        sqlcipher="4.1",
        supervisor_answers=lambda: False,
        vault_names=lambda: ["alpha"],
        inspect_ledger=None,
        isolation={},
    )
    assert (host.home, host.now, host.uid, host.sqlcipher) == (home, 1, os.getuid(), "4.1")
    assert host.python == sys.version_info[:3]
    assert host.vault_names() == ["alpha"]
    assert 0 < host.disk(home).free <= host.disk(home).total
    assert disk(home).total == host.disk(home).total
    assert not host.supervisor_answers()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["/somewhere/bin/investbot", "up"], True),
        (["-m", "investbot.bootstrap.supervisor"], True),
        (["-m", "investbot.bootstrap.instance", "--name", "alpha"], False),
        (["-m", "investbot.bootstrap.zygote", "--home", "x"], False),
        (["/home/me/investbot/other.py"], False),
        ([], False),
    ],
)
def test_a_process_id_that_is_used_again_is_no_supervisor(arguments: list[str], *, expected: bool) -> None:
    sleeper = [sys.executable, "-c", "print(flush=True); input()", *arguments]
    with subprocess.Popen(sleeper, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            assert is_supervisor(process.pid) is expected
        finally:
            process.kill()
    assert not is_supervisor(process.pid)
