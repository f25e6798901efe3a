"""The whole supervisor process on a real home: vault, configuration, encrypted ledgers, real instances."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from investbot.adapters.clock import SystemClock
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.vault import OpenVault, Vault
from investbot.adapters.storage.vault_file import KdfCost
from investbot.bootstrap import reading
from investbot.bootstrap import supervisor as bootstrap
from investbot.bootstrap.home import Home
from investbot.bootstrap.supervisor import FleetFiles, detach
from investbot.config.instance import load_instance
from investbot.control.client import ControlClient, supervisor_answers
from investbot.domain.errors import (
    AlreadyExists,
    ConfigError,
    InvariantError,
    TryAgain,
    UnknownInstance,
    UsageError,
    VaultError,
)
from investbot.supervisor import daemon
from tests.integration.instance_homes import make_home, replaying, wait_for, write_candles
from tests.integration.supervision import alive

PASSPHRASE = "correct horse, Batterie, клемма"
CHEAP = KdfCost(memory_kib=8 * 4, iterations=1, lanes=4)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home")


@pytest.fixture
def vault(home: Home) -> Iterator[OpenVault]:
    opened = Vault.create(home.vault, PASSPHRASE, CHEAP)
    yield opened
    opened.close()


def instance(home: Home, vault: OpenVault, name: str, *settings: str, speed: float = 0, count: int = 300) -> None:
    file = home.path / f"{name}.csv"
    write_candles(file, count)
    folder = replaying(home, name, file, *settings, speed=speed)
    for path in folder.path.glob("ledger.db*"):
        path.unlink()
    SqlcipherLedger.create(folder.ledger, vault.add(name), instance=name).close()


def ask(home: Home, verb: str, **args: Any) -> Any:
    with ControlClient(home.path, timeout_s=60) as client:
        return client.call(verb, **args)


def rows(home: Home, kind: str, name: str) -> list[dict[str, Any]]:
    with ControlClient(home.path, timeout_s=60) as client:
        return list(client.rows(kind, name))


def go_down(home: Home, pid: int) -> None:
    if alive(pid):
        os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not alive(pid))


@pytest.fixture
def detached(home: Home) -> Iterator[Callable[[], int]]:
    pids: list[int] = []

    def start(**options: Any) -> int:
        pids.append(detach(home.path, PASSPHRASE, **options))
        return pids[-1]

    yield start
    for pid in pids:
        go_down(home, pid)


def test_a_daemon_runs_real_instances_to_their_end(home: Home, vault: OpenVault, detached: Callable[..., int]) -> None:
    instance(home, vault, "alpha")
    instance(home, vault, "beta", speed=20)
    pid = detached()
    assert alive(pid)
    assert home.run.pid.read_text().strip() == str(pid)
    assert os.getsid(pid) == pid
    (line,) = ask(home, "start", names=["alpha"])
    assert line["ok"]
    wait_for(lambda: ask(home, "status", names=["alpha"])[0]["state"] == "EXITED")
    (row,) = ask(home, "status", names=["alpha"])
    assert (row["exit_code"], row["error"], row["pid"]) == (0, None, None)
    assert row["trips"] > 0
    events = rows(home, "events", "alpha")
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert len(rows(home, "trips", "alpha")) == row["trips"]
    with pytest.raises(UsageError, match="no rows of the kind"):
        rows(home, "secrets", "alpha")
    assert ask(home, "start", names=["beta"])[0]["state"] == "RUNNING"
    wait_for(lambda: ask(home, "pause", names=["beta"])[0]["ok"])
    assert ask(home, "flatten", names=["beta"])[0]["ok"]
    assert ask(home, "allocate", name="beta", amount="1500")["ok"]
    assert load_instance(home.instance("beta").path).capital == 1500
    lines = ask(home, "down")
    assert [(line["name"], line["ok"]) for line in lines] == [("beta", True)]
    wait_for(lambda: not alive(pid))
    assert not home.run.pid.exists()
    assert not supervisor_answers(home.path)
    told = [json.loads(line) for line in home.run.log.read_text().splitlines()]
    assert [line["event"] for line in told][-1] == "supervisor_down"
    everything = b"".join(path.read_bytes() for path in home.run.path.iterdir() if path.is_file())
    assert PASSPHRASE.encode() not in everything
    assert vault.data_key("alpha").hex().encode() not in everything


@pytest.mark.scenarios
def test_real_instances_outlive_a_killed_supervisor(home: Home, vault: OpenVault, detached: Callable[..., int]) -> None:
    instance(home, vault, "alpha", speed=20)
    first = detached()
    assert ask(home, "start", names=["alpha"])[0]["ok"]
    pid = ask(home, "status", names=["alpha"])[0]["pid"]
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: not alive(first))
    assert alive(pid)
    detached()
    row = wait_for(lambda: [row for row in ask(home, "status") if row["heartbeat_age_s"] is not None])[0]
    assert (row["state"], row["pid"]) == ("RUNNING", pid)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: (row := ask(home, "status")[0])["state"] == "RUNNING" and row["pid"] != pid)
    assert ask(home, "status")[0]["restarts"] == 1
    assert ask(home, "stop", names=["alpha"])[0]["ok"]


def test_what_was_stopped_by_down_is_restored(home: Home, vault: OpenVault, detached: Callable[..., int]) -> None:
    instance(home, vault, "alpha", speed=20)
    first = detached()
    assert ask(home, "start", names=["alpha"])[0]["ok"]
    go_down(home, first)
    detached(restore=True)
    wait_for(lambda: ask(home, "status")[0]["state"] == "RUNNING")


@pytest.mark.scenarios
def test_a_second_daemon_is_refused(home: Home, vault: OpenVault, detached: Callable[..., int]) -> None:
    detached()
    with pytest.raises(AlreadyExists, match="already"):
        detach(home.path, PASSPHRASE)


def test_what_a_daemon_cannot_do_is_told_where_it_was_asked_for(home: Home, vault: OpenVault) -> None:
    with pytest.raises(VaultError):
        detach(home.path, "wrong")
    assert not supervisor_answers(home.path)
    home.settings.write_text("[fleet]\nsurprise = 1\n")
    with pytest.raises(ConfigError):
        detach(home.path, PASSPHRASE)
    home.settings.unlink()
    with pytest.raises(ConfigError, match="investbot init"):
        detach(home.path, PASSPHRASE)
    with pytest.raises(ConfigError, match="investbot init"):
        bootstrap.run_supervisor(home.path, PASSPHRASE)


def test_a_daemon_that_dies_or_dawdles_is_noticed(home: Home) -> None:
    with pytest.raises(InvariantError, match="ended before it was ready"):
        daemon.detach(home.path, "x", ["-c", "raise SystemExit(3)"])
    with pytest.raises(TryAgain, match="not ready"):
        daemon.detach(home.path, "x", ["-c", "import time; time.sleep(1)"], ready_s=0.1)


def test_in_the_foreground_it_ends_on_a_signal_and_tells_the_service_manager(
    home: Home, vault: OpenVault, tmp_path: Path
) -> None:
    door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    door.bind(str(tmp_path / "notify"))
    door.settimeout(60)

    def told(word: str) -> dict[str, str]:
        while word not in (said := dict(line.split("=", 1) for line in door.recv(4096).decode().splitlines())):
            pass
        return said

    code = "import sys; from pathlib import Path; from investbot.bootstrap.supervisor import run_supervisor as run;"
    code += f"print(run(Path(sys.argv[1]), {PASSPHRASE!r}, ready=lambda: print('ready', flush=True)))"
    command = [sys.executable, "-c", code, str(home.path)]
    environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
    with door, subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert told("READY")["MAINPID"] == str(process.pid)
        assert [told("WATCHDOG")["STATUS"] for _ in range(2)] == ["no instances"] * 2
        process.send_signal(signal.SIGHUP)
        assert int(told("RELOADING")["MONOTONIC_USEC"]) > 0
        told("READY")
        (home.run.path.parent / "vault.json").rename(tmp_path / "vault.json")
        process.send_signal(signal.SIGHUP)
        told("RELOADING")
        told("READY")
        (tmp_path / "vault.json").rename(home.vault)
        process.send_signal(signal.SIGINT)
        told("STOPPING")
        assert process.stdout.readline() == "[]\n"
        assert process.wait(60) == 0


def test_word_is_given_once(capfd: pytest.CaptureFixture[str]) -> None:
    reading, writing = os.pipe()
    word = daemon.Word(writing)
    word.ready()
    word.failed(TryAgain("Too late."))
    assert os.read(reading, 100) == b'{"ok": true}\n'
    os.close(reading)
    reading, writing = os.pipe()
    os.close(reading)
    daemon.Word(writing).ready()
    daemon.Word(None).ready()


class TestFleetFiles:
    @pytest.fixture
    def files(self, home: Home, vault: OpenVault) -> FleetFiles:
        return FleetFiles(home, Vault.unlock(home.vault, PASSPHRASE), SystemClock())

    def test_an_instance_made_later_has_its_key(self, home: Home, vault: OpenVault, files: FleetFiles) -> None:
        assert files.names() == []
        instance(home, vault, "alpha")
        assert files.names() == ["alpha"]
        assert files.data_key("alpha") == vault.data_key("alpha")
        with pytest.raises(VaultError):
            files.data_key("nobody")
        with pytest.raises(UnknownInstance):
            files.recipe("nobody")

    def test_a_recipe_speaks_seconds(self, home: Home, vault: OpenVault, files: FleetFiles) -> None:
        instance(home, vault, "alpha", "restart.backoff=250ms", "restart.max=8s", "restart.window=1m")
        recipe = files.recipe("alpha")
        restart = recipe.restart
        assert (restart.backoff_s, restart.max_s, restart.limit, restart.window_s) == (0.25, 8.0, 10, 60.0)
        assert (str(recipe.capital), recipe.live) == ("1000", False)
        assert files.fleet_capital() is None

    def test_a_row_is_read_again_only_when_files_change(
        self, home: Home, vault: OpenVault, files: FleetFiles, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        instance(home, vault, "alpha")
        files.row("alpha")
        reads: list[str] = []
        original = reading.status_row

        def counted(config: Any, reader: Any) -> Any:
            reads.append(config.name)
            return original(config, reader)

        monkeypatch.setattr(reading, "status_row", counted)
        files.row("alpha")
        row = files.row("alpha")
        row["name"] = "spoilt"
        assert files.row("alpha")["name"] == "alpha"
        before = len(reads)
        files.allocate("alpha", load_instance(home.instance("alpha").path).capital * 2)
        assert files.row("alpha")["capital"] == "2000"
        assert len(reads) == before + 1
        files.reload()
        files.row("alpha")
        assert len(reads) == before + 2

    def test_a_ledger_that_cannot_be_read_is_told_in_the_row(
        self, home: Home, vault: OpenVault, files: FleetFiles
    ) -> None:
        instance(home, vault, "alpha")
        home.instance("alpha").ledger.write_bytes(b"not a ledger" * 1000)
        row = files.row("alpha")
        assert row["name"] == "alpha"
        assert row["error"]

    def test_what_does_not_run_is_flattened_from_its_ledger(
        self, home: Home, vault: OpenVault, files: FleetFiles
    ) -> None:
        instance(home, vault, "alpha")
        row = files.flatten("alpha")
        assert row["open_positions"] == 0
