from __future__ import annotations

from pathlib import Path

import pytest

from investbot.doctor.checks import isolation, permissions
from investbot.doctor.issue import Issue, Level
from tests.unit.doctor.builders import make_file, make_home, make_host

GAP = "sockets of other programs with a path can be called: Linux 7.1 closes that"


def add(home: Path, text: str) -> None:
    path = home / "investbot.toml"
    make_file(path, path.read_text(encoding="utf-8") + text)


def only(issues: list[Issue]) -> Issue:
    (issue,) = issues
    return issue


def test_what_is_kept_apart_is_told(tmp_path: Path) -> None:
    issue = only(isolation.check(make_host(make_home(tmp_path), isolation={"files": "on", "calls": "on"})))
    assert (issue.level, issue.what) == (Level.OK, "files, calls of every instance are kept apart")


@pytest.mark.parametrize(("off", "who"), [('["alpha", "beta"]', "alpha, beta"), ('["*"]', "every instance")])
def test_a_switch_that_is_off_is_a_warning(tmp_path: Path, off: str, who: str) -> None:
    home = make_home(tmp_path)
    add(home, f"[isolation]\noff = {off}\n")
    issue = only(isolation.check(make_host(home)))
    assert (issue.level, issue.what) == (Level.WARNING, f"switched off for {who} by isolation.off")
    assert "can read whatever you can" in issue.why
    assert str(home / "investbot.toml") in issue.fix


def test_settings_with_mistakes_are_told_elsewhere(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    add(home, "[isolation]\noff = 1\n")
    assert only(isolation.check(make_host(home))).level is Level.OK


def test_what_the_machine_lacks_is_a_warning_each(tmp_path: Path) -> None:
    host = make_host(make_home(tmp_path), isolation={"files": "no Landlock", "ports": "on", "calls": "no seccomp"})
    found = isolation.check(host)
    assert [(issue.level, issue.what) for issue in found] == [
        (Level.WARNING, "files: no Landlock"),
        (Level.WARNING, "calls: no seccomp"),
    ]
    assert all("hostile strategy" in issue.why and issue.fix for issue in found)


def test_a_socket_that_leads_out_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    door = make_file(tmp_path / "docker.sock")
    monkeypatch.setattr(isolation, "DOORS", (str(door), str(tmp_path / "{uid}")))
    home = make_home(tmp_path)
    issue = only(isolation.check(make_host(home, isolation={"files": "on", "sockets": GAP})))
    assert (issue.level, issue.what) == (Level.WARNING, f"a hostile strategy could call {door}")
    assert issue.why.endswith("Linux 7.1 closes that")
    assert "useradd" in issue.fix
    assert only(isolation.check(make_host(home, isolation={"sockets": "on"}))).level is Level.OK
    door.unlink()
    assert only(isolation.check(make_host(home, isolation={"sockets": GAP}))).level is Level.OK
    make_file(tmp_path / "7")
    assert only(isolation.check(make_host(home, uid=7, isolation={"sockets": GAP}))).level is Level.WARNING


def test_the_way_to_the_socket_may_be_open_to_those_who_are_let_in(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    make_file(home / "run" / "supervisor.sock").chmod(0o660)
    for folder in (home, home / "run"):
        folder.chmod(0o710)
    assert only(permissions.check(make_host(home))).level is Level.ERROR
    add(home, '[control]\nreaders = ["@ops"]\n')
    assert only(permissions.check(make_host(home))).level is Level.OK
    (home / "run").chmod(0o750)
    assert only(permissions.check(make_host(home))).level is Level.ERROR
    (home / "run").chmod(0o711)
    make_file(home / "run" / "supervisor.json").chmod(0o640)
    assert "supervisor.json" in only(permissions.check(make_host(home))).what
    add(home, "[control]\n")
    assert "more are open to others" in only(permissions.check(make_host(home))).what
