"""A scratch home with many instances on the loopback exchange, and its supervisor: the program as operators run it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from investbot.adapters.clock import SystemClock
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.vault import Vault
from investbot.bootstrap.home import Home
from investbot.bootstrap.supervisor import detach
from investbot.config.fleet import init_fleet
from investbot.config.instance import new_instance
from investbot.config.layers import from_assignments, merge
from investbot.config.profile import Profile
from investbot.config.versions import save
from investbot.control.client import ControlClient

SETTINGS = (
    "venue.name=binance",
    "venue.mode=paper",
    "market.timeframe=1m",
    "strategy.name=conservative_scalp",
)
"""What every instance has: candles of the exchange by REST or feed, fills made up here, the shipped strategy."""


class BenchFleet:
    """`count` instances named i000, i001, … in a new home at `path`, supervised while the context is open."""

    def __init__(
        self,
        path: Path,
        count: int,
        ccxt: Mapping[str, Any],
        *settings: str,
        fork: bool = True,
        symbols: Sequence[str] = ("BTC/USDT",),
    ) -> None:
        """Make the home; instances take the `symbols` in turn, one each."""
        self.home = Home(path)
        self.names = [f"i{number:03}" for number in range(count)]
        self._fork = fork
        self._passphrase = secrets.token_hex(16)
        self.home.ensure()
        init_fleet(path)
        vault = Vault.create(self.home.vault, self._passphrase)
        for number, name in enumerate(self.names):
            told = merge(from_assignments((*SETTINGS, *settings)).data, {"venue": {"ccxt": dict(ccxt)}})
            told["market"]["symbols"] = [symbols[number % len(symbols)]]
            self._make(vault.add(name), name, told)
        vault.close()

    def __enter__(self) -> Self:
        self.pid = detach(self.home.path, self._passphrase, fork=self._fork)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.call("down")
        ended = os.pidfd_open(self.pid) if Path(f"/proc/{self.pid}").exists() else -1
        if ended >= 0:
            os.waitid(os.P_PIDFD, ended, os.WEXITED)
            os.close(ended)

    def call(self, verb: str, **args: Any) -> Any:
        """Ask the supervisor as a face does."""
        with ControlClient(self.home.path, timeout_s=600) as client:
            return client.call(verb, **args)

    def start(self, names: Sequence[str]) -> None:
        """Start and wait until all are RUNNING; RuntimeError with the first sentence of one that is not."""
        failed = [line["message"] for line in self.call("start", names=list(names)) if not line["ok"]]
        if failed:
            raise RuntimeError(failed[0])

    def status(self) -> list[dict[str, Any]]:
        """Give the rows of `status`."""
        rows: list[dict[str, Any]] = self.call("status")
        return rows

    def _make(self, key: bytes, name: str, told: dict[str, Any]) -> None:
        folder, now = self.home.instance(name), SystemClock().now()
        folder.ensure()
        config = new_instance(name, Profile.model_validate(told), "bench", Decimal(500), now)
        save(folder.path, config, now, "bench", "made for a bench")
        SqlcipherLedger.create(folder.ledger, key, instance=name).close()
