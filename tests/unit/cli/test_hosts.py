"""`investbot status --host`: other machines' fleets over a program called ssh, which runs the real one here."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from investbot.cli.hosts import elsewhere
from investbot.cli.options import hoist
from investbot.cli.session import Session
from tests.unit.cli.conftest import Cli, passphrase_file

PROGRAM = shlex.join((sys.executable, "-P", "-c", "from investbot.cli.main import run; run()"))

SSH = """\
#!/bin/sh
# Says what it was called with, then is the machine that was asked for.
printf '%s\\n' "$*" >> "$CALLS"
while [ "$1" != -- ]; do shift; done
host=$2; shift 3
case $host in
    *down) echo "ssh: connect to host $host port 22: No route to host" >&2; exit 255 ;;
    *slow) sleep 300 & wait ;;
    *odd) echo 'Welcome!' ;;
    *sly) printf '[{"name": "x", "error": "\\\\u001b[2J gone"}]' ;;
    *bad) printf '[{"name": "x", "equity": "NaN"}]' ;;
    *both) : > "$CALLS.$host"
        until [ -e "$CALLS.a-both" ] && [ -e "$CALLS.b-both" ]; do sleep 0.05; done; echo '[]' ;;
    *) exec PROGRAM "$@" ;;
esac
"""


@pytest.fixture
def calls(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "ssh"
    program.write_text(SSH.replace("PROGRAM", PROGRAM), encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("INVESTBOT_HOME", str(folder / "home"))
    monkeypatch.setenv("INVESTBOT_PASSPHRASE_FILE", str(passphrase_file(folder)))
    log = tmp_path / "calls"
    monkeypatch.setenv("CALLS", str(log))
    return lambda: log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def test_fleets_of_several_machines_are_one_table(cli: Cli, calls: Callable[[], list[str]]) -> None:
    here = [row["name"] for row in cli("status", "--json").json]
    done = cli("status", "--host", "ann@h1", "--host", "h2", "--host", "ann@h1", "--json")
    assert done.code == 0, done.err
    assert [(row["host"], row["name"]) for row in done.json] == [
        (host, name) for host in ("ann@h1", "h2") for name in here
    ]
    assert sorted(calls()) == [
        f"-T -o BatchMode=yes -o ConnectTimeout=10 -- {host} investbot status --json" for host in ("ann@h1", "h2")
    ]


def test_a_machine_that_does_not_answer_costs_a_line_and_the_exit_code(
    cli: Cli, calls: Callable[[], list[str]]
) -> None:
    done = cli("status", "--host", "bob@down", "--host", "odd", "--host", "h1")
    assert done.code == 75
    assert "bob@down: ssh: connect to host bob@down port 22: No route to host (exit code 255)." in done.err
    assert "odd: it answered nothing that can be read (exit code 0)." in done.err
    head, *rows = done.out.splitlines()
    assert head.split()[:2] == ["host", "name"]
    assert {row.split()[0] for row in rows} == {"h1"}


def test_machines_are_asked_at_the_same_time(cli: Cli, calls: Callable[[], list[str]]) -> None:
    done = cli("status", "--host", "a-both", "--host", "b-both", "--json")
    assert (done.code, done.json) == (0, [])


def test_a_machine_that_hangs_is_left_with_all_it_started(
    folder: Path, calls: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert elsewhere(Session(hoist([])[0]), ["slow"], answer_s=0.5) == 75
    assert "slow: it did not answer within 0.5 s." in capsys.readouterr().err


@pytest.mark.parametrize(
    "host", ["-oProxyCommand=x", "-v", "-@h", "", "a b", "a;b", "a/b", "$(a)", "a\nb", "ä", "x" * 256]
)
def test_what_is_no_host_never_reaches_ssh(cli: Cli, calls: Callable[[], list[str]], host: str) -> None:
    done = cli("status", "--host", "h1", f"--host={host}")
    assert done.code == 64
    assert "is no host" in done.err
    assert calls() == []


def test_another_machine_does_not_move_the_cursor_nor_bring_this_program_down(
    cli: Cli, calls: Callable[[], list[str]]
) -> None:
    done = cli("status", "--host", "sly")
    assert done.code == 0
    assert "?[2J gone" in done.out
    assert "\x1b" not in done.out
    assert json.loads(cli("status", "--host", "sly", "--json").out) == [
        {"host": "sly", "name": "x", "error": "?[2J gone"}
    ]
    assert cli("status", "--host", "bad").code == 75


def test_hosts_and_names_do_not_go_together(cli: Cli, calls: Callable[[], list[str]]) -> None:
    assert cli("status", "alpha", "--host", "h1").code == 64
    assert cli("status", "--watch", "--host", "h1").code == 64
    assert calls() == []


def test_without_ssh_it_says_so(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = cli("status", "--host", "h1")
    assert done.code == 69
    assert "there is no ssh on this machine" in done.err
