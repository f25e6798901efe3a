"""A home with instances that have traded, made once and copied for every test."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from investbot.bootstrap.venues import make_venue
from investbot.cli.main import main
from investbot.config.loading import load_profile
from investbot.config.profile import Profile
from investbot.domain.market import Candle
from investbot.domain.times import parse_rfc3339

PASSPHRASE = "correct-horse-battery-staple"

PROFILE = """\
description = "made-up market for tests"

[venue]
name = "synthetic"

[venue.synthetic]
seed = 5
candles = 1500
speed = 0
volatility = 0.004

[venue.instrument]
tick = 0.01
lot = 0.00001

[market]
symbols = ["BTC/USDT"]
timeframe = "5m"

[strategy]
name = "ma_cross"

[risk]
max_entries_per_day = 50
min_net_reward_risk = 0
"""


FIRST_AT = 1_704_067_200_000
"""When the made-up market opens, in milliseconds UTC."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one command line did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Cli = Callable[..., Result]


def passphrase_file(folder: Path, text: str = PASSPHRASE) -> Path:
    file = folder / "passphrase"
    file.write_text(f"{text}\n", encoding="utf-8")
    file.chmod(0o600)
    return file


@pytest.fixture(scope="session")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a home in which alpha has run to the end of its candles and beta has never run."""
    folder = tmp_path_factory.mktemp("traded")
    home = folder / "home"
    options = ["--home", str(home), "--passphrase-file", str(passphrase_file(folder)), "--quiet"]
    (folder / "test.toml").write_text(PROFILE, encoding="utf-8")
    profile = str(folder / "test.toml")
    for line in (
        ["init", "--capital", "2000"],
        ["create", "alpha", "--profile", profile, "--capital", "500"],
        ["create", "beta", "--profile", profile, "--capital", "300", "--symbol", "ETH/USDT"],
    ):
        assert main([*line, *options]) == 0
    assert spawned("run", "alpha", *options).code == 0
    return folder


def spawned(*words: str) -> Result:
    """Run a command line in a process of its own."""
    program = [sys.executable, "-c", "from investbot.cli.main import run; run()"]
    done = subprocess.run([*program, *words], capture_output=True, check=False, text=True, timeout=60)
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def folder(traded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of that home, its passphrase file and a profile, and stand in its folder."""
    copy = tmp_path / "fleet"
    shutil.copytree(traded, copy)
    monkeypatch.chdir(copy)
    for name in ("INVESTBOT_HOME", "CREDENTIALS_DIRECTORY", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("INVESTBOT_PASSPHRASE_FILE", str(copy / "passphrase"))
    return copy


@pytest.fixture
def cli(folder: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run command lines in that home."""

    def run(*words: str, home: Path | None = None) -> Result:
        capsys.readouterr()
        code = main([*words, "--home", str(home or folder / "home")])
        shown = capsys.readouterr()
        return Result(code, shown.out, shown.err)

    return run


def candle_file(folder: Path, count: int, name: str = "candles.csv") -> Path:
    """Write the first candles of alpha's market."""
    market = asyncio.run(_market(load_profile(folder / "test.toml", [], {})))[:count]
    lines = [f"{c.opened_at},{c.open},{c.high},{c.low},{c.close},{c.bar.volume}" for c in market]
    file = folder / name
    file.write_text("\n".join(["timestamp,open,high,low,close,volume", *lines]) + "\n", encoding="utf-8")
    return file


def holding(cli: Cli, folder: Path, name: str) -> None:
    """Make an instance that holds a position: alpha's market as a file that ends inside a trade."""
    opened_at = parse_rfc3339(cli("trips", "alpha", "--json").json[3]["opened_at"])
    candle_file(folder, (opened_at - FIRST_AT) // 300_000 + 1, "cut.csv")
    replay = 'name = "replay"\n[venue.replay]\nfile = "cut.csv"\nspeed = 0\nclose_at_end = false\n'
    start, end = PROFILE.index('name = "synthetic"'), PROFILE.index("[venue.instrument]")
    (folder / "cut.toml").write_text(PROFILE[:start] + replay + PROFILE[end:], encoding="utf-8")
    assert cli("create", name, "--profile", "cut.toml").code == 0
    assert spawned("run", name, "--home", str(folder / "home")).code == 0
    assert len(cli("positions", name, "--json").json) == 1


async def _market(profile: Profile) -> list[Candle]:
    venue = make_venue(profile)
    await venue.open(profile.market.symbols)
    return [fact async for fact in venue.facts({}, None) if isinstance(fact, Candle)]
