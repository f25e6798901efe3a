"""`investbot health`: who holds the lock, and whether he has renewed it of late."""

from __future__ import annotations

import os
import time
from pathlib import Path

from investbot.instance.lock import InstanceLock
from tests.unit.cli.conftest import Cli


def test_an_instance_lives_while_its_lock_is_held_and_renewed(cli: Cli, folder: Path) -> None:
    path = folder / "home" / "instances" / "alpha" / "lock"
    with InstanceLock(path, "alpha") as lock:
        os.utime(path, (time.time() - 90, time.time() - 90))
        hung = cli("health", "alpha")
        assert hung.code == 75
        assert "has shown no life for 9" in hung.err
        assert cli("health", "alpha", "--within", "1h").code == 0
        lock.renew()
        assert (cli("health", "alpha").code, cli("health", "alpha").out) == (0, "alpha lives.\n")
        told = cli("health", "alpha", "--json").json
        assert (told["name"], told["healthy"]) == ("alpha", True)
        assert 0 <= told["silent_ms"] < 60_000
        os.utime(path, (time.time() + 90, time.time() + 90))  # the clock was set back
        assert cli("health", "alpha", "--json").json["silent_ms"] == 0
        assert cli("health", "alpha", "--quiet").out == ""
    gone = cli("health", "alpha")
    assert gone.code == 75
    assert "alpha does not run" in gone.err


def test_it_asks_for_no_passphrase_and_says_what_is_put_wrongly(cli: Cli, folder: Path) -> None:
    assert cli("health", "nobody").code == 66
    assert cli("health", "alpha", "--within", "soon").code == 64
    path = folder / "home" / "instances" / "alpha" / "lock"
    with InstanceLock(path, "alpha"):
        assert cli("health", "alpha", "--passphrase-file", "not/there").code == 0
