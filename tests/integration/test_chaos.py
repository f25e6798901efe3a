"""Kills and faults at random, seeded; and an account that two instances and a human share for an hour."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from investbot.domain.events import OrderChanged
from investbot.domain.order import OrderState
from scripts.chaos_run.exchange import ExchangeProcess
from scripts.chaos_run.plan import make_plan
from scripts.chaos_run.truth import OPEN
from tests.conftest import REPOSITORY
from tests.integration.live_exchange import staged, wait_for

HOUR_SPEED = 240.0
HOUR_S = 3600 / HOUR_SPEED


def test_a_plan_is_the_same_every_time_and_another_for_every_seed() -> None:
    assert make_plan(3, 40, "main") == make_plan(3, 40, "main")
    assert make_plan(3, 40, "main") != make_plan(4, 40, "main")
    moments = Counter(kill.moment for kill in make_plan(3, 200, "main"))
    assert set(moments) == {"start", "ready", "order"}


@pytest.mark.timeout(300)
def test_after_kills_and_faults_ledgers_and_exchange_tell_the_same(tmp_path: Path) -> None:
    told = tmp_path / "chaos.json"
    command = [sys.executable, "-m", "scripts.chaos_run.main", "--seed", "11", "--kills", "8", "--json", str(told)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["figure"]: row for row in json.loads(told.read_text())}
    assert rows["kills"]["value"] == 8
    assert rows["entries filled"]["value"] > 0
    assert all(row["met"] for row in rows.values())
    assert {"bench", "figure", "value", "unit", "goal", "better", "met", "command"} <= set(rows["kills"])


@pytest.mark.timeout(300)
def test_another_exchange_is_judged_by_what_it_tells_everybody(tmp_path: Path) -> None:
    """It has no websockets, calls orders by names of its own, and lists the last trades only."""
    told, profile, keys = (tmp_path / name for name in ("chaos.json", "there.toml", "keys.json"))
    with ExchangeProcess(13, 40.0, "--plain") as exchange:
        profile.write_text(
            f'[venue]\nname = "binance"\n[venue.ccxt]\nurls = {_table(exchange.settings()["urls"])}\ntimeout = 1500\n'
            '[market]\nsymbols = ["BTC/USDT"]\n[risk]\nmax_open_positions = 1\n'
        )
        keys.write_text(json.dumps(exchange.card["keys"]["main"]))
        command = [sys.executable, "-m", "scripts.chaos_run.main", "--profile", str(profile), "--keys", str(keys)]
        command += ["--kills", "2", "--instances", "1", "--json", str(told)]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["figure"]: row for row in json.loads(told.read_text())}
    assert rows["kills"]["value"] == 2
    assert rows["looks at what is held and covered"]["value"] > 0
    assert rows["entries filled"]["value"] > 0
    assert all(row["met"] for row in rows.values())


def _table(settings: Mapping[str, Any]) -> str:
    """Write a table as TOML does within a line."""
    told = (
        f'"{name}" = {_table(value) if isinstance(value, Mapping) else json.dumps(value)}'
        for name, value in settings.items()
    )
    return "{" + ", ".join(told) + "}"


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_two_instances_and_a_human_share_an_account_for_an_hour(tmp_path: Path) -> None:
    dice = random.Random(5)
    with staged(tmp_path / "fleet", seed=5, speed=HOUR_SPEED) as stage:
        stage.add("alpha", "main")
        stage.add("beta", "second")
        children = [stage.start("alpha"), stage.start("beta")]
        place, resting = stage.exchange.do, []
        place("order", account="main", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.02")
        wait_for(lambda: all(child.ready for child in children), 120, "readiness")
        end = time.monotonic() + HOUR_S
        while (now := time.monotonic()) < end or (now < end + 120 and min(map(stage.entered, stage.keys)) <= 3):
            price = Decimal(stage.exchange.tell("state")["prices"]["BTCUSDT"])
            side = dice.choice(("BUY", "SELL"))
            near, far = (Decimal("0.9995"), Decimal("0.85")) if side == "BUY" else (Decimal("1.0005"), Decimal("1.15"))
            for factor in (near, far):
                limit = str((price * factor).quantize(Decimal("0.01")))
                told = {"account": "main", "symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "GTC"}
                answer = place("order", **told, quantity="0.0005", price=limit)
                if factor == far:
                    resting.append(answer["orderId"])
            time.sleep(1.5)
        for name, child in zip(stage.keys, children, strict=True):
            assert not child.ended
            code, said = child.stop()
            assert code == 0, said
            assert stage.fleet.flatten(name)["flat"]
        assert stage.off() == {}
        rows = stage.exchange.truth()["orders"]
        human = [row for row in rows if row["by"] == "human"]
        assert not [row for row in human if row["status"] not in {*OPEN, "FILLED"}]
        assert {row["orderId"] for row in human if row["status"] in OPEN} >= set(resting)
        for name in stage.keys:
            book = stage.book(name)
            assert stage.entered(name) > 3
            assert not book.open
            assert {stage.keys[name]} == {row["by"] for row in rows if row["clientOrderId"] in book.orders}
            assert not [line for line in stage.said("reconciled", name) if line["differences"]]
            assert not [c for c in stage.events(name, OrderChanged) if c.state is OrderState.UNKNOWN]
