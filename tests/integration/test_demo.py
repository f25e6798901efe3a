"""The demo as a user runs it: it trades, reports, and leaves nothing behind."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DEMO = REPOSITORY / "scripts" / "demo"
pytestmark = pytest.mark.timeout(400)
NAMES = ("scalper", "crosser", "swinger")


def environment(scratch: Path) -> dict[str, str]:
    """Give the demo a folder of its own for whatever it makes, and settings that it must not take over."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INVESTBOT_")}
    return kept | {"TMPDIR": str(scratch), "INVESTBOT_HOME": str(scratch / "elsewhere")}


def processes_of(scratch: Path) -> list[str]:
    """Name the processes that have the folder in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(scratch) in line:
            found.append(line.decode(errors="replace").replace("\0", " "))
    return found


def report_of(said: str) -> dict[str, list[str]]:
    """Read the lines of the report by instance."""
    lines = said.partition("What was traded, net of every cost")[2].partition("Refused by the gate")[0].splitlines()
    return {line.split()[0]: line.split() for line in lines if line.strip()}


def run(scratch: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(DEMO), *words],
        check=False,
        cwd=scratch,
        env=environment(scratch),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_three_instances_trade_and_nothing_is_left(tmp_path: Path) -> None:
    done = run(tmp_path, "--seconds", "5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    report = report_of(done.stdout)
    assert [name for name in report if name in NAMES] == list(NAMES)
    for name in NAMES:
        _, currency, _, trips, *_ = report[name]
        assert currency == "USDT"
        assert int(trips) >= 1, done.stdout
    assert int(report["total"][3]) == sum(int(report[name][3]) for name in NAMES)
    assert re.search(r"scalper: .*cooldown \d+|scalper: nothing", done.stdout)
    assert "Synthetic data" in done.stdout
    assert len(re.findall(r"^ +\d+ s$", done.stdout, re.MULTILINE)) >= 2
    assert list(tmp_path.iterdir()) == []
    assert processes_of(tmp_path) == []


def test_candle_files_are_replayed(tmp_path: Path) -> None:
    candles = tmp_path / "test_ABCUSDT_5m.csv"
    chance = random.Random(7)
    price, rows = 100.0, ["timestamp,open,high,low,close,volume"]
    for number in range(2000):
        opened, price = price, price * (1 + chance.gauss(0, 0.003))
        high, low = max(opened, price) * 1.001, min(opened, price) * 0.999
        at = 1_700_000_100_000 + number * 300_000
        rows.append(f"{at},{opened:.2f},{high:.2f},{low:.2f},{price:.2f},10")
    candles.write_text("\n".join(rows) + "\n")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = run(scratch, "--seconds", "3", "--data", str(candles))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Replayed candles (test_ABCUSDT_5m.csv)" in done.stdout
    assert int(report_of(done.stdout)["crosser"][3]) >= 1, done.stdout
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--seconds", "0"), 2, "above zero"),
        (("--data", "none.csv"), 1, "cannot be read"),
    ],
)
def test_bad_arguments_leave_nothing(tmp_path: Path, words: tuple[str, ...], code: int, sentence: str) -> None:
    done = run(tmp_path, *words)
    assert done.returncode == code
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_is_told_to_go_cleans_up(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        [str(DEMO), "--seconds", "60"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout is not None
    for line in demo.stdout:
        if "RUNNING" in line:
            break
    began = time.monotonic()
    demo.send_signal(signal.SIGTERM)
    demo.communicate(timeout=60)
    assert demo.returncode == 143
    assert time.monotonic() - began < 60
    assert list(tmp_path.iterdir()) == []
    assert processes_of(tmp_path) == []
