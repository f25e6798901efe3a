"""What the machine tells of memory, swap, its clock and its units; and what the checks make of that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from investbot.config.instance import set_values
from investbot.config.versions import change
from investbot.doctor.checks import clock, memory, units
from investbot.doctor.issue import Issue, Level
from investbot.doctor.machine import Memory, Unit, clock_is_kept, read_units
from investbot.doctor.machine import memory as read_memory
from investbot.doctor.machine import units as ask_units
from tests.unit.doctor.builders import GIB, NOW, make_file, make_home, make_host, make_instance

MIB = 2**20
MEMINFO = """MemTotal:        4000000 kB
MemFree:          100000 kB
MemAvailable:    3000000 kB
SwapTotal:       1000000 kB
SwapFree:         900000 kB
"""
SWAPS = """Filename				Type		Size	Used	Priority
/dev/zram0                              partition	524284	0	100
/dev/dm-0                               partition	524284	0	-1
/dev/dm-1                               partition	524284	0	-2
/var/swap                               file		102396	0	-3
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = make_home(tmp_path)
    make_instance(made, "alpha")
    return made


def machine(folder: Path, meminfo: str = MEMINFO, limit: str = "max") -> tuple[Path, Path]:
    proc, system = folder / "proc", folder / "sys"
    for path in (proc, system / "fs/cgroup", system / "block/dm-0/dm", system / "block/dm-1/dm"):
        path.mkdir(parents=True)
    make_file(proc / "meminfo", meminfo)
    make_file(proc / "swaps", SWAPS)
    make_file(system / "fs/cgroup/memory.max", f"{limit}\n")
    make_file(system / "block/dm-0/dm/uuid", "CRYPT-PLAIN-swap\n")
    make_file(system / "block/dm-1/dm/uuid", "LVM-abc\n")
    return proc, system


def looked(found: list[Issue]) -> list[tuple[str, str]]:
    return [(each.check, each.level.value) for each in found]


def test_memory_and_swap_are_read_as_the_kernel_tells_them(tmp_path: Path) -> None:
    proc, system = machine(tmp_path)
    assert read_memory(proc, system) == Memory(
        4_000_000 * 1024, 3_000_000 * 1024, 1_000_000 * 1024, 900_000 * 1024, ("/dev/dm-1", "/var/swap")
    )
    (system / "fs/cgroup/memory.max").unlink()
    (proc / "swaps").unlink()
    again = read_memory(proc, system)
    assert again is not None
    assert (again.total, again.plain_swap) == (4_000_000 * 1024, ())


def test_a_container_has_no_more_than_its_limit(tmp_path: Path) -> None:
    told = read_memory(*machine(tmp_path, limit=str(GIB)))
    assert told is not None
    assert (told.total, told.available) == (GIB, GIB)


@pytest.mark.parametrize("meminfo", ["", "MemTotal: much kB\n", "MemTotal:\n", "MemTotal: 5 kB\n"])
def test_a_kernel_that_tells_nothing_is_no_error(tmp_path: Path, meminfo: str) -> None:
    assert read_memory(*machine(tmp_path, meminfo)) is None
    assert read_memory(tmp_path / "nowhere") is None


def test_this_machine_answers_somehow() -> None:
    assert read_memory() is None or read_memory().total > MIB  # type: ignore[union-attr]
    assert clock_is_kept() in {True, False, None}
    found = ask_units()
    assert found is None or all(unit.name.startswith("investbot") for unit in found)


def test_enough_memory_is_well(home: Path) -> None:
    host = make_host(home, memory=lambda: Memory(4 * GIB, 3 * GIB))
    found = memory.check(host)
    assert looked(found) == [("memory", "ok"), ("swap", "ok")]
    assert found[0].what == "1 instances take about 320 MiB of 4.0 GiB"
    assert looked(memory.check(make_host(home))) == [("memory", "ok")]


def test_too_many_instances_and_too_little_left_are_told(home: Path) -> None:
    tight, full = Memory(300 * MIB, 290 * MIB), Memory(4 * GIB, 100 * MIB)
    found = memory.check(make_host(home, memory=lambda: tight))
    assert looked(found)[:2] == [("memory", "warning"), ("memory", "warning")]
    assert "take about 320 MiB of 300 MiB" in found[0].what
    assert found[1].what == "alpha may take 1.0 GiB (restart.memory_mb), more than there is"
    assert found[1].fix == "investbot config set alpha restart.memory_mb=150"
    (first, _) = memory.check(make_host(home, memory=lambda: full))
    assert (first.level, first.what) == (Level.WARNING, "only 100 MiB of 4.0 GiB are available")
    assert looked(memory.check(make_host(home, memory=lambda: Memory(4 * GIB, GIB // 2))))[0][1] == "ok"


def test_a_bound_within_the_machine_and_settings_that_cannot_be_read_are_left_alone(home: Path) -> None:
    folder = home / "instances" / "alpha"
    change(folder, lambda config: set_values(config, ["restart.memory_mb=500"]), NOW, "me", "x")
    host = make_host(home, memory=lambda: Memory(GIB, GIB))
    assert looked(memory.check(host))[0] == ("memory", "ok")
    make_file(folder / "instance.toml", "spoilt")
    assert looked(memory.check(host))[0] == ("memory", "ok")


def test_swap_that_keeps_what_is_written_to_it_is_told(home: Path) -> None:
    swap = Memory(4 * GIB, 3 * GIB, GIB, GIB, ("/var/swap", "/dev/sd a2"))
    found = memory.check(make_host(home, memory=lambda: swap))
    assert looked(found) == [("memory", "ok"), ("swap", "warning")]
    assert found[1].fix == "sudo swapoff /var/swap '/dev/sd a2'"
    used = Memory(4 * GIB, 3 * GIB, GIB, GIB // 4)
    found = memory.check(make_host(home, memory=lambda: used))
    assert found[1].what == "768 MiB of 1.0 GiB are in use"
    kept = Memory(4 * GIB, 3 * GIB, GIB, GIB // 2)
    assert looked(memory.check(make_host(home, memory=lambda: kept)))[1] == ("swap", "ok")


def test_a_clock_that_nobody_keeps_is_told(home: Path) -> None:
    (found,) = clock.check(make_host(home, clock_is_kept=lambda: False))
    assert (found.level, found.fix) == (Level.WARNING, "sudo timedatectl set-ntp true")
    for known in (True, None):
        (found,) = clock.check(make_host(home, clock_is_kept=lambda known=known: known))
        assert found.level is Level.OK


SHOWN = """Id=investbot.service
LoadState=loaded
UnitFileState=enabled
ActiveState=active
Result=success

Id=investbot-backup.timer
LoadState=loaded
UnitFileState=disabled
ActiveState=inactive
Result=success

Id=investbot-backup.service
LoadState=not-found
UnitFileState=
ActiveState=inactive
Result=success

Id=investbot@alpha.service
LoadState=loaded
UnitFileState=disabled
ActiveState=failed
Result=exit-code
"""


def test_units_are_read_and_those_that_are_not_installed_left_out() -> None:
    assert read_units(SHOWN, is_users=False) == [
        Unit("investbot.service", "enabled", "active", "success"),
        Unit("investbot-backup.timer", "disabled", "inactive", "success"),
        Unit("investbot@alpha.service", "disabled", "failed", "exit-code"),
    ]
    assert read_units("", is_users=True) == []


def test_what_failed_and_what_would_not_come_back_is_told(home: Path) -> None:
    found = units.check(make_host(home, units=lambda: read_units(SHOWN, is_users=False)))
    assert looked(found) == [("units", "warning"), ("units", "error")]
    assert found[0].what == "investbot-backup.timer is installed and disabled"
    assert found[0].fix == "sudo systemctl enable --now investbot-backup.timer"
    assert found[1].what == "investbot@alpha.service has failed (exit-code)"
    assert found[1].fix.startswith("sudo systemctl restart investbot@alpha.service && journalctl -e -u")


def test_units_of_the_user_are_mended_by_the_user(home: Path) -> None:
    mine = [
        Unit("investbot.service", "masked", "inactive", "success", is_users=True),
        Unit("investbot-backup.service", "static", "failed", "", is_users=True),
    ]
    masked, failed = units.check(make_host(home, units=lambda: mine))
    assert masked.fix == "systemctl --user unmask investbot.service"
    assert (failed.what, failed.why) == ("investbot-backup.service has failed (failed)", "no backups are made")
    assert failed.fix.startswith("systemctl --user restart investbot-backup.service && journalctl --user")


def test_a_machine_without_units_is_well(home: Path) -> None:
    for told, said in ((None, "no systemd runs here"), ([], "none is installed")):
        (found,) = units.check(make_host(home, units=lambda told=told: told))
        assert (found.level, found.what) == (Level.OK, said)
    well = [Unit("investbot.service", "enabled", "active", "success")]
    assert looked(units.check(make_host(home, units=lambda: well))) == [("units", "ok")]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ('printf "Id=investbot.service\\nLoadState=loaded\\nUnitFileState=enabled\\n"', 2),
        ("echo System has not been booted with systemd >&2; exit 1", None),
        ('[ "$1" = --user ] && exit 1; printf "Id=investbot.service\\nLoadState=loaded\\n"', 1),
    ],
)
def test_systemd_is_asked_for_the_machine_and_the_user(tmp_path: Path, script: str, expected: int | None) -> None:
    program = make_file(tmp_path / "systemctl", f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    found = ask_units(str(program))
    assert (None if found is None else len(found)) == expected


def test_a_systemd_that_cannot_be_asked_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask_units(str(tmp_path / "nowhere")) is None
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path))
    assert ask_units() is None
