"""The exchange as a process of its own, fifty times as fast as the wall, and clients that come and are killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *words], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def ask(card: dict[str, Any], verb: str, said: dict[str, Any] | None = None) -> Any:
    data = None if said is None else json.dumps(said).encode()
    request = Request(f"{card['admin']}/{verb}", data, {"Content-Type": "application/json"})  # noqa: S310
    with urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)


@pytest.fixture
def card() -> Iterator[dict[str, Any]]:
    with start("tests.exchange", "--speed", "50", "--seed", "7", "--deposit", "USDT=5000") as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.terminate()
        assert process.wait(60) == 0


def test_ccxts_own_classes_trade_on_it(card: dict[str, Any]) -> None:
    with start("tests.unit.exchange.client", "trade") as client:
        told = json.loads(client.communicate(json.dumps(card), 150)[0])
    account = ask(card, "truth")["accounts"]["main"]
    first, second = account["orders"]
    assert told["placed"] == [str(first["orderId"]), "closed", 0.01]
    assert told["watched"] == [str(first["orderId"]), "closed", "ib1"]
    assert set(told["trades"]) == {str(first["orderId"])}
    assert {"BTC", "USDT"} <= set(told["balances"])
    assert len(told["candle"]) == 6
    assert (str(second["orderId"]), second["type"], second["status"]) == (told["stop"], "STOP_LOSS", "NEW")
    assert account["deposits"]["USDT"] == "5000.00000000"
    assert account["fees"] == {"BTC": "0.00001000"}


def test_a_client_that_is_killed_leaves_its_order(card: dict[str, Any]) -> None:
    ask(card, "faults", {"endpoint": "POST order", "kind": "timeout", "when": "after", "seconds": 30})
    with start("tests.unit.exchange.client", "order") as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(json.dumps(card))
        client.stdin.close()
        assert client.stdout.readline() == "sending\n"
        for _ in range(3000):
            if ask(card, "truth")["submissions"]:
                break
            time.sleep(0.02)
        client.kill()
    (order,) = ask(card, "truth")["accounts"]["main"]["orders"]
    assert (order["clientOrderId"], order["status"], order["by"]) == ("ib1", "FILLED", "main")


def test_its_time_runs_fast(card: dict[str, Any]) -> None:
    one, began = ask(card, "state")["now"], time.monotonic()
    time.sleep(0.5)
    gone = (ask(card, "state")["now"] - one) / 1000 / (time.monotonic() - began)
    assert 20 < gone < 100
