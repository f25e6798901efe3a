"""`investbot run` becomes its instance: the same process, and nothing of what the command knew."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli import PASSPHRASE, Shell, market
from tests.integration.instance_homes import wait_for
from tests.integration.test_cli_fleet import running

CURIOUS = f"""
import gc, json, os, sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

WANTED = {PASSPHRASE!r}[::-1]
FOLDER = Path(__file__).resolve().parent.parent / "home" / "instances" / "alpha" / "logs"

def doors():
    import socket
    made = []
    for family, address in ((socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_UNIX, str(FOLDER / "door"))):
        try:
            with socket.socket(family) as door:
                door.bind(address)
                door.listen()
                made.append(address)
        except OSError:
            pass
    return made

def look():
    texts = [value for each in gc.get_objects() if type(each) in (dict, list, tuple)
             for value in (each.values() if type(each) is dict else each) if type(value) in (str, bytes)]
    secret = WANTED[::-1]
    found = any(text == secret or text == secret.encode() for text in texts)
    modules = [name for name in sys.modules if name.startswith("investbot.cli") or "vault" in name]
    told = {{"found": found, "modules": modules, "pid": os.getpid(), "environment": sorted(os.environ)}}
    told["doors"] = doors()
    (FOLDER / "curious.part").write_text(json.dumps(told))
    (FOLDER / "curious.part").rename(FOLDER / "curious.json")

@dataclass(frozen=True, slots=True)
class Curious:
    name: ClassVar[str] = "curious"
    description: ClassVar[str] = "looks around"
    warmup: ClassVar[int] = 1
    def indicators(self): return {{}}
    def confirm_indicators(self): return {{}}
    def evaluate(self, view):
        if not (FOLDER / "curious.json").exists():
            look()
        return None
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "curious.py").write_text(CURIOUS)
    profile = market().replace('name = "ma_cross"', 'name = "strategies/curious.py"')
    (tmp_path / "curious.toml").write_text(profile)
    shell.ok("init")
    shell.ok("create", "alpha", "--profile", str(tmp_path / "curious.toml"))
    return shell


def test_a_strategy_finds_nothing_of_the_command(shell: Shell) -> None:
    told = shell.home / "instances" / "alpha" / "logs" / "curious.json"
    told.unlink(missing_ok=True)
    with running(shell, "run", "alpha") as process:
        wait_for(told.exists, 90)
        found: dict[str, Any] = json.loads(told.read_text())
        assert found["pid"] == process.pid
        assert found["found"] is False
        assert found["modules"] == []
        assert not [name for name in found["environment"] if name.startswith("INVESTBOT")]
        lock = shell.home / "instances" / "alpha" / "lock"
        os.utime(lock, (1, 1))
        wait_for(lambda: lock.stat().st_mtime > 1, 60)  # isolated as it is, it shows that it lives
        assert shell("health", "alpha", "--passphrase-file", "not/there").code == 0
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "alpha was stopped.\n")
    log = (shell.home / "instances" / "alpha" / "logs" / "instance.log").read_text()
    assert '"event": "isolated"' in log


def test_probes_are_answered_by_an_instance_that_can_open_no_door(shell: Shell) -> None:
    told = shell.home / "instances" / "alpha" / "logs" / "curious.json"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running(shell, "run", "alpha", "--health", str(port)) as process:
        wait_for(lambda: answered(port)[0] == 200, 90)
        assert answered(port)[1] == {"name": "alpha", "healthy": True, "state": "RUNNING"}
        wait_for(told.exists, 90)
        found: dict[str, Any] = json.loads(told.read_text())
        assert (found["doors"], found["found"], found["modules"]) == ([], False, [])
        assert not [name for name in found["environment"] if name.startswith("INVESTBOT")]
        second = shell("run", "alpha", "--health", str(port))
        assert (second.code, "give --health another port" in second.err) == (75, True)
        process.send_signal(signal.SIGSTOP)  # as hung as can be: a probe gets no answer
        with pytest.raises(TimeoutError):
            answered(port, patience_s=1)
        process.send_signal(signal.SIGCONT)
        wait_for(lambda: answered(port)[0] == 200, 90)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "alpha was stopped.\n")
    assert answered(port)[0] == 0


def answered(port: int, patience_s: float = 30) -> tuple[int, Any]:
    """Ask whether alpha lives: status and what is told, 0 where nobody listens."""
    door = http.client.HTTPConnection("127.0.0.1", port, timeout=patience_s)
    with contextlib.closing(door):
        try:
            door.request("GET", "/health")
            answer = door.getresponse()
        except ConnectionError:
            return 0, None
        told = json.loads(answer.read())
        told.pop("silent_ms")
        return answer.status, told


def test_a_mistyped_address_is_refused_before_a_passphrase_is_asked_for(shell: Shell) -> None:
    result = shell.here("run", "alpha", "--health", "here:80", "--passphrase-file", "not/there")
    assert (result.code, "no address of a door" in result.err) == (64, True)


def test_a_refusal_is_told_with_its_code(shell: Shell) -> None:
    with (shell.home / "investbot.toml").open("a") as file:
        file.write(f'[isolation]\nread = ["{shell.home}"]\n')
    result = shell("run", "alpha")
    assert result.code == 78
    assert "there lie secrets of this home" in result.err
