"""The same candles through the backtest host and the paper host, by the command line, give the same events."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli import Shell
from tests.integration.instance_homes import write_candles

pytestmark = pytest.mark.slow

PROFILE = """\
[venue]
name = "replay"
[venue.replay]
file = "candles.csv"
speed = 0
[market]
symbols = ["BTC/USDT"]
timeframe = "1m"
confirm_timeframe = "15m"
[strategy]
name = "ma_cross"
parameters = { fast = 3, slow = 8 }
[risk]
min_net_reward_risk = 0
cooldown = "0s"
max_entries_per_hour = 60
[exits]
targets = [[0.01, 0.5], [0.02, 0.5]]
trailing_fraction = 0.008
"""


def without_names(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop what tells two hosts' orders apart on a venue; all else must be equal."""
    for event in events:
        if "order" in event:
            event["order"].pop("client_order_id")
    return events


def test_backtest_and_paper_give_the_same_events_and_books_that_close(tmp_path: Path) -> None:
    write_candles(tmp_path / "candles.csv", 5000)
    (tmp_path / "replay.toml").write_text(PROFILE, encoding="utf-8")
    shell = Shell(tmp_path)
    shell.ok("init")
    shell.ok("create", "alpha", "--profile", "replay.toml", "--capital", "500")
    ran = shell("run", "alpha")
    assert ran.code == 0, ran
    paper = json.loads(shell.ok("events", "alpha", "--json").out)
    tested = shell.ok(
        "backtest", "--profile", "replay.toml", "--data", "candles.csv", "--capital", "500", "--json"
    ).json
    assert without_names(tested["events"]) == without_names(paper)
    assert len(tested["trips"]) > 20

    cash = Decimal(500)
    for fill in shell.ok("fills", "alpha", "--json").json:
        notional = Decimal(fill["price"]) * Decimal(fill["quantity"])
        cash += (notional if fill["side"] == "sell" else -notional) - Decimal(fill["fee_quote"])
    row = shell.row("alpha")
    assert row["state"] == "EXITED"
    assert cash == Decimal(row["cash"]) == Decimal(row["equity"]) == Decimal(tested["summary"]["cash"])
    assert row["open_positions"] == 0
