"""Homes with real instances on small candle files, and their processes: real SQLCipher, real pipes, real signals."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.bootstrap.home import Home, InstanceHome
from investbot.config.fleet import init_fleet
from investbot.config.instance import new_instance
from investbot.config.layers import from_assignments
from investbot.config.profile import Profile
from investbot.config.versions import save
from investbot.control.rows import event_row
from investbot.domain.market import MINUTE, Millis

KEY = bytes(range(32))
BEGIN: Millis = 1_704_067_200_000


def write_candles(path: Path, count: int, *, seed: int = 1, price: float = 100.0, begin: Millis = BEGIN) -> Path:
    """Write `count` one-minute candles of a seeded walk that trends and turns."""
    chance = random.Random(seed)
    lines, drift = ["timestamp,open,high,low,close,volume"], 0.0
    for number in range(count):
        if number % 40 == 0:
            drift = chance.uniform(-0.0015, 0.0015)
        opened = price
        price = opened * (1 + drift + chance.gauss(0, 0.0012))
        high, low = max(opened, price) * 1.0004, min(opened, price) * 0.9996
        row = (opened, high, low, price, chance.uniform(1, 50))
        lines.append(f"{begin + number * MINUTE}," + ",".join(f"{value:.2f}" for value in row))
    text = "\n".join(lines) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def make_home(path: Path) -> Home:
    home = Home(path)
    home.ensure()
    if not home.settings.exists():
        init_fleet(home.path)
        # One id for all homes of a test: ids of orders are made with it, and runs are compared.
        text = home.settings.read_text().splitlines()
        home.settings.write_text("\n".join('home_id = "test"' if "home_id" in line else line for line in text) + "\n")
    return home


def make_instance(home: Home, name: str, *settings: str, capital: str = "1000") -> InstanceHome:
    folder = home.instance(name)
    folder.ensure()
    told = (
        "market.timeframe=1m",
        "strategy.name=ma_cross",
        "strategy.parameters.fast=3",
        "strategy.parameters.slow=8",
        "risk.cooldown=0s",
        "risk.min_net_reward_risk=0",
        "risk.max_entries_per_hour=1000",
        "risk.max_entries_per_day=1000",
        "risk.max_drawdown_fraction=0.9",
        "risk.daily_loss_fraction=0.9",
        *settings,
    )
    profile = Profile.model_validate(from_assignments(told).data)
    made = new_instance(name, profile, "test", profile.cost_rules().taker_fee.__class__(capital), BEGIN)
    save(folder.path, made, BEGIN, "test", "made for a test")
    SqlcipherLedger.create(folder.ledger, KEY, instance=name).close()
    return folder


def replaying(home: Home, name: str, file: Path, *settings: str, speed: float = 0, **options: Any) -> InstanceHome:
    told = ("venue.name=replay", f"venue.replay.file={file}", f"venue.replay.speed={speed}", *settings)
    return make_instance(home, name, *told, **options)


def spawn(home: Home, name: str, key: bytes = KEY, **options: Any) -> subprocess.Popen[str]:
    """Start the instance's process as a supervisor does, its key on a pipe."""
    reading, writing = os.pipe()
    os.write(writing, key)
    os.close(writing)
    command = [sys.executable, "-P", "-m", "investbot.bootstrap.instance"]
    command += ["--home", str(home.path), "--name", name, "--key-fd", str(reading)]
    try:
        return subprocess.Popen(
            command, pass_fds=(reading,), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, **options
        )
    finally:
        os.close(reading)


@contextlib.contextmanager
def running(home: Home, name: str, key: bytes = KEY) -> Iterator[subprocess.Popen[str]]:
    process = spawn(home, name, key)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def run_to_end(home: Home, name: str, key: bytes = KEY, timeout_s: float = 60) -> tuple[int, str]:
    """Run the instance until it ends by itself; give its exit code and what it said on stderr."""
    with running(home, name, key) as process:
        _, said = process.communicate(timeout=timeout_s)
        return process.returncode, said


def events(folder: InstanceHome) -> list[dict[str, Any]]:
    """Read all events with everything they hold, seq included."""
    reader = SqlcipherReader.open(folder.ledger, KEY)
    try:
        return [event_row(recorded.seq, recorded.event) for recorded in reader.events()]
    finally:
        reader.close()


def ending(folder: InstanceHome) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(folder.exit.read_text())
    return body


def log_lines(folder: InstanceHome) -> list[dict[str, Any]]:
    return [json.loads(line) for path in folder.log_files() for line in path.read_text().splitlines()]


def wait_for(check: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait until `check` is true and give what it gave."""
    until = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.02)
    return found


def is_ready(folder: InstanceHome) -> bool:
    return folder.log.exists() and any('"event": "ready"' in line for line in folder.log.read_text().splitlines())
