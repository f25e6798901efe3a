"""A fleet from init to down, by the command line alone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.integration.cli import PASSPHRASE, PROGRAM, Shell, market

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a home with two instances, once."""
    shell = Shell(tmp_path_factory.mktemp("made"), here=True)
    shell.ok("init", "--capital", "2000")
    shell.ok("create", "alpha", "--profile", "slow.toml", "--capital", "500")
    shell.ok("create", "beta", "--profile", "quick.toml", "--capital", "500")
    return shell.folder


@pytest.fixture
def shell(made: Path, tmp_path: Path) -> Iterator[Shell]:
    """Give a copy of that home, and leave no process behind."""
    shutil.copytree(made, tmp_path / "fleet")
    shell = Shell(tmp_path / "fleet", here=True)
    yield shell
    if (shell.home / "run/supervisor.sock").exists():
        shell("down", "--yes")
    end_instances(shell)


def end_instances(shell: Shell) -> None:
    for lock in shell.home.glob("instances/*/lock"):
        with contextlib.suppress(ValueError, OSError):
            pid = int(lock.read_text(encoding="ascii"))
            if str(shell.home).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has buried yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def test_a_fleet_from_init_to_down(shell: Shell) -> None:
    shell.is_here = False  # each command a process of its own, as an operator has it
    up = shell.ok("up", "--detach", "--json").json
    assert up["pid"] == shell.supervisor_pid()
    assert shell("up", "--detach").code == 73
    started = shell.ok("start", "--all", "--json").json
    assert [line["name"] for line in started] == ["alpha", "beta"]
    assert shell.row("alpha")["state"] == "RUNNING"
    nothing_asked = {"INVESTBOT_PASSPHRASE_FILE": str(shell.folder / "none")}
    for words in (
        ("status",),
        ("trips", "beta"),
        ("events", "alpha", "--last", "3"),
        ("signals", "--last", "1"),
        ("top",),
    ):
        assert shell(*words, more=nothing_asked).code == 0, words
    shell.until_held("alpha")
    assert shell.ok("pause", "alpha", "--json").json[0]["ok"]
    flat = shell.ok("flatten", "alpha", "--yes", "--json").json[0]
    assert flat["open_positions"] == 0
    row = shell.row("alpha")
    assert Decimal(row["equity"]) == Decimal(row["cash"])
    assert shell.ok("positions", "alpha", "--json").json == []
    assert shell.ok("resume", "alpha").code == 0
    assert shell.ok("restart", "alpha").code == 0
    stopped = shell.ok("stop", "alpha", "beta")
    assert stopped.out.count("\n") == 2
    assert shell.row("alpha")["state"] == "STOPPED"
    down = shell.ok("down", "--yes")
    assert "The supervisor is down." in down.out
    assert not (shell.home / "run/supervisor.sock").exists()
    assert shell("start", "alpha").code == 69
    verbs = [entry["verb"] for entry in shell.ok("audit", "--json").json]
    assert {"start", "pause", "flatten", "restart", "stop", "down"} <= set(verbs)
    assert shell.ok("doctor").code == 0


def test_a_replay_to_its_end_exits_with_0(shell: Shell) -> None:
    shell.ok("up", "-d")
    shell.ok("start", "beta")
    end = time.monotonic() + 60
    while shell.row("beta")["state"] != "EXITED" and time.monotonic() < end:
        time.sleep(0.1)
    row = shell.row("beta")
    assert (row["state"], row["error"], row["open_positions"]) == ("EXITED", None, 0)
    assert len(shell.ok("trips", "beta", "--json").json) > 2


def test_several_names_get_a_line_each_and_the_worst_code_wins(shell: Shell) -> None:
    shell.ok("up", "-d")
    result = shell("start", "alpha", "nope", "--json")
    assert result.code == 66
    assert [(line["name"], line["ok"]) for line in result.json] == [("alpha", True), ("nope", False)]
    assert result.err.count("\n") == 1
    assert shell("remove", "alpha", "--yes").code == 78
    assert shell("close", "alpha", "DOGE/USDT", "--yes").code == 65
    assert shell("size", "alpha", "DOGE/USDT", "--stop", "1").code == 65


def test_size_and_capital_ask_the_running_engine(shell: Shell) -> None:
    shell.ok("create", "gamma", "--profile", "slow.toml", "--set", "venue.synthetic.speed=2", "--capital", "400")
    shell.ok("up", "-d")
    shell.ok("start", "alpha", "gamma")
    marks: dict[str, str] = {}
    end = time.monotonic() + 60
    while not marks and time.monotonic() < end:
        marks = shell.row("gamma").get("marks") or {}
        time.sleep(0.1)
    price = Decimal(marks["BTC/USDT"])
    sized = shell.ok("size", "gamma", "BTC/USDT", "--stop", str(price * Decimal("0.993")), "--json").json
    assert Decimal(sized["quantity"]) > 0
    assert {"risk", "costs", "notional", "reward"} <= sized.keys()
    assert shell("capital", "alpha", "1100.01").code == 78
    shell.ok("capital", "alpha", "800")
    assert shell.row("alpha")["capital"] == "800"
    assert shell.ok("show", "alpha", "--json").json["settings"]["instance"]["capital"] == "800"


def test_instances_made_and_removed_beside_a_running_supervisor(shell: Shell) -> None:
    shell.ok("up", "-d")
    shell.ok("create", "gamma", "--profile", "slow.toml", "--capital", "100", "--symbol", "ETH/USDT")
    shell.ok("start", "gamma")
    assert shell("remove", "gamma", "--yes").code == 78
    shell.ok("flatten", "gamma", "--yes")
    shell.ok("stop", "gamma")
    shell.ok("remove", "gamma", "--yes")
    assert [row["name"] for row in shell.ok("status", "--json").json] == ["alpha", "beta"]
    assert shell("start", "gamma").code == 66


def test_what_cannot_start_says_why(shell: Shell) -> None:
    assert shell("up", "-d", more={"INVESTBOT_PASSPHRASE_FILE": "none"}).code == 77
    (shell.folder / "wrong").write_text("wrong\n", encoding="utf-8")
    wrong = shell("up", "--detach", "--passphrase-file", "wrong")
    assert (wrong.code, wrong.out) == (77, "")
    assert wrong.err.splitlines()[-1] == "The passphrase does not open this vault."
    assert not (shell.home / "run/supervisor.sock").exists()
    shell.ok("up", "-d")
    foreign = sqlite3.connect(shell.folder / "foreign.db")
    foreign.execute("CREATE TABLE t (x)")
    foreign.commit()
    foreign.close()
    for name, content in (("alpha", b"x" * 8192), ("beta", (shell.folder / "foreign.db").read_bytes())):
        (shell.home / f"instances/{name}/ledger.db").write_bytes(content)
    result = shell("start", "alpha", "beta", "--json")
    assert result.code == 74
    assert [line["exit_code"] for line in result.json] == [74, 74]
    assert result.err.count("\n") == 2
    assert "Traceback" not in result.err
    assert shell("trips", "alpha").code == 74
    assert shell("doctor").code == 1


def test_panic_with_a_supervisor(shell: Shell) -> None:
    shell.ok("up", "-d")
    shell.ok("start", "alpha")
    shell.until_held("alpha")
    assert shell("panic").code == 64
    lines = shell.ok("panic", "--yes", "--json").json
    assert [(line["name"], line["ok"]) for line in lines] == [("alpha", True), ("beta", True)]
    assert shell.row("alpha")["open_positions"] == 0
    assert shell.row("alpha")["state"] == "RUNNING"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["dead", "hung"])
def test_panic_without_a_supervisor_that_answers(shell: Shell, how: signal.Signals) -> None:
    shell.ok("up", "-d")
    shell.ok("start", "alpha")
    shell.until_held("alpha")
    instance = shell.row("alpha")["pid"]
    os.kill(shell.supervisor_pid(), how)
    result = shell("panic", "--yes", "--json", timeout=120)
    assert result.code == 0, result
    assert [(line["name"], line["ok"]) for line in result.json] == [("alpha", True), ("beta", True)]
    assert not is_alive(instance)
    row = shell.row("alpha")
    assert (row["state"], row["open_positions"]) == ("STOPPED", 0)
    assert shell.ok("positions", "alpha", "--json").json == []
    shell.ok("up", "-d")
    assert shell.row("alpha")["state"] == "STOPPED"


@contextlib.contextmanager
def running(shell: Shell, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command that goes on, and end it however the test ends."""
    process = subprocess.Popen(
        [*PROGRAM, *words], env=shell.environment(), cwd=shell.folder, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_run_in_the_foreground_ends_on_sigterm(shell: Shell) -> None:
    with running(shell, "run", "alpha") as process:
        shell.until_held("alpha")
        assert shell("run", "alpha").code == 75
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "alpha" in out


def test_up_in_the_foreground_ends_on_sigterm(shell: Shell) -> None:
    with running(shell, "up") as process:
        assert process.stdout is not None
        assert "is up" in process.stdout.readline()
        shell.ok("start", "alpha")
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "alpha: stopped" in out


@pytest.mark.parametrize("words", [("status", "--watch"), ("logs", "alpha", "--follow", "--last", "1", "--json")])
def test_watching_and_following_go_on(shell: Shell, words: tuple[str, ...]) -> None:
    shell.ok("up", "-d")
    shell.ok("start", "alpha")
    with running(shell, *words) as process:
        assert process.stdout is not None
        assert all(process.stdout.readline() for _ in range(4))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 130


def test_another_fleet_over_ssh(shell: Shell) -> None:
    """A stand-in for ssh runs the command here."""
    tools = shell.folder / "bin"
    tools.mkdir()
    program = " ".join(f"'{word}'" for word in PROGRAM)
    script = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\n[ "$2" = ok ] || { echo "no route" >&2; exit 255; }\n'
    (tools / "ssh").write_text(f'{script}shift 3\nexec {program} "$@"\n', encoding="utf-8")
    (tools / "ssh").chmod(0o755)
    more = {"PATH": f"{tools}:{os.environ['PATH']}"}
    rows = shell("status", "--host", "ok", "--json", more=more).json
    assert [(row["host"], row["name"]) for row in rows] == [("ok", "alpha"), ("ok", "beta")]
    both = shell("status", "--host", "ok", "--host", "away", "--json", more=more)
    assert (both.code, len(both.json)) == (75, 2)
    assert "away: no route" in both.err
    assert shell("status", "alpha", "--host", "ok", more=more).code == 64
    assert shell("status", "--host", "-oProxyCommand=x", more=more).code == 64


def test_no_secret_in_any_output_argument_or_environment(shell: Shell) -> None:
    canary = "canary-0123456789-secret"
    (shell.folder / "keys.json").write_text(json.dumps({"apiKey": "public", "secret": canary}), encoding="utf-8")
    said = [shell.ok("keys", "set", "alpha", "--from", "keys.json")]
    shell.ok("up", "-d")
    shell.ok("start", "alpha")
    pids = [shell.supervisor_pid(), shell.row("alpha")["pid"]]
    said += [
        shell(*words)
        for words in (
            ("status", "--json"), ("show", "alpha", "--json"), ("keys", "check", "alpha"), ("audit", "--json"),
            ("logs", "alpha", "--json"), ("doctor", "--bundle", "facts.tar.gz"), ("vault", "status", "--json"),
            ("events", "alpha", "--debug"), ("start", "alpha", "--debug"),
        )
    ]  # fmt: skip
    (shell.folder / "keys.json").unlink()
    secrets = [PASSPHRASE, canary]
    for result in said:
        assert not any(secret in result.out + result.err for secret in secrets)
    for pid in pids:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        with contextlib.suppress(PermissionError):  # a hardened process shows its environment to nobody
            command += Path(f"/proc/{pid}/environ").read_bytes()
        assert not any(secret.encode() in command for secret in secrets)
    for path in [*shell.home.rglob("*"), shell.folder / "facts.tar.gz"]:
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in secrets), path


def test_a_profile_of_the_home_hides_the_shipped_one(shell: Shell) -> None:
    text = market(candles=10, speed=0, extends='extends = "conservative"')
    (shell.home / "profiles/conservative.toml").write_text(text, encoding="utf-8")
    assert shell.ok("profiles", "show", "conservative", "--json").json["venue"]["name"] == "synthetic"
