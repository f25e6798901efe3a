"""`scripts/upgrade` below a scratch root: forth, back by itself when a version is not well, back after any kill."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deploy.commands import wrong_with
from tests.deploy.scratch import Machine, fakes, write

QUICK = ("--wait", "20", "--settle", "0")
FLEET = ("alpha", "beta")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    made: list[Machine] = []

    def make(new: str = "", schema: int = 2) -> Machine:
        """Give a machine on which v1.0.0 runs two instances, and a repository with a newer version."""
        machine = Machine(tmp_path, {"v1.0.0": "", "v2.0.0": new}, {"v2.0.0": schema})
        made.append(machine)
        machine.checkout("v1.0.0")
        machine.ok("install")
        for name in FLEET:
            machine.instance(name, "schema 1 by the test")
        write(machine.home / "vault.json", "the vault")
        assert machine.program("up", "--detach", "--restore").code == 0
        (machine.home.parent / "calls").unlink()
        return machine

    yield make
    for machine in made:
        machine.close()


def ledger(machine: Machine, name: str = "alpha") -> str:
    return (machine.home / f"instances/{name}/ledger.db").read_text().strip()


def runs(machine: Machine) -> list[str]:
    """Names of the instances whose lock is held."""
    found = []
    for name in FLEET:
        with (machine.home / f"instances/{name}/lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                found.append(name)
    return found


def paused(machine: Machine) -> list[str]:
    return [name for name in FLEET if (machine.home / f"instances/{name}/paused").exists()]


def assert_as_before(machine: Machine, version: str = "v1.0.0") -> None:
    """The version runs, entries are free, nothing is left of the attempt but the copies."""
    assert machine.in_use() == version
    assert machine.program("version").out == f"investbot {version}\n"
    assert runs(machine) == list(FLEET)
    assert paused(machine) == []
    assert not (machine.prefix / "upgrade.journal").exists()
    assert (machine.home / "instances/alpha/logs/instance.log").read_text() == "a line\n"
    assert list(machine.home.rglob("*.back")) == []
    assert (machine.home / "vault.json").read_text() == "the vault"


def test_it_brings_the_newest_version_after_copies_and_with_entries_paused(place: Callable[..., Machine]) -> None:
    machine = place()
    done = machine.ok("upgrade", *QUICK)
    assert_as_before(machine, "v2.0.0")
    assert ledger(machine) == "schema 2 by v2.0.0"
    verbs = [" ".join(call.split()[:2]) for call in machine.calls()]
    order = ["v1.0.0 backup", "v1.0.0 pause", "v1.0.0 down", "v2.0.0 migrate", "v2.0.0 up", "v2.0.0 resume"]
    assert [verb for verb in dict.fromkeys(verbs) if verb in order] == order
    (copy,) = (machine.home / "upgrades").iterdir()
    assert copy.name.endswith("-v1.0.0-to-v2.0.0")
    assert (copy / "instances/alpha/ledger.db").read_text() == "schema 1 by v1.0.0\n"
    assert (copy.stat().st_mode & 0o777, (copy / "vault.json").read_text()) == (0o700, "the vault")
    assert "v2.0.0 runs, and with it alpha beta" in done.out
    assert machine.ok("upgrade", *QUICK).out == "Nothing to do: v2.0.0 is in use.\n"


def test_it_goes_back_to_an_older_version_with_what_happened_since(place: Callable[..., Machine]) -> None:
    machine = place()
    machine.ok("upgrade", *QUICK)
    before = len(machine.calls())
    gone = machine.clone.rename(machine.clone.with_name("gone"))  # what is here still needs no repository
    done = machine.run(machine.prefix / "keeper/upgrade", "--to", "v1.0.0", *QUICK)
    assert done.code == 0, done
    gone.rename(machine.clone)
    assert_as_before(machine)
    assert "v2.0.0 migrate --all --schema 1" in machine.calls()[before:]
    assert ledger(machine) == "schema 1 by v1.0.0"
    assert (machine.prefix / "versions/v2.0.0/.complete").is_file()
    for year in range(2000, 2005):
        write(machine.home / f"upgrades/{year}-v0-to-v1/vault.json", "old")
    machine.ok("upgrade", "--without-backup", *QUICK)
    assert len(list((machine.home / "upgrades").iterdir())) == 3  # of the copies for the way back the newest stay
    assert not list((machine.home / "upgrades").glob("200*"))
    asked = {tuple(call.split()[1:]) for call in machine.calls()}
    assert {words[0] for words in asked} == {"backup", "pause", "down", "migrate", "up", "status", "resume"}
    assert [wrong for words in asked for wrong in wrong_with(words)] == []


@pytest.mark.parametrize("wrong", ["start", "run", "migrate"])
def test_a_version_that_is_not_well_gives_way_to_the_old_one(place: Callable[..., Machine], wrong: str) -> None:
    machine = place(wrong)
    done = machine.run("upgrade", "--wait", "1", "--settle", "0")
    assert done.code == 70
    assert_as_before(machine)
    assert ledger(machine) == "schema 1 by v1.0.0"
    (copy,) = [each for each in (machine.home / "upgrades").iterdir() if each.suffix != ".after"]
    assert (copy.with_name(copy.name + ".after") / "instances/alpha/ledger.db").is_file()
    reason = {"start": "the fleet did not start", "run": "alpha is FATAL,beta is FATAL", "migrate": "to its schema"}
    assert reason[wrong] in done.out
    assert "v1.0.0 is in use again, with its data as before" in done.err


def test_one_that_does_not_even_start_changes_nothing(place: Callable[..., Machine]) -> None:
    machine = place("silent")
    done = machine.run("upgrade", *QUICK)
    assert (done.code, "v2.0.0 does not start; what runs was left as it is" in done.err) == (70, True)
    assert machine.calls() == []
    assert_as_before(machine)


def test_without_copies_nothing_is_changed(tmp_path: Path) -> None:
    machine = Machine(tmp_path, {"v1.0.0": "backup", "v2.0.0": ""})
    machine.checkout("v1.0.0")
    machine.ok("install")
    machine.instance("alpha", "schema 1")
    done = machine.run("upgrade", *QUICK)
    assert (done.code, "Not all copies could be made, and nothing was changed" in done.err) == (74, True)
    assert machine.in_use() == "v1.0.0"
    machine.ok("upgrade", "--without-backup", *QUICK)
    assert machine.in_use() == "v2.0.0"
    machine.close()


def test_a_fleet_that_is_down_stays_down(place: Callable[..., Machine]) -> None:
    machine = place()
    machine.program("down", "--yes")
    done = machine.ok("upgrade", *QUICK)
    assert (machine.in_use(), runs(machine), ledger(machine)) == ("v2.0.0", [], "schema 2 by v2.0.0")
    assert "v2.0.0 runs. " in done.out
    assert "v2.0.0 up" not in " ".join(machine.calls())


def test_a_pause_of_the_operator_stays(place: Callable[..., Machine]) -> None:
    machine = place()
    machine.program("pause", "beta")
    machine.ok("upgrade", *QUICK)
    assert paused(machine) == ["beta"]


def test_a_disk_without_room_for_a_copy_changes_nothing(place: Callable[..., Machine]) -> None:
    machine = place()
    write(machine.bin / "df", "#!/bin/sh\nprintf 'x\\nx 1 1 1 1 /\\n'\n", 0o755)
    done = machine.run("upgrade", *QUICK)
    assert done.code == 74
    assert "Nothing was changed, v1.0.0 runs: 64 MiB have to be free for a copy" in done.err
    assert_as_before(machine)


def test_a_dry_run_says_what_would_be(place: Callable[..., Machine]) -> None:
    machine = place()
    done = machine.ok("upgrade", "--dry-run", *QUICK)
    assert f"Would take v2.0.0 from {machine.clone}, beside v1.0.0" in done.out
    assert machine.calls() == []
    assert_as_before(machine)


def test_what_cannot_be_is_refused(place: Callable[..., Machine]) -> None:
    machine = place()
    cases: list[tuple[tuple[str, ...], dict[str, str], int, str]] = [
        (("--to", "v9"), {}, 65, "v9 is no tag of"),
        (("--to", "../x"), {}, 65, "is no tag of"),
        (("--what",), {}, 64, "usage: scripts/upgrade"),
        ((), {"INVESTBOT_PASSPHRASE_FILE": ""}, 77, "name it in INVESTBOT_PASSPHRASE_FILE"),
    ]
    for words, more, code, sentence in cases:
        done = machine.run("upgrade", *words, **more)
        assert (done.code, sentence in done.err) == (code, True), done
    assert_as_before(machine)


def test_it_needs_something_that_is_installed(tmp_path: Path) -> None:
    machine = Machine(tmp_path, {"v1.0.0": ""})
    done = machine.run("upgrade")
    assert (done.code, "scripts/install does that" in done.err) == (69, True)


def test_two_at_once_are_one(place: Callable[..., Machine]) -> None:
    machine = place()
    with (machine.prefix / "upgrade.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = machine.run("upgrade", *QUICK)
    assert (done.code, "Another upgrade is at work" in done.err) == (75, True)
    assert_as_before(machine)


def deadly(machine: Machine) -> None:
    """Let each sync(1), with which a step of the scripts ends, count as a call at which a kill can come."""
    fakes(machine.bin)
    lines = (
        "#!/bin/sh",
        f'calls={machine.home.parent}/calls; echo "sync" >>"$calls"',
        f'[ "${{KILL_AT:-0}}" -ne "$(wc -l <"$calls")" ] || kill -9 "$(cat {machine.home.parent}/script.pid)"',
    )
    write(machine.bin / "sync", "\n".join(lines) + "\n", 0o755)


def startable(machine: Machine) -> None:
    """After a kill: whatever stands there, the way back leads to the old version, and a second time to nothing else."""
    version = machine.in_use()
    done = machine.run("upgrade", "--return", *QUICK)
    assert done.code == 0, done
    assert machine.in_use() in {"v1.0.0", version}


@pytest.mark.timeout(300)
def test_a_kill_at_any_step_leads_back(place: Callable[..., Machine]) -> None:
    machine = place()
    deadly(machine)
    calls = machine.home.parent / "calls"
    killed = 0
    for number in range(1, 60, 2):
        calls.write_text("")
        done = machine.run("upgrade", *QUICK, KILL_AT=str(number))
        if done.code == 0:
            break
        assert done.code == -9, done
        killed += 1
        calls.write_text("")
        startable(machine)
        if machine.in_use() == "v2.0.0":  # it was well already, and only its end was missing
            assert_as_before(machine, "v2.0.0")
            machine.ok("upgrade", "--to", "v1.0.0", "--without-backup", *QUICK)
        assert_as_before(machine)
        assert ledger(machine) == "schema 1 by v1.0.0"
    assert killed >= 7
    assert_as_before(machine, "v2.0.0")


@pytest.mark.timeout(300)
def test_a_kill_on_the_way_back_leads_back_too(place: Callable[..., Machine]) -> None:
    machine = place("run")
    deadly(machine)
    calls = machine.home.parent / "calls"
    words = ("--wait", "0", "--settle", "0", "--without-backup")
    calls.write_text("")
    assert machine.run("upgrade", *words).code == 70
    number = 2 + next(place for place, call in enumerate(machine.calls()) if call.startswith("v2.0.0 status"))
    killed = 0
    while True:
        calls.write_text("")
        done = machine.run("upgrade", *words, KILL_AT=str(number))
        if done.code == 70:
            break
        assert done.code == -9, done
        killed, number = killed + 1, number + 2
        assert machine.run("upgrade", *words).code in {70, 75}  # leads back what was cut off, and stops there
        assert_as_before(machine)
        assert ledger(machine) == "schema 1 by v1.0.0"
    assert killed >= 3


def test_after_a_boot_files_come_back_and_nothing_is_started(place: Callable[..., Machine]) -> None:
    machine = place("run")
    deadly(machine)
    (machine.home.parent / "calls").write_text("")
    machine.run("upgrade", *QUICK, KILL_AT="14")
    assert (machine.prefix / "upgrade.journal").exists()
    machine.close()  # the machine goes down
    (machine.home.parent / "calls").write_text("")
    done = machine.run(machine.prefix / "keeper/upgrade", "--return", "--no-start")
    assert done.code == 0
    assert (machine.in_use(), ledger(machine), runs(machine)) == ("v1.0.0", "schema 1 by v1.0.0", [])
    assert (machine.home / "instances/alpha/ledger.db-wal").read_text() == "more of v1.0.0\n"
    assert "Entries are paused: investbot resume alpha beta" in done.out
    assert machine.ok("upgrade", "--return").out == "Nothing to do: no upgrade was cut off.\n"


@pytest.mark.parametrize("wrong", ["", "start"])
def test_under_a_service_manager_units_are_stopped_and_started(tmp_path: Path, wrong: str) -> None:
    machine = Machine(tmp_path, {"v1.0.0": "", "v2.0.0": wrong}, {"v2.0.0": 2})
    machine.of_a_user()
    machine.checkout("v1.0.0")
    machine.ok("install")
    asked = tmp_path / "user/asked"
    assert {"daemon-reload", "start --no-block investbot-backup.timer"} <= set(asked.read_text().splitlines())
    for name in FLEET:
        machine.instance(name, "schema 1 by the test")
    write(machine.home / "vault.json", "the vault")
    assert machine.program("up", "--restore").code == 0
    assert machine.run("install", "--uninstall").code == 75
    asked.unlink()
    done = machine.run("upgrade", "--wait", "1", "--settle", "0", INVESTBOT_PASSPHRASE_FILE="")
    assert done.code == (70 if wrong else 0), done
    assert_as_before(machine, "v1.0.0" if wrong else "v2.0.0")
    units = [
        line for line in asked.read_text().splitlines() if line in {"stop investbot.service", "start investbot.service"}
    ]
    assert units == ["stop investbot.service", "start investbot.service"] * (2 if wrong else 1)
    secret = [line for line in asked.read_text().splitlines() if line.startswith("run ")]
    assert [line.split("/venv/bin/investbot ")[1] for line in secret] == ["backup create --all", "migrate --all"]
    assert all("--property=LoadCredential=investbot-passphrase:" in line for line in secret)
    machine.close()
