"""Instances as processes: they run to the end, end in order, go on after kills, and refuse what is wrong."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.bootstrap.home import Home, InstanceHome
from tests.integration.instance_homes import (
    KEY,
    ending,
    events,
    is_ready,
    log_lines,
    make_home,
    make_instance,
    replaying,
    run_to_end,
    running,
    spawn,
    wait_for,
    write_candles,
)

BROKEN = """
from dataclasses import dataclass

from investbot.strategies.ma_cross import MovingAverageCross


@dataclass(frozen=True, slots=True)
class Broken(MovingAverageCross):
    def evaluate(self, view):
        raise LookupError(f"oops {view.symbol}")
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "fleet")


@pytest.fixture
def candles(tmp_path: Path) -> Path:
    return write_candles(tmp_path / "candles.csv", 1500)


def ended_with(folder: InstanceHome, code: int, sentence: str) -> None:
    told = ending(folder)
    assert told["code"] == code
    assert sentence in told["message"]
    assert "\n" not in told["message"]


def test_a_replay_runs_to_its_end_and_says_so(home: Home, candles: Path) -> None:
    alpha = replaying(home, "alpha", candles)
    assert run_to_end(home, "alpha") == (0, "")
    told = ending(alpha)
    assert (told["code"], told["message"]) == (0, "alpha has worked through all its candles.")
    recorded = events(alpha)
    kinds = [row["kind"] for row in recorded]
    assert kinds[0] == "CapitalAllocated"
    assert "SourceFinished" in kinds
    assert kinds.count("PositionClosed") > 10
    assert [row["seq"] for row in recorded] == list(range(1, len(recorded) + 1))


def test_what_it_leaves_is_private_and_its_log_is_json(home: Home, candles: Path) -> None:
    alpha = replaying(home, "alpha", candles)
    run_to_end(home, "alpha")
    for path in alpha.path.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    lines = log_lines(alpha)
    assert [line["event"] for line in lines if line["event"] in {"started", "ready", "ended"}] == [
        "started",
        "ready",
        "ended",
    ]
    assert {line["instance"] for line in lines} == {"alpha"}
    raised = next(line for line in lines if line["event"] == "signal_raised")
    assert raised["symbol"] == "BTC/USDT"
    assert 0 < raised["confidence"] <= 1
    assert KEY.hex() not in json.dumps(lines)


def test_a_finished_replay_ends_again_at_once_and_adds_nothing(home: Home, candles: Path) -> None:
    alpha = replaying(home, "alpha", candles)
    run_to_end(home, "alpha")
    before = events(alpha)
    assert run_to_end(home, "alpha") == (0, "")
    assert events(alpha) == before


def test_the_levels_of_the_log_are_the_profiles(home: Home, candles: Path) -> None:
    alpha = replaying(home, "alpha", candles, "logging.level=error")
    run_to_end(home, "alpha")
    assert log_lines(alpha) == []


def test_several_symbols_are_worked_through_in_one_line(home: Home, tmp_path: Path) -> None:
    one = write_candles(tmp_path / "one.csv", 900)
    two = write_candles(tmp_path / "two.csv.gz", 900, seed=5, price=7.0)
    files = f'venue.replay.files={{ "BTC/USDT" = "{one}", "ETH/USDT" = "{two}" }}'
    symbols = 'market.symbols=["BTC/USDT", "ETH/USDT"]'
    told = ("venue.name=replay", "venue.replay.speed=0", files, symbols, "risk.max_open_positions=2")
    alpha = make_instance(home, "alpha", *told)
    assert run_to_end(home, "alpha") == (0, "")
    closed = [row["trip"]["symbol"] for row in events(alpha) if row["kind"] == "PositionClosed"]
    assert set(closed) == {"BTC/USDT", "ETH/USDT"}


def test_killed_again_and_again_it_ends_with_the_same_events(home: Home, tmp_path: Path) -> None:
    """kill -9 at random moments of its life: start, warm-up, trading, commit."""
    candles = write_candles(tmp_path / "candles.csv", 3600)
    whole = replaying(make_home(tmp_path / "whole"), "alpha", candles)
    assert run_to_end(Home(tmp_path / "whole"), "alpha") == (0, "")
    expected = events(whole)

    alpha = replaying(home, "alpha", candles, speed=600)
    chance, kills, reached = random.Random(7), 0, []
    while kills < 12:
        with running(home, "alpha") as process:
            with contextlib.suppress(AssertionError):
                # Most kills hit it while it trades, some before it is ready.
                wait_for(lambda: is_ready(alpha), chance.choice([0.2, 5.0]))
            time.sleep(chance.uniform(0, 0.25))
            process.kill()
            assert process.wait() in {0, -signal.SIGKILL}
        alpha.log.unlink(missing_ok=True)
        kills += 1
        done = events(alpha)
        assert done == expected[: len(done)]
        reached.append(len(done))
    assert reached == sorted(reached)
    assert len(set(reached)) > 2
    assert run_to_end(home, "alpha", timeout_s=90) == (0, "")
    assert events(alpha) == expected


def test_sigterm_ends_a_paced_replay_in_order_and_nothing_is_lost(home: Home, candles: Path, tmp_path: Path) -> None:
    whole = replaying(make_home(tmp_path / "whole"), "alpha", candles)
    run_to_end(Home(tmp_path / "whole"), "alpha")
    alpha = replaying(home, "alpha", candles, speed=800)
    with running(home, "alpha") as process:
        wait_for(lambda: is_ready(alpha))
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    ended_with(alpha, 0, "alpha was stopped.")
    stopped, cursor = events(alpha), SqlcipherLedger.open(alpha.ledger, KEY)
    place = cursor.cursor()
    cursor.close()
    assert 0 < len(stopped) < len(events(whole))
    assert place is not None
    assert stopped == events(whole)[: len(stopped)]
    assert run_to_end(home, "alpha") == (0, "")
    assert events(alpha) == events(whole)


def test_sigterm_before_it_is_ready_ends_it_too(home: Home, tmp_path: Path) -> None:
    alpha = replaying(home, "alpha", write_candles(tmp_path / "candles.csv", 30_000), speed=1)
    with running(home, "alpha") as process:
        wait_for(lambda: alpha.log.exists() and "started" in alpha.log.read_text())
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in {0, -signal.SIGTERM}


def test_a_second_process_is_refused_while_the_first_lives(home: Home, candles: Path) -> None:
    alpha = replaying(home, "alpha", candles, speed=1)
    with running(home, "alpha") as first:
        wait_for(lambda: is_ready(alpha))
        code, said = run_to_end(home, "alpha")
        assert code == 75
        assert said == f"alpha is already running (pid {first.pid}); `investbot stop alpha` ends it.\n"
        assert first.poll() is None
        assert not alpha.exit.read_bytes()
    assert run_to_end(home, "alpha", bytes(32))[0] == 74


def test_a_wrong_key_is_refused(home: Home, candles: Path) -> None:
    alpha = replaying(home, "alpha", candles)
    code, said = run_to_end(home, "alpha", b"w" * 32)
    assert code == 74
    ended_with(alpha, 74, said.strip())
    assert b"w" * 4 not in alpha.log.read_bytes()


@pytest.mark.parametrize("key", [b"", b"short", bytes(33)])
def test_a_key_of_another_length_is_refused(home: Home, candles: Path, key: bytes) -> None:
    replaying(home, "alpha", candles)
    code, said = run_to_end(home, "alpha", key)
    assert code == 77
    assert f"has {len(key)} bytes instead of 32" in said


def test_a_pipe_that_is_not_there_is_refused(home: Home, candles: Path) -> None:
    replaying(home, "alpha", candles)
    command = [sys.executable, "-m", "investbot.bootstrap.instance", "--home", str(home.path), "--name", "alpha"]
    done = subprocess.run([*command, "--key-fd", "77"], capture_output=True, text=True, check=False)
    assert done.returncode == 77
    assert done.stderr == "No data key was handed over; start the instance with `investbot start`.\n"


def test_a_corrupt_ledger_is_refused(home: Home, candles: Path) -> None:
    alpha = replaying(home, "alpha", candles)
    run_to_end(home, "alpha")
    body = bytearray(alpha.ledger.read_bytes())
    body[5000:9000] = os.urandom(4000)
    alpha.ledger.write_bytes(body)
    code, said = run_to_end(home, "alpha")
    assert code in {70, 74}
    assert "Traceback" not in said
    ended_with(alpha, code, said.strip())


def test_a_missing_ledger_is_refused(home: Home, candles: Path) -> None:
    alpha = replaying(home, "alpha", candles)
    alpha.ledger.unlink()
    assert run_to_end(home, "alpha")[0] == 74
    ended_with(alpha, 74, "no ledger")


def test_a_missing_candle_file_is_refused(home: Home, candles: Path) -> None:
    alpha = replaying(home, "alpha", candles)
    candles.unlink()
    code, said = run_to_end(home, "alpha")
    assert code == 65
    assert "candles.csv" in said
    ended_with(alpha, 65, said.strip())


def test_another_file_than_the_ledger_knows_is_refused(home: Home, candles: Path) -> None:
    alpha = replaying(home, "alpha", candles)
    run_to_end(home, "alpha")
    write_candles(candles, 200)
    assert run_to_end(home, "alpha")[0] == 65
    ended_with(alpha, 65, "give the instance the same data as before")


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ('name = "ma_cross"', 'name = "ma_cros"', "There is no strategy 'ma_cros'; did you mean ma_cross?"),
        ("fast = 3", "fast = 30", "ma_cross needs fast < slow"),
        ("[restart]", "[restart]\nlimmit = 3", "did you mean limit?"),
    ],
)
def test_a_wrong_configuration_is_refused(home: Home, candles: Path, before: str, after: str, sentence: str) -> None:
    alpha = replaying(home, "alpha", candles)
    text = alpha.settings.read_text()
    assert before in text
    alpha.settings.write_text(text.replace(before, after))
    code, said = run_to_end(home, "alpha")
    assert code == 78
    assert sentence in said
    ended_with(alpha, 78, sentence)


def test_real_money_without_keys_is_refused(home: Home) -> None:
    alpha = make_instance(home, "alpha", "venue.name=binance", "venue.mode=live")
    assert run_to_end(home, "alpha")[0] == 77
    ended_with(alpha, 77, "`investbot keys set alpha`")


def test_an_instance_that_is_not_there_is_refused(home: Home) -> None:
    code, said = run_to_end(home, "nobody")
    assert code == 66
    assert "no instance 'nobody'" in said


def test_a_plugin_that_breaks_stops_it_with_a_traceback_in_the_log_only(home: Home, candles: Path) -> None:
    alpha = replaying(home, "alpha", candles)
    (alpha.path / "broken.py").write_text(BROKEN)
    text = alpha.settings.read_text().replace('"ma_cross"', '"broken.py"')
    alpha.settings.write_text(text)
    code, said = run_to_end(home, "alpha")
    assert (code, said) == (70, "alpha stopped on a bug (LookupError); `investbot logs alpha` shows where.\n")
    crash = next(line for line in log_lines(alpha) if line["event"] == "crashed")
    assert "LookupError: oops BTC/USDT" in crash["traceback"]


def test_capital_changed_while_it_stood_still_is_booked_at_the_next_start(home: Home, candles: Path) -> None:
    alpha = replaying(home, "alpha", candles, speed=400)
    with running(home, "alpha") as process:
        wait_for(lambda: is_ready(alpha))
        wait_for(lambda: len(events(alpha)) > 5)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    alpha.settings.write_text(alpha.settings.read_text().replace("capital = 1000", "capital = 1500"))
    assert "1500" in alpha.settings.read_text()
    run_to_end(home, "alpha")
    booked = [(row["amount"], row["change"]) for row in events(alpha) if row["kind"] == "CapitalAllocated"]
    assert booked == [("1000", "1000"), ("1500", "500")]


def test_a_process_that_is_aborted_leaves_its_stacks(home: Home, candles: Path) -> None:
    alpha = replaying(home, "alpha", candles, speed=1)
    with running(home, "alpha") as process:
        wait_for(lambda: is_ready(alpha))
        process.send_signal(signal.SIGABRT)
        assert process.wait(60) == -signal.SIGABRT
    assert "Current thread" in (alpha.logs / "fault.log").read_text()
    assert all(line["instance"] == "alpha" for line in log_lines(alpha))


def test_an_instance_of_a_replay_loads_nothing_it_does_not_need(home: Home, candles: Path) -> None:
    replaying(home, "alpha", candles)
    program = (
        "import json, sys; from pathlib import Path; from investbot.bootstrap.instance import run_foreground;"
        f"run_foreground(Path({str(home.path)!r}), 'alpha', bytes(range(32)));"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert loaded & {"ccxt", "textual", "typer", "rich", "pandas", "polars", "httpx", "numba", "pyarrow"} == set()


def test_its_key_is_in_no_argument_and_no_environment(home: Home, candles: Path) -> None:
    alpha = replaying(home, "alpha", candles, speed=1)
    process = spawn(home, "alpha")
    try:
        wait_for(lambda: is_ready(alpha))
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        assert next(line for line in limits.splitlines() if "core file" in line).split()[4:6] == ["0", "0"]
        shown = Path(f"/proc/{process.pid}/cmdline").read_bytes() + Path(f"/proc/{process.pid}/environ").read_bytes()
        assert KEY not in shown
        assert KEY.hex().encode() not in shown
    finally:
        process.kill()
        process.communicate()
