"""A scratch home and the program as an operator runs it: real processes, nothing faked."""

from __future__ import annotations

import contextlib
import io
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from investbot.adapters.storage.vault import Vault
from investbot.adapters.storage.vault_file import KdfCost
from investbot.cli.main import main

PASSPHRASE = "correct-horse-battery-staple"
CHEAP = KdfCost(memory_kib=8 * 4, iterations=1, lanes=4)
PROGRAM = (sys.executable, "-P", "-c", "from investbot.cli.main import run; run()")

MARKET = """\
description = "made-up market for tests"
{extends}
[venue]
name = "synthetic"

[venue.synthetic]
seed = 5
candles = {candles}
speed = {speed}
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
cooldown = "0s"
allow_wide = true                   # so that a position is held most of the time

[exits]
stop_fraction = 0.05
targets = [[0.2, 1.0]]
max_age = "48h"
"""


def market(*, candles: int = 1_000_000, speed: float = 200, extends: str = "") -> str:
    """Write a profile; the default trades for longer than any test lasts."""
    return MARKET.format(candles=candles, speed=speed, extends=extends)


@dataclass(frozen=True, slots=True)
class Result:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Shell:
    """Runs commands in one folder with one home; `here`: in this process, which need not read the program in anew."""

    def __init__(self, folder: Path, *, here: bool = False) -> None:
        self.folder = folder
        self.is_here = here
        self.home = folder / "home"
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text(PASSPHRASE + "\n", encoding="utf-8")
        self.passphrase.chmod(0o600)
        (folder / "slow.toml").write_text(market(), encoding="utf-8")
        (folder / "quick.toml").write_text(market(candles=1500, speed=0), encoding="utf-8")

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("INVESTBOT")}
        named = {"INVESTBOT_HOME": str(self.home), "INVESTBOT_PASSPHRASE_FILE": str(self.passphrase)}
        return kept | named | {"HOME": str(self.folder), "PYTHONPATH": os.pathsep.join(sys.path)} | more

    def __call__(
        self, *words: str, given: str = "", more: Mapping[str, str] | None = None, timeout: float = 300
    ) -> Result:
        if self.is_here and words[0] != "run":  # which becomes the instance
            return self.here(*words, given=given, more=more)
        done = subprocess.run(
            [*PROGRAM, *words],
            capture_output=True,
            check=False,
            cwd=self.folder,
            env=self.environment(**(more or {})),
            input=given,
            text=True,
            timeout=timeout,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def ok(self, *words: str) -> Result:
        result = self(*words)
        assert result.code == 0, (words, result)
        return result

    def here(self, *words: str, given: str = "", more: Mapping[str, str] | None = None) -> Result:
        """Run a command in this process; a home that is made so has a vault that costs next to nothing to open."""
        cheap = staticmethod(partial(Vault.create, cost=CHEAP))
        out, err, typed = io.StringIO(), io.StringIO(), io.TextIOWrapper(io.BytesIO(given.encode()))
        with (
            contextlib.chdir(self.folder),
            mock.patch.object(Vault, "create", cheap),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            mock.patch.object(sys, "stdin", typed),
            mock.patch.dict(os.environ, self.environment(**(more or {})), clear=True),
        ):
            code = main(words)
        return Result(code, out.getvalue(), err.getvalue())

    def told(self, *words: str) -> Any:
        """Run a command in this process and give what it tells as JSON."""
        result = self.here(*words, "--json")
        assert result.code == 0, (words, result)
        return result.json

    def row(self, name: str) -> dict[str, Any]:
        (row,) = self.told("status", name)
        found: dict[str, Any] = row
        return found

    def until_held(self, name: str, seconds: float = 60.0) -> None:
        """Wait until the instance holds something."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.row(name)["open_positions"]:
                return
            time.sleep(0.05)
        raise AssertionError(f"{name} bought nothing within {seconds} s: {self.row(name)}")

    def kill_supervisor(self) -> None:
        """End the supervisor as a power cut does, and wait until it is gone."""
        process = os.pidfd_open(self.supervisor_pid())
        signal.pidfd_send_signal(process, signal.SIGKILL)
        gone, _, _ = select.select([process], [], [], 60)
        os.close(process)
        assert gone

    def supervisor_pid(self) -> int:
        return int((self.home / "run/supervisor.pid").read_text(encoding="ascii"))
