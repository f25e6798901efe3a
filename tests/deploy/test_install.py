"""`scripts/install` below a scratch root: whole, once, away again, and refused where it cannot work."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.deploy.scratch import Machine, write

VERSIONS = {"v0.1.0": ""}
UNITS = {path.name for path in (REPOSITORY / "systemd").iterdir() if path.suffix in {".service", ".timer"}}
USER_UNITS = {path.name for path in (REPOSITORY / "systemd/user").iterdir()}


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path, VERSIONS)
    yield machine
    machine.close()


def tree(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Every path below a folder with its mode, the moment it was changed, and where a link leads."""
    return {
        str(path.relative_to(folder)): (
            stat.S_IMODE(path.lstat().st_mode),
            0 if path.is_dir() else path.lstat().st_mtime_ns,
            str(path.readlink()) if path.is_symlink() else "",
        )
        for path in sorted(folder.rglob("*"))
        if path.name != "script.pid"
    }


def test_it_installs_a_version_with_everything_around_it(machine: Machine) -> None:
    done = machine.ok("install")
    assert machine.in_use() == "v0.1.0"
    assert len(done.out.splitlines()) <= 8
    assert done.out.splitlines()[-1] == "InvestBot v0.1.0 is installed."
    assert machine.program("version").out == "investbot v0.1.0\n"
    etc = machine.root / "etc/systemd/system"
    assert {path.name for path in etc.iterdir() if path.is_file()} == UNITS
    assert (etc / "timers.target.wants/investbot-backup.timer").resolve() == etc / "investbot-backup.timer"
    assert (etc / "multi-user.target.wants/investbot-return.service").resolve() == etc / "investbot-return.service"
    share = machine.root / "usr/local/share"
    for shell, file in (
        ("bash", "bash-completion/completions/investbot"),
        ("zsh", "zsh/site-functions/_investbot"),
        ("fish", "fish/vendor_completions.d/investbot.fish"),
    ):
        assert (share / file).read_text() == f"# completion source_{shell}\n"
    assert stat.S_IMODE(machine.home.stat().st_mode) == 0o700
    assert stat.S_IMODE((machine.prefix / "versions/v0.1.0/venv").stat().st_mode) == 0o755
    assert os.access(machine.prefix / "keeper/upgrade", os.X_OK)
    assert (machine.prefix / "origin").read_text() == f"{machine.clone}\n"


def test_every_package_has_its_hash_and_no_address_is_named(machine: Machine) -> None:
    machine.ok("install")
    installs = [line for line in machine.asked.read_text().splitlines() if line.startswith("pip install")]
    assert len(installs) == 3
    for line in installs:
        assert ("--require-hashes" in line and "--only-binary=:all:" in line) or (
            "--no-index" in line and "--no-deps" in line
        ), line
    assert not re.search(r"://|index-url|find-links|trusted-host", "\n".join(installs))


def test_a_second_run_changes_nothing(machine: Machine) -> None:
    machine.ok("install")
    before = tree(machine.root)
    done = machine.ok("install")
    assert tree(machine.root) == before
    assert done.out == "InvestBot v0.1.0 is installed already.\n"


def test_what_was_cut_off_or_lost_is_made_again(machine: Machine) -> None:
    machine.ok("install")
    whole = tree(machine.root).keys()
    (machine.prefix / "versions/v0.1.0/.complete").unlink()
    (machine.prefix / "versions/v0.1.0/venv/bin/investbot").unlink()
    (machine.root / "etc/systemd/system/investbot.service").write_text("[Service]\n")
    (machine.root / "usr/local/bin/investbot").unlink()
    machine.ok("install")
    assert tree(machine.root).keys() == whole
    told = (machine.root / "etc/systemd/system/investbot.service").read_text()
    assert told == (REPOSITORY / "systemd/investbot.service").read_text()
    assert machine.program("version").code == 0


def test_a_dry_run_touches_nothing(machine: Machine) -> None:
    done = machine.ok("install", "--dry-run")
    assert [path for path in machine.root.rglob("*") if path.is_file() and path.name != "script.pid"] == []
    assert all(line.startswith("Would ") for line in done.out.splitlines())
    machine.ok("install")
    before = tree(machine.root)
    assert machine.ok("install", "--dry-run").out == ""
    assert "Would take away" in machine.ok("install", "--uninstall", "--dry-run").out
    assert tree(machine.root) == before


def test_it_goes_away_and_leaves_what_it_worked_with(machine: Machine) -> None:
    machine.ok("install")
    machine.instance("alpha", "schema 1")
    done = machine.ok("install", "--uninstall")
    left = {name for name, (_, changed, _) in tree(machine.root).items() if changed}
    assert left == {
        f"var/lib/investbot/instances/alpha/{each}"
        for each in ("instance.toml", "ledger.db", "lock", "logs/instance.log")
    }
    assert str(machine.home) in done.out
    assert "not installed" in machine.ok("install", "--uninstall").out


def test_it_does_not_go_away_under_what_runs(machine: Machine) -> None:
    machine.ok("install")
    machine.instance("alpha", "schema 1")
    machine.program("up", "--detach")
    before = tree(machine.prefix)
    done = machine.run("install", "--uninstall")
    assert (done.code, "still runs: stop it first" in done.err) == (75, True)
    assert tree(machine.prefix) == before


def test_another_version_is_an_upgrade_once_there_are_instances(machine: Machine) -> None:
    machine.ok("install")
    machine.tag("v0.2.0", "", 1)
    machine.instance("alpha", "schema 1")
    done = machine.run("install")
    assert (done.code, "scripts/upgrade brings another version" in done.err) == (73, True)
    assert machine.in_use() == "v0.1.0"
    write(machine.clone / "investbot/more", "not committed")
    (machine.home / "instances/alpha/instance.toml").unlink()
    machine.ok("install")
    assert re.fullmatch(r"0\.2\.0-[0-9a-f]{8}", machine.in_use())


def test_a_user_has_it_for_himself(machine: Machine) -> None:
    own = machine.root / str(machine.folder / "user")[1:]
    done = machine.ok("install", "--user")
    assert (own / ".local/lib/investbot/current").readlink().name == "v0.1.0"
    assert (own / ".local/bin/investbot").exists()
    assert {path.name for path in (own / ".config/systemd/user").iterdir() if path.is_file()} == USER_UNITS
    assert (own / ".local/share/bash-completion/completions/investbot").is_file()
    assert stat.S_IMODE((own / ".local/share/investbot").stat().st_mode) == 0o700
    assert not machine.prefix.exists()
    assert "is installed" in done.out
    machine.ok("install", "--user", "--uninstall")
    assert [path for path in own.rglob("*") if not path.is_dir()] == []


def test_a_machine_of_32_bits_is_refused(machine: Machine) -> None:
    for name, bits, code in (("armv7l", 32, 69), ("aarch64", 32, 69), ("i686", 32, 69), ("aarch64", 64, 0)):
        write(machine.bin / "uname", f'#!/bin/sh\n[ "$1" = -s ] && echo Linux || echo {name}\n', 0o755)
        write(machine.bin / "getconf", f"#!/bin/sh\necho {bits}\n", 0o755)
        done = machine.run("install")
        assert done.code == code
        assert machine.prefix.exists() is (code == 0)
        assert not code or re.fullmatch(f"InvestBot needs a 64-bit .* is {name} with 32 bits: .*\n", done.err)


def test_another_system_is_refused(machine: Machine) -> None:
    write(machine.bin / "uname", "#!/bin/sh\necho Darwin\n", 0o755)
    assert machine.run("install").code == 69


def test_an_old_python_is_refused(machine: Machine) -> None:
    tools = machine.folder / "tools"
    tools.mkdir()
    for tool in (*Path("/usr/bin").iterdir(), *Path("/bin").iterdir()):
        if not tool.name.startswith("python") and not (tools / tool.name).exists():
            (tools / tool.name).symlink_to(tool)
    for name in ("python3", "python3.11"):
        write(machine.bin / name, "#!/bin/sh\nexit 1\n", 0o755)
    done = machine.run("install", PATH=f"{machine.bin}:{tools}")
    assert done.code == 69
    assert re.fullmatch(r"InvestBot needs Python 3\.11 or newer .*\n", done.err)
    assert not machine.prefix.exists()
    (tools / "python3.11").symlink_to(sys.executable)  # behind the other one of that name
    assert machine.run("install", PATH=f"{machine.bin}:{tools}").code == 0


def test_packages_that_do_not_come_leave_a_sentence_and_no_version(machine: Machine) -> None:
    uv = (machine.bin / "uv").read_text()
    write(machine.bin / "uv", uv.replace('"pip install")', '"pip install") exit 2'), 0o755)
    done = machine.run("install")
    assert (done.code, "The packages of v0.1.0 could not be installed" in done.err) == (75, True)
    assert not (machine.prefix / "current").exists()
    write(machine.bin / "uv", uv, 0o755)
    machine.ok("install")


def test_a_command_of_somebody_else_is_left_alone(machine: Machine) -> None:
    write(machine.root / "usr/local/bin/investbot", "another program", 0o755)
    (machine.root / "usr/local/bin/link").symlink_to("investbot")
    done = machine.run("install")
    assert (done.code, "belongs to something else" in done.err) == (73, True)


def test_what_is_put_wrongly_is_told(machine: Machine) -> None:
    for words in (("--what",), ("--root",)):
        assert "usage: scripts/install" in machine.run("install", *words).err
    assert machine.ok("install", "--help").out.startswith("usage: scripts/install")


def test_the_lock_of_what_makes_a_wheel_is_whole() -> None:
    sourced = "; ".join(f". scripts/placing/{name}.sh" for name in ("places", "building"))
    line = f"variant=user root= dry_run=0; {sourced}; build_lock requirements-dev.lock"
    said = subprocess.run(["bash", "-c", line], capture_output=True, check=True, text=True, cwd=REPOSITORY).stdout
    pins = re.findall(r"^([a-z-]+)==\S+ \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", said, re.MULTILINE)
    assert {name for name, _ in pins} >= {"hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers"}
    assert sum(text.count("--hash") + 1 for _, text in pins) == len(said.splitlines())
    assert all(not text.rstrip("\n").endswith("\\") for _, text in pins)
