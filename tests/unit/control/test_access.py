"""Who may do what: roles, the way to the socket, and what marks an instance."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from investbot.control.access import READS, Access, Accounts, Role, enterable
from investbot.control.identity import Peer, is_instance, start_time
from investbot.control.messages import VERBS
from investbot.domain.errors import ConfigError, VaultError

ME, ADMIN, READER, STRANGER = 1000, 1001, 1002, 1003
OPS, GUESTS = 2001, 2002
ACCESS = Access(ME, Accounts(frozenset({ADMIN}), frozenset({OPS})), Accounts(frozenset({READER}), frozenset({GUESTS})))


def peer(uid: int, gid: int = 9, *groups: int) -> Peer:
    return Peer(1, uid, gid, groups)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("who", "role"),
    [
        (peer(ME), Role.ADMIN),
        (peer(ADMIN), Role.ADMIN),
        (peer(STRANGER, OPS), Role.ADMIN),
        (peer(STRANGER, 9, 8, OPS), Role.ADMIN),
        (peer(READER, OPS), Role.ADMIN),
        (peer(READER), Role.READER),
        (peer(STRANGER, GUESTS), Role.READER),
        (peer(STRANGER, 9, GUESTS), Role.READER),
        (peer(STRANGER), None),
        (peer(OPS), None),
        (peer(0, 0), None),
    ],
)
def test_everybody_has_the_role_he_was_given(who: Peer, role: Role | None) -> None:
    assert ACCESS.role(who) is role


def test_alone_is_the_rule() -> None:
    assert Access(ME).role(peer(ME)) is Role.ADMIN
    assert Access(ME).role(peer(ADMIN, OPS, GUESTS)) is None


def test_a_reader_looks_and_an_admin_acts() -> None:
    for verb in VERBS:
        ACCESS.demand(peer(ADMIN), verb)
        if verb in READS:
            ACCESS.demand(peer(READER), verb)
        else:
            with pytest.raises(VaultError, match=f"not act on it: {verb} is for") as refusal:
                ACCESS.demand(peer(READER), verb)
            assert refusal.value.exit_code == 77
        with pytest.raises(VaultError, match="another user"):
            ACCESS.demand(peer(STRANGER), verb)


def test_only_what_changes_nothing_is_reading() -> None:
    assert set(VERBS) >= READS
    assert READS.isdisjoint(
        {"start", "stop", "restart", "pause", "resume", "flatten", "panic", "close", "allocate", "reload", "down"}
    )


@pytest.fixture
def way(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "run").mkdir(parents=True)
    (home / "run" / "sock").touch(0o600)
    for folder in (home, home / "run"):
        folder.chmod(0o700)
    return home


def opened(home: Path, access: Access) -> tuple[int, int, int]:
    access.open_way(home, home / "run" / "sock")
    return mode(home), mode(home / "run"), mode(home / "run" / "sock")


def test_nobody_else_s_way_is_closed(way: Path) -> None:
    way.chmod(0o711)
    assert opened(way, Access(ME)) == (0o700, 0o700, 0o600)


def test_one_group_has_a_way_of_its_own(way: Path) -> None:
    mine = os.getgid()
    for access in (
        Access(ME, readers=Accounts(groups=frozenset({mine}))),
        Access(ME, Accounts(frozenset({ME}), frozenset({mine}))),
    ):
        assert opened(way, access) == (0o710, 0o710, 0o660)
        assert {path.stat().st_gid for path in (way, way / "run", way / "run" / "sock")} == {mine}


@pytest.mark.parametrize(
    "access",
    [
        Access(ME, Accounts(frozenset({ADMIN}))),
        Access(ME, Accounts(groups=frozenset({OPS})), Accounts(groups=frozenset({GUESTS}))),
        Access(ME, Accounts(groups=frozenset({OPS})), Accounts(frozenset({READER}))),
    ],
)
def test_for_several_the_door_itself_tells_who_knocks(way: Path, access: Access) -> None:
    assert opened(way, access) == (0o711, 0o711, 0o666)


def test_a_group_the_owner_is_not_in_is_told(way: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, uid: int, gid: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.chown", refuse)
    with pytest.raises(ConfigError, match="not in group 2002 of"):
        opened(way, Access(ME, readers=Accounts(groups=frozenset({GUESTS}))))
    assert mode(way) == 0o700


@pytest.mark.parametrize(("before", "after"), [(0o710, 0o710), (0o711, 0o711), (0o755, 0o700), (0o750, 0o700)])
def test_a_way_that_was_opened_stays_open_and_no_other(tmp_path: Path, before: int, after: int) -> None:
    tmp_path.chmod(before)
    assert enterable(tmp_path) == after


def test_an_instance_is_known_by_what_it_gave_up() -> None:
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_MSGQUEUE, (0, 0)); print(1, flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert is_instance(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert is_instance(process.pid)  # gone: nobody can say
    assert not is_instance(os.getpid())
    assert is_instance(0)


def test_half_of_it_is_not_enough() -> None:
    program = (
        "import resource, sys; hard = resource.getrlimit(resource.RLIMIT_MSGQUEUE)[1];"
        "resource.setrlimit(resource.RLIMIT_MSGQUEUE, (0, hard)); print(1, flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert not is_instance(process.pid)
        process.kill()
    assert resource.getrlimit(resource.RLIMIT_MSGQUEUE)[1] != 0


def test_a_process_remembers_when_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    began = start_time()
    assert began is not None

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert start_time() == start_time(os.getpid()) == began
    assert start_time(os.getppid()) is None
