"""A scratch home with live instances on an exchange, their processes, and what their ledgers hold."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from investbot.adapters.clock import SystemClock
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.adapters.storage.secrets import set_secrets
from investbot.bootstrap.consent import allow_live
from investbot.bootstrap.home import Home, InstanceHome
from investbot.bootstrap.instance import flatten_stopped
from investbot.config.fleet import init_fleet
from investbot.config.instance import InstanceConfig, load_instance, new_instance
from investbot.config.layers import from_assignments, merge
from investbot.config.profile import Profile
from investbot.config.versions import save
from investbot.domain.events import Event

KEY = bytes(range(32))
OFTEN = (
    "venue.name=binance",
    "venue.mode=live",
    'market.symbols=["BTC/USDT", "ETH/USDT"]',
    "market.timeframe=1m",
    f"strategy.name={Path(__file__).with_name('eager.py')}",
    "risk.allow_wide=true",
    "risk.position_fraction=0.25",
    "risk.risk_fraction=0.05",
    "risk.max_open_positions=2",
    "risk.cooldown=0s",
    "risk.duplicate_window=0s",
    "risk.min_net_reward_risk=0",
    "risk.max_entries_per_hour=1000",
    "risk.max_entries_per_day=10000",
    "risk.daily_loss_fraction=0.9",
    "risk.max_drawdown_fraction=0.9",
    "exits.stop_fraction=0.006",
    "exits.targets=[[0.003, 0.5], [0.006, 0.5]]",
    "exits.max_age=10m",
)
"""A profile that trades as often as it can: two symbols, bars of a second of the wall at sixty times its speed."""


@dataclass
class Child:
    """One process of an instance; `began` in seconds of the monotonic clock."""

    process: subprocess.Popen[str]
    log: Path
    offset: int
    began: float = field(default_factory=time.monotonic)
    _ready: bool = False
    _said: str = ""

    @property
    def ready(self) -> bool:
        """Tell whether the instance has said so in its log since it began."""
        self._ready = self._ready or self.said("ready") > 0
        return self._ready

    def said(self, event: str) -> int:
        """Count the log lines of that name since it began."""
        if not self.log.exists():
            return 0
        with self.log.open("rb") as lines:
            lines.seek(self.offset if self.log.stat().st_size >= self.offset else 0)
            return lines.read().count(f'"event": "{event}"'.encode())

    @property
    def ended(self) -> bool:
        """Tell whether it is over."""
        return self.process.poll() is not None

    def wait(self, until: float, *, ready: bool = False) -> None:
        """Wait for a moment of the monotonic clock, for the end, or where asked for readiness."""
        while not self.ended and time.monotonic() < until and not (ready and self.ready):
            time.sleep(0.02)

    def kill(self) -> tuple[int, str]:
        """End it as a power cut does; give the exit code and its last words."""
        self.process.kill()
        return self._last_words()

    def stop(self, seconds: float = 20.0) -> tuple[int, str]:
        """Ask it to end in order, and kill it when it does not in time."""
        self.process.terminate()
        try:
            return self._last_words(seconds)
        except subprocess.TimeoutExpired:
            return self.kill()

    def _last_words(self, seconds: float | None = None) -> tuple[int, str]:
        if self.process.stderr is not None and not self.process.stderr.closed:
            self._said = self.process.communicate(timeout=seconds)[1]
        return self.process.returncode, self._said


class Fleet:
    """Instances by name in a home at `path`."""

    def __init__(self, path: Path) -> None:
        self.home = Home(path)
        self.home.ensure()
        if not self.home.settings.exists():
            init_fleet(self.home.path)

    def folder(self, name: str) -> InstanceHome:
        """Give an instance's folder."""
        return self.home.instance(name)

    def config(self, name: str) -> InstanceConfig:
        """Read an instance's settings."""
        return load_instance(self.folder(name).path)

    def add(
        self,
        name: str,
        ccxt: Mapping[str, Any],
        keys: Mapping[str, str],
        *settings: str,
        capital: str = "2000",
        profile: Mapping[str, Any] | None = None,
    ) -> None:
        """Make an instance that may trade: `ccxt` and `keys` as an operator sets them, `capital` in quote.

        What `profile` says wins over all else.
        """
        folder, now = self.folder(name), SystemClock().now()
        folder.ensure()
        told = merge(from_assignments((*OFTEN, *settings)).data, {"venue": {"ccxt": dict(ccxt)}})
        told = merge(told, profile or {})
        config = new_instance(name, Profile.model_validate(told), "chaos", Decimal(capital), now)
        save(folder.path, config, now, "chaos", "made for this run")
        SqlcipherLedger.create(folder.ledger, KEY, instance=name).close()
        set_secrets(folder.ledger, KEY, keys, now)
        allow_live(folder, config.version, "chaos", now)

    def spawn(self, name: str) -> Child:
        """Start an instance's process, its key on a pipe."""
        log = self.folder(name).log
        offset = log.stat().st_size if log.exists() else 0
        reading, writing = os.pipe()
        os.write(writing, KEY)
        os.close(writing)
        command = [sys.executable, "-P", "-m", "investbot.bootstrap.instance", "--home", str(self.home.path)]
        command += ["--name", name, "--key-fd", str(reading)]
        try:
            process = subprocess.Popen(
                command, pass_fds=(reading,), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
        finally:
            os.close(reading)
        return Child(process, log, offset)

    def flatten(self, name: str) -> dict[str, Any]:
        """Cancel and sell all of an instance that does not run, as the command does; InvestBotError."""
        return flatten_stopped(self.home.path, name, KEY, "chaos")

    def events(self, name: str) -> list[Event]:
        """Read all events of an instance's ledger."""
        with closing(SqlcipherReader.open(self.folder(name).ledger, KEY)) as reader:
            return [recorded.event for recorded in reader.events()]
