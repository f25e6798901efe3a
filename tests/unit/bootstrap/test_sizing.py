"""Sizes without a process: out of the ledger and the market, and nothing is written."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from investbot.bootstrap.home import Home
from investbot.bootstrap.instance import run_foreground
from investbot.bootstrap.sizing import size_stopped
from investbot.domain.errors import DataError, UnknownInstance, UsageError
from tests.exchange.server import LoopbackExchange
from tests.integration.instance_homes import KEY, make_home, make_instance, replaying, write_candles

BTC = "BTC/USDT"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "fleet")


def sized(home: Home, fraction: str) -> dict[str, str]:
    """Ask with a stop so far under the last price, which a refusal tells."""
    with pytest.raises(UsageError, match="last price") as told:
        size_stopped(home, "alpha", KEY, BTC, "100000000")
    price = Decimal(str(told.value).rpartition(" ")[2].rstrip("."))
    answer = size_stopped(home, "alpha", KEY, BTC, str(price * (1 - Decimal(fraction))))
    assert Decimal(answer["price"]) == price
    return answer


def test_a_replay_that_has_ended_is_sized_at_its_last_candle(home: Home, tmp_path: Path) -> None:
    alpha = replaying(home, "alpha", write_candles(tmp_path / "candles.csv", 300))
    first = sized(home, "0.008")
    run_foreground(home.path, "alpha", KEY)
    before = alpha.ledger.read_bytes()
    last = sized(home, "0.008")
    assert alpha.ledger.read_bytes() == before
    assert first["price"] != last["price"]
    closes = (tmp_path / "candles.csv").read_text().splitlines()
    assert (Decimal(first["price"]), Decimal(last["price"])) == tuple(
        Decimal(line.split(",")[4]) for line in (closes[1], closes[-1])
    )
    assert 0 < Decimal(last["notional"]) <= 20
    assert Decimal(last["risk"]) <= 10


def test_what_the_rules_forbid_is_said_in_their_words(home: Home, tmp_path: Path) -> None:
    replaying(home, "alpha", write_candles(tmp_path / "candles.csv", 300))
    with pytest.raises(DataError):
        size_stopped(home, "alpha", KEY, BTC, "0.00001")
    with pytest.raises(UsageError, match="does not trade ETH/USDT"):
        size_stopped(home, "alpha", KEY, "ETH/USDT", "5")
    with pytest.raises(UnknownInstance):
        size_stopped(home, "nobody", KEY, BTC, "5")


async def test_an_exchange_is_asked_for_the_price_of_now(home: Home) -> None:
    import asyncio

    async with LoopbackExchange() as exchange:
        port = exchange.settings()["urls"]["api"]["public"]
        make_instance(
            home, "alpha", "venue.name=binance", f'venue.ccxt={{ urls = {{ api = {{ public = "{port}" }} }} }}'
        )
        answer = await asyncio.to_thread(sized, home, "0.008")
    assert Decimal(answer["quantity"]) > 0
