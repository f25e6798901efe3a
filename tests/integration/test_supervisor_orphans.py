"""Real instances that lose their supervisor, are stopped still, or whose disk is full: exits go on, and all is told."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from investbot.adapters.storage.reader import SqlcipherReader
from investbot.adapters.storage.vault import OpenVault, Vault
from investbot.adapters.storage.vault_file import KdfCost
from investbot.bootstrap import reading
from investbot.bootstrap.supervisor import detach
from investbot.config.instance import load_instance
from investbot.control.client import ControlClient
from investbot.control.rows import event_row
from investbot.supervisor.processes import end_holder
from tests.integration.instance_homes import make_home, make_instance, wait_for, write_candles
from tests.integration.supervision import alive

PASSPHRASE = "correct horse, Batterie, клемма"
CHEAP = KdfCost(memory_kib=8 * 4, iterations=1, lanes=4)
pytestmark = pytest.mark.timeout(300)
LIVELY = ("venue.name=synthetic", "venue.synthetic.speed=20", "restart.orphan_after=4s", "restart.backoff=100ms")


class Place:
    """A home with a vault, its supervisors, and what its instances say."""

    def __init__(self, path: Path) -> None:
        self.home = make_home(path)
        self.vault: OpenVault = Vault.create(self.home.vault, PASSPHRASE, CHEAP)
        self.supervisors: list[int] = []

    def add(self, name: str, *settings: str) -> None:
        folder = make_instance(self.home, name, *settings)
        for path in folder.path.glob("ledger.db*"):
            path.unlink()
        from investbot.adapters.storage.ledger import SqlcipherLedger

        SqlcipherLedger.create(folder.ledger, self.vault.add(name), instance=name).close()

    def up(self, **options: Any) -> int:
        self.supervisors.append(detach(self.home.path, PASSPHRASE, **options))
        return self.supervisors[-1]

    def kill(self) -> None:
        pid = self.supervisors[-1]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not alive(pid))

    def ask(self, verb: str, **args: Any) -> Any:
        with ControlClient(self.home.path, timeout_s=60) as client:
            return client.call(verb, **args)

    def row(self, name: str) -> dict[str, Any]:
        (row,) = self.ask("status", names=[name])
        assert isinstance(row, dict)
        return row

    def stored(self, name: str) -> dict[str, Any]:
        """The row that the ledger gives while no supervisor answers."""
        folder = self.home.instance(name)
        with contextlib.closing(SqlcipherReader.open(folder.ledger, self.vault.data_key(name))) as reader:
            return reading.status_row(load_instance(folder.path), reader)

    def pauses(self, name: str) -> list[tuple[str, str]]:
        """Kind and cause of every pause and its end, oldest first."""
        with contextlib.closing(
            SqlcipherReader.open(self.home.instance(name).ledger, self.vault.data_key(name))
        ) as reader:
            rows = [event_row(recorded.seq, recorded.event) for recorded in reader.events()]
        return [(row["kind"], row["cause"]) for row in rows if row["kind"] in {"EntriesPaused", "EntriesResumed"}]

    def audit(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.home.run.audit.read_text().splitlines()]

    @contextlib.contextmanager
    def by_hand(self, name: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run an instance in the foreground: the process that `investbot run` becomes."""
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(self.vault.data_key(name))
        command = [sys.executable, "-P", "-m", "investbot.bootstrap.instance", "--alone"]
        command += ["--home", str(self.home.path), "--name", name, "--key-fd", str(reading)]
        with subprocess.Popen(command, pass_fds=(reading,), env={**os.environ, **environment}) as process:
            os.close(reading)
            try:
                yield process
            finally:
                process.kill()

    def close(self) -> None:
        for pid in self.supervisors:
            if alive(pid):
                os.kill(pid, signal.SIGCONT)
                os.kill(pid, signal.SIGTERM)
                wait_for(lambda pid=pid: not alive(pid))  # type: ignore[misc]
        for name in self.home.names():
            end_holder(self.home.instance(name).lock, name, 10.0)
        self.vault.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "home")
    yield place
    place.close()


@pytest.mark.scenarios
def test_without_a_supervisor_an_instance_only_exits_until_it_is_found_again(place: Place, tmp_path: Path) -> None:
    place.add("alpha", *LIVELY)
    candles = write_candles(tmp_path / "candles.csv", 6000)
    place.add("beta", "venue.name=replay", f"venue.replay.file={candles}", "venue.replay.speed=20", LIVELY[2])
    place.add("gamma", *LIVELY)
    place.up()
    assert all(line["ok"] for line in place.ask("start", names=["alpha", "beta"]))
    pid = place.row("alpha")["pid"]
    with place.by_hand("gamma") as gamma:
        wait_for(lambda: (row := place.row("gamma"))["state"] == "RUNNING" and row["last_candle_at"])
        assert place.row("gamma")["pid"] == gamma.pid
        place.kill()
        wait_for(lambda: place.pauses("alpha"))
        told = place.stored("alpha")
        assert (told["trading_state"], told["reduced_by"]) == ("REDUCING", "supervisor")
        assert told["paused"] == {"supervisor": "no supervisor watches this instance"}
        assert alive(pid)
        place.up()
        wait_for(lambda: len(place.pauses("alpha")) == 2)
        row = wait_for(lambda: (row := place.row("alpha"))["trading_state"] == "ACTIVE" and row)
        assert (row["state"], row["pid"], row["paused"], row["restarts"]) == ("RUNNING", pid, {}, 0)
        os.kill(pid, signal.SIGABRT)
        row = wait_for(lambda: (row := place.row("alpha"))["restarts"] == 1 and row["state"] == "RUNNING" and row)
        assert b"Fatal Python error: Aborted" in (place.home.instance("alpha").logs / "fault.log").read_bytes()
    assert place.pauses("alpha")[:2] == [("EntriesPaused", "supervisor"), ("EntriesResumed", "supervisor")]
    assert place.pauses("beta") == place.pauses("gamma") == []


@pytest.mark.scenarios
def test_a_supervisor_that_hangs_is_lost_too_and_blames_nobody(place: Place) -> None:
    place.add("alpha", *LIVELY)
    pid = place.up()
    assert place.ask("start", names=["alpha"])[0]["ok"]
    instance = wait_for(lambda: (row := place.row("alpha"))["last_candle_at"] and row)["pid"]
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: place.pauses("alpha"))
    os.kill(pid, signal.SIGCONT)
    wait_for(lambda: len(place.pauses("alpha")) == 2)
    row = place.row("alpha")
    assert (row["state"], row["pid"], row["restarts"]) == ("RUNNING", instance, 0)
    place.home.instance("alpha").lock.unlink()  # it would keep no second process out: the first one goes
    row = wait_for(lambda: (row := place.row("alpha"))["restarts"] == 1 and row["state"] == "RUNNING" and row)
    assert not alive(instance)
    assert any("lock file was removed" in entry["outcome"] for entry in place.audit())


@pytest.mark.scenarios
def test_what_was_run_by_hand_is_there_when_up_returns_and_stops_when_told(place: Place) -> None:
    place.add("alpha", *LIVELY)
    with place.by_hand("alpha") as process:
        wait_for(
            lambda: (
                place.home.instance("alpha").log.exists()
                and b'"ready"' in place.home.instance("alpha").log.read_bytes()
            )
        )
        place.up()
        row = place.row("alpha")
        assert (row["state"], row["pid"]) == ("RUNNING", process.pid)
        place.kill()
        place.up()
        (line,) = place.ask("stop", names=["alpha"])
        assert (line["ok"], line["state"]) == (True, "STOPPED")
        assert process.wait(60) == 0
        assert place.row("alpha")["exit_code"] == 0


def test_an_adopted_instance_tells_how_it_ended(place: Place, tmp_path: Path) -> None:
    place.add(
        "alpha",
        "venue.name=replay",
        f"venue.replay.file={write_candles(tmp_path / 'c.csv', 60)}",
        "venue.replay.speed=20",
    )
    place.up()
    assert place.ask("start", names=["alpha"])[0]["ok"]
    place.kill()
    place.up()
    row = wait_for(lambda: (row := place.row("alpha"))["state"] == "EXITED" and row)
    assert (row["exit_code"], row["error"], row["restarts"]) == (0, None, 0)


def test_in_the_foreground_the_service_manager_hears_it(place: Place, tmp_path: Path) -> None:
    place.add("alpha", *LIVELY)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(str(tmp_path / "notify"))
        door.settimeout(60)
        with place.by_hand("alpha", NOTIFY_SOCKET=str(tmp_path / "notify")) as process:
            said = b""
            while b"READY=1" not in said:
                said = door.recv(4096)
            assert b"WATCHDOG=1" in door.recv(4096)
            process.send_signal(signal.SIGTERM)
            while b"STOPPING=1" not in said:
                said = door.recv(4096)
            assert process.wait(60) == 0


def fill(disk: Path) -> Path:
    """Take all the room there is."""
    file = disk / "filler"
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(1 << 12))
    return file


@pytest.mark.scenarios
def test_a_full_disk_is_survived_with_exits_only(small_disk: Path) -> None:
    place = Place(small_disk / "home")
    for name in ("alpha", "beta"):
        place.add(name, *LIVELY)
    try:
        place.up()
        assert place.ask("start", names=["alpha"])[0]["ok"]
        ballast = place.home.run.path / "ballast"
        assert ballast.stat().st_size == 24 * (1 << 20) // 16
        filler = fill(small_disk)
        wait_for(lambda: not ballast.exists())
        wait_for(lambda: place.pauses("alpha")[-1:] == [("EntriesPaused", "disk")])
        assert place.ask("start", names=["beta"])[0]["ok"]
        row = wait_for(lambda: (row := place.row("beta"))["trading_state"] == "REDUCING" and row)
        assert (row["state"], row["reduced_by"]) == ("RUNNING", "disk")
        assert "MiB are free on the disk of the home" in row["paused"]["disk"]
        filler.unlink()
        for name in ("alpha", "beta"):
            wait_for(lambda name=name: place.row(name)["trading_state"] == "ACTIVE")  # type: ignore[misc]
            assert place.pauses(name)[-2:] == [("EntriesPaused", "disk"), ("EntriesResumed", "disk")]
        wait_for(ballast.exists)
        assert [row["state"] for row in place.ask("status")] == ["RUNNING", "RUNNING"]
        (alarm,) = [entry for entry in place.audit() if entry["verb"] == "disk"]
        assert "the ballast was thrown off" in alarm["outcome"]
    finally:
        place.close()
