"""Live instances as processes on a loopback exchange, and what must be true of them after whatever happened."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from investbot.domain import events as e
from scripts.chaos_run.exchange import ExchangeProcess
from scripts.chaos_run.fleet import Child, Fleet
from scripts.chaos_run.truth import OPEN, Book, compared
from scripts.chaos_run.verdict import INSTRUMENTS

SPEED = 60.0
ONCE = (
    'market.symbols=["BTC/USDT"]',
    "risk.max_open_positions=1",
    "risk.max_entries_per_day=1",
    "strategy.parameters.patience=10000",
    "exits.stop_fraction=0.03",
    "exits.stop_max=0.03",
    "exits.targets=[[0.2, 1.0]]",
    "exits.max_age=0s",
)
"""One position, far from all its barriers."""


def wait_for(check: Callable[[], Any], seconds: float = 60.0, what: str = "it") -> Any:
    """Wait until `check` gives something, and give that."""
    until = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < until, f"waited too long for {what}"
        time.sleep(0.05)
    return found


class Stage:
    """One exchange, one home, and the processes that were started on it."""

    def __init__(self, home: Path, exchange: ExchangeProcess) -> None:
        self.exchange = exchange
        self.fleet = Fleet(home)
        self.keys: dict[str, str] = {}
        self.children: dict[str, Child] = {}

    def add(self, name: str, key: str, *settings: str, **more: Any) -> None:
        self.fleet.add(name, self.exchange.settings(), self.exchange.card["keys"][key], *settings, **more)
        self.keys[name] = key

    def start(self, name: str = "alpha") -> Child:
        self.children[name] = self.fleet.spawn(name)
        return self.children[name]

    def fault(self, endpoint: str, kind: str, **said: Any) -> None:
        self.exchange.do("faults", endpoint=endpoint, kind=kind, **said)

    def orders(self, name: str = "alpha", **wanted: str) -> list[dict[str, Any]]:
        """Give the exchange's orders of an instance that have these values."""
        rows = self.exchange.truth()["orders"]
        return [
            row
            for row in rows
            if row["by"] == self.keys[name] and all(row[word] == value for word, value in wanted.items())
        ]

    def book(self, name: str = "alpha") -> Book:
        return Book.of(name, self.fleet.events(name))

    def events(self, name: str, kind: type[Any]) -> list[Any]:
        return [event for event in self.fleet.events(name) if isinstance(event, kind)]

    def said(self, event: str, name: str = "alpha") -> list[dict[str, Any]]:
        """Give the log lines of that name."""
        lines = (json.loads(line) for line in self.fleet.folder(name).log.read_text().splitlines())
        return [line for line in lines if line["event"] == event]

    def is_protected(self, name: str = "alpha") -> bool:
        """Tell whether something is held, and all of it that can be sold has its open stop at the exchange."""
        rows = self.orders(name)
        bought = sum((Decimal(row["executedQty"]) for row in rows if row["side"] == "BUY"), Decimal(0))
        sold = sum((Decimal(row["executedQty"]) for row in rows if row["side"] == "SELL"), Decimal(0))
        held = INSTRUMENTS["BTC/USDT"].quantity_down(bought * Decimal("0.999") - sold)
        stops = [row for row in rows if row["type"] == "STOP_LOSS" and row["status"] in OPEN]
        return held > 0 and sum((Decimal(row["origQty"]) for row in stops), Decimal(0)) == held

    def off(self) -> dict[str, list[str]]:
        """Say what ledgers and exchange do not agree on."""
        books = [self.book(name) for name in self.keys]
        faults = compared(books, self.exchange.truth(), self.keys)
        return {figure: told for figure, told in faults.items() if told}

    def settles(self, seconds: float = 60.0) -> None:
        """Wait until ledgers and exchange agree."""
        until = time.monotonic() + seconds
        while off := self.off():
            assert time.monotonic() < until, off
            time.sleep(0.2)

    def entered(self, name: str = "alpha") -> int:
        """Count the positions that were ever opened."""
        return len(self.events(name, e.PositionOpened))


@contextlib.contextmanager
def staged(home: Path, seed: int = 7, speed: float = SPEED) -> Iterator[Stage]:
    with ExchangeProcess(seed, speed) as exchange:
        stage = Stage(home, exchange)
        try:
            yield stage
        finally:
            for child in stage.children.values():
                child.kill()
