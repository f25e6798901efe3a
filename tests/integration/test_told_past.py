"""Alerts and intelligence of a stored file through the whole stack: traded, stored, the same again after a kill."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from investbot.bootstrap.home import Home
from investbot.domain.market import HOUR, MINUTE
from tests.integration.cli import Shell
from tests.integration.instance_homes import (
    BEGIN,
    KEY,
    events,
    is_ready,
    make_home,
    replaying,
    spawn,
    wait_for,
    write_candles,
)
from tests.integration.test_three_hosts import without_names

pytestmark = pytest.mark.slow

CANDLES = 3000
PROFILE = """\
[venue]
name = "replay"
[venue.replay]
file = "candles.csv"
facts = "facts.jsonl"
speed = 0
[market]
symbols = ["BTC/USDT"]
timeframe = "1m"
[strategy]
name = "alerts"
[intelligence]
veto_below = -0.5
[risk]
min_net_reward_risk = 0
cooldown = "0s"
max_entries_per_hour = 60
max_entries_per_day = 500
"""


def facts() -> Iterator[dict[str, Any]]:
    """An alert every twenty minutes, long and short in turn, and news that forbids entries now and then."""
    chance = random.Random(3)
    for number in range(1, CANDLES // 20):
        at = BEGIN + number * 20 * MINUTE + chance.choice((0, 0, 17_000))
        side = "long" if number % 2 else "short"
        yield {
            "kind": "alert",
            "at": at,
            "symbol": "BTC/USDT",
            "direction": side,
            "source": "tv",
            "setup": f"s{number % 3}",
        }
        if number % 25 == 0:
            item = {
                "source": "news",
                "bias": -1,
                "confidence": 1,
                "published_at": at,
                "expires_at": at + HOUR,
                "text": "hack",
            }
            yield {"kind": "intelligence", "received_at": at + 5_000, **item}


@pytest.fixture
def told(tmp_path: Path) -> Path:
    path = tmp_path / "facts.jsonl"
    path.write_text("".join(json.dumps(fact) + "\n" for fact in facts()), encoding="utf-8")
    return path


@pytest.mark.timeout(300)
def test_a_paper_instance_trades_stored_alerts_as_the_backtest_does(tmp_path: Path, told: Path) -> None:
    write_candles(tmp_path / "candles.csv", CANDLES)
    (tmp_path / "replay.toml").write_text(PROFILE, encoding="utf-8")
    shell = Shell(tmp_path)
    shell.ok("init")
    shell.ok("create", "alpha", "--profile", "replay.toml", "--capital", "500")
    ran = shell("run", "alpha")
    assert ran.code == 0, ran
    paper = json.loads(shell.ok("events", "alpha", "--json").out)
    tested = shell.ok("backtest", "--profile", "replay.toml", "--capital", "500", "--json").json
    assert without_names(tested["events"]) == without_names(paper)

    trips = shell.told("trips", "alpha")
    assert len(trips) == len(tested["trips"]) > 30
    assert {trip["setup"] for trip in trips} <= {"s0", "s1", "s2"}
    sums = shell.told("trips", "alpha", "--by", "setup")
    assert sum(row["trips"] for row in sums) == len(trips)
    assert sums == tested["setups"]
    denied = [row for row in shell.told("signals", "alpha") if row["denied_by"] == "intelligence"]
    assert denied
    assert all(row["setup"] in {"s0", "s1", "s2"} and row["parts"] == row["levels"] == [] for row in denied)
    heard = shell.told("intelligence", "list", "alpha")
    assert len(heard) == len([fact for fact in facts() if fact["kind"] == "intelligence"])


@pytest.mark.timeout(300)
def test_a_kill_between_candles_takes_no_alert_twice_and_loses_none(tmp_path: Path, told: Path) -> None:
    home = make_home(tmp_path / "fleet")
    candles = write_candles(tmp_path / "candles.csv", 1500)
    settings = (f"venue.replay.facts={told}", "strategy.name=alerts", "intelligence.veto_below=-0.5")
    whole = finished(home, "whole", candles, settings, kills=0)
    cut = finished(home, "cut", candles, settings, kills=2)
    assert comparable(cut) == comparable(whole)
    assert sum(row["kind"] == "SignalRaised" for row in whole) > 50


def finished(home: Home, name: str, candles: Path, settings: tuple[str, ...], *, kills: int) -> list[dict[str, Any]]:
    """Run an instance to the end of its candles, killing it on the way; give its events."""
    folder = replaying(home, name, candles, *settings, speed=0 if not kills else 400.0)
    for number in range(kills):
        process = spawn(home, name, KEY)
        grown = len(events(folder)) + 15 + number
        wait_for(lambda: (is_ready(folder) and len(events(folder)) >= grown) or process.poll() is not None, 90)  # noqa: B023
        process.kill()
        process.communicate(timeout=60)
    process = spawn(home, name, KEY)
    _, said = process.communicate(timeout=110)
    assert (process.returncode, said) == (0, "")
    return events(folder)


def comparable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is the same for two instances: all but the names of orders at the venue."""
    return without_names(json.loads(json.dumps(rows)))
