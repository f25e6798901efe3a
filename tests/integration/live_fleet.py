"""An exchange as a process of its own, and a fleet that trades on it through the command line."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.integration.cli import Shell

ROOT = Path(__file__).resolve().parents[2]
SPEED = 50

EAGER = """\
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from investbot.domain.signal import Direction, Signal


@dataclass(frozen=True, slots=True)
class Eager:
    \"\"\"Wants to hold at every close.\"\"\"

    name: ClassVar[str] = "eager"
    description: ClassVar[str] = "Long whenever nothing is held."
    warmup: ClassVar[int] = 1

    def indicators(self):
        return {}

    def confirm_indicators(self):
        return {}

    def evaluate(self, view):
        return None if view.holding else Signal(Direction.LONG, 0.9, "eager")
"""

PROFILE = """\
[venue]
name = "binance"
mode = "{mode}"
{ccxt}
[market]
symbols = ["BTC/USDT"]
timeframe = "1m"

[strategy]
name = "eager.py"

[risk]
position_fraction = 0.2
risk_fraction = 0.05
max_entries_per_hour = 1000
max_entries_per_day = 1000
daily_loss_fraction = 0.5
max_drawdown_fraction = 0.9
min_net_reward_risk = 0
cooldown = "0s"
duplicate_window = "0s"
entry_band = 0.01
allow_wide = true

[exits]
stop_fraction = 0.01
targets = [[0.004, 0.5], [0.01, 0.5]]
max_age = "{max_age}"
"""


class LiveExchange:
    """The exchange's process and its operator's side."""

    def __init__(self, card: Mapping[str, Any]) -> None:
        self.settings: dict[str, Any] = card["settings"]
        self.keys: dict[str, dict[str, str]] = card["keys"]
        self._admin: str = card["admin"]

    def ask(self, verb: str, body: Mapping[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - our own process on loopback
            f"{self._admin}/{verb}", data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return json.load(answer)

    def truth(self, account: str = "main") -> dict[str, Any]:
        told: dict[str, Any] = self.ask("truth")["accounts"][account]
        return told

    def open_orders(self, account: str = "main") -> dict[int, dict[str, Any]]:
        truth = self.truth(account)
        return {order["orderId"]: order for order in truth["orders"] if order["orderId"] in truth["open"]}


@contextmanager
def exchange_process(*words: str, speed: float = SPEED) -> Iterator[LiveExchange]:
    command = [sys.executable, "-m", "tests.exchange", "--speed", str(speed), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    try:
        assert process.stdout is not None
        yield LiveExchange(json.loads(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


def write_profile(folder: Path, exchange: LiveExchange, mode: str = "live", max_age: str = "20m") -> str:
    """Write a profile beside its strategy; give its name."""
    (folder / "eager.py").write_text(EAGER, encoding="utf-8")
    text = PROFILE.format(mode=mode, ccxt=_toml("venue.ccxt", exchange.settings), max_age=max_age)
    (folder / f"{mode}.toml").write_text(text, encoding="utf-8")
    return f"{mode}.toml"


def set_keys(shell: Shell, exchange: LiveExchange, name: str, key: str = "main") -> None:
    assert shell.here("keys", "set", name, "--from", "-", given=json.dumps(exchange.keys[key])).code == 0


def until(check: Callable[[], Any], what: str, seconds: float = 90) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = check()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come true within {seconds} s")


def protected(shell: Shell, exchange: LiveExchange, name: str) -> dict[str, Any] | None:
    """Give the stop that rests at the exchange for what the instance holds, or None while it holds nothing."""
    rows = shell.told("orders", name)
    stops = {row["venue_order_id"] for row in rows if row["role"] == "stop" and row["state"] == "ACKNOWLEDGED"}
    found = [order for number, order in exchange.open_orders().items() if str(number) in stops]
    return found[0] if found and shell.told("positions", name) else None


def demand_equal_books(shell: Shell, exchange: LiveExchange, name: str, capital: str, account: str = "main") -> int:
    """Hold the instance's fills and cash against the exchange's truth, to the last digit; give how many fills."""
    fills = shell.told("fills", name)
    ours = {row["client_order_id"]: row["order_id"] for row in shell.told("orders", name)}
    trades = [trade for trade in exchange.truth(account)["trades"] if trade["clientOrderId"] in ours]
    booked = {
        row["trade_id"]: (row["order_id"], row["side"], *_numbers(row, "price", "quantity", "fee"), row["fee_currency"])
        for row in fills
    }
    done = {
        str(trade["id"]): (
            ours[trade["clientOrderId"]],
            "buy" if trade["isBuyer"] else "sell",
            *_numbers(trade, "price", "qty", "commission"),
            trade["commissionAsset"],
        )
        for trade in trades
    }
    assert booked == done
    assert len(booked) == len(fills)
    cash = Decimal(capital)
    for trade in trades:
        cash += Decimal(trade["quoteQty"]) * (-1 if trade["isBuyer"] else 1)
        cash -= Decimal(trade["commission"]) if trade["commissionAsset"] == "USDT" else 0
    assert Decimal(shell.row(name)["cash"]) == cash
    return len(fills)


def _numbers(row: Mapping[str, str], *names: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(row[name]) for name in names)


def _toml(table: str, body: Mapping[str, Any]) -> str:
    lines = [f"[{table}]"]
    lines += [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in body.items() if not isinstance(value, dict)]
    inner = [_toml(f"{table}.{json.dumps(key)}", value) for key, value in body.items() if isinstance(value, dict)]
    return "\n".join([*lines, "", *inner])
