"""A home's places, and files that are replaced whole."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from investbot.bootstrap.home import Home, write_beside
from investbot.domain.errors import UnknownInstance, UsageError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_home_and_an_instance_are_private_folders(tmp_path: Path) -> None:
    home = Home(tmp_path / "fleet")
    home.ensure()
    alpha = home.instance("alpha")
    alpha.ensure()
    for folder in (home.path, home.instances, home.profiles, home.run.path, home.market, alpha.path, alpha.logs):
        assert mode(folder) == 0o700
    assert mode(alpha.versions) == 0o700


def test_an_open_folder_is_closed_to_others(tmp_path: Path) -> None:
    home = Home(tmp_path / "fleet")
    home.path.mkdir(mode=0o755)
    home.ensure()
    assert mode(home.path) == 0o700


def test_every_file_has_its_place(tmp_path: Path) -> None:
    home = Home(tmp_path)
    run, alpha = home.run, home.instance("alpha")
    places = [home.settings, home.vault, run.socket, run.pid, run.journal, run.audit, run.log]
    places += [alpha.settings, alpha.ledger, alpha.lock, alpha.exit, alpha.log]
    assert [str(place.relative_to(tmp_path)) for place in places] == [
        "investbot.toml",
        "vault.json",
        "run/supervisor.sock",
        "run/supervisor.pid",
        "run/supervisor.json",
        "run/audit.jsonl",
        "run/supervisor.log",
        "instances/alpha/instance.toml",
        "instances/alpha/ledger.db",
        "instances/alpha/lock",
        "instances/alpha/exit.json",
        "instances/alpha/logs/instance.log",
    ]
    assert alpha.name == "alpha"


@pytest.mark.parametrize("name", ["", "../x", "a/b", "Alpha", "-a", ".a", "a" * 33, "a b", "a\n"])
def test_a_name_that_is_no_folder_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be an instance's name"):
        Home(tmp_path).instance(name)


def test_only_folders_with_settings_are_instances(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.names() == []
    for name in ("beta", "alpha", "half"):
        home.instance(name).ensure()
    (home.instances / "README.md").write_text("what runs")
    for name in ("beta", "alpha"):
        home.instance(name).settings.write_text("")
    assert home.names() == ["alpha", "beta"]
    assert home.existing("alpha") == home.instance("alpha")
    with pytest.raises(UnknownInstance, match="no instance 'half'"):
        home.existing("half")


def test_logs_are_named_oldest_first(tmp_path: Path) -> None:
    alpha = Home(tmp_path).instance("alpha")
    alpha.ensure()
    assert alpha.log_files() == []
    older, newer = alpha.logs / "instance.log.20260101T000000.000Z", alpha.logs / "instance.log.20260102T000000.000Z"
    for path in (newer, older):
        path.touch()
    assert alpha.log_files() == [older, newer]
    alpha.log.touch()
    assert alpha.log_files() == [older, newer, alpha.log]


def test_a_file_is_replaced_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text("old")
    write_beside(path, b"new")
    assert path.read_bytes() == b"new"
    assert mode(path) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.mkdir()
    (path / "kept").touch()
    with pytest.raises(IsADirectoryError):
        write_beside(path, b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]
