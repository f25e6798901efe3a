"""The list of markets: fetched once a day, shared by all processes of a host."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from investbot.adapters.clock import SystemClock
from investbot.adapters.venues.ccxt import market_list
from investbot.adapters.venues.ccxt.market_list import MarketList, market_folder
from investbot.adapters.venues.ccxt.venue import CcxtVenue
from investbot.domain.errors import VenueUnavailable
from investbot.domain.market import DAY, Timeframe
from tests.exchange.clock import HandClock
from tests.exchange.server import LoopbackExchange


class Exchange:
    """The part of an exchange of ccxt that a list of markets needs."""

    id = "venue"

    def __init__(self, *symbols: str, number: type = float) -> None:
        self.symbols = symbols
        self.number = number
        self.asked = 0

    async def fetch_markets(self, params: object) -> Any:
        self.asked += 1
        await asyncio.sleep(0)
        return [{"symbol": symbol, "info": {"a": [1, None]}, "tick": self.number("0.5")} for symbol in self.symbols]


MANY = tuple(f"C{number}/USDT" for number in range(50))


async def test_a_list_is_fetched_once_a_day_and_few_of_it_are_given(tmp_path: Path) -> None:
    clock, folder = HandClock(), tmp_path / "venue"
    first, second = Exchange(*MANY), Exchange()
    given, known = await MarketList(folder, clock.now).load(first, {"C7/USDT"})
    again, same = await MarketList(folder, clock.now).load(second, {"C7/USDT"})
    assert given == again == [{"symbol": "C7/USDT", "info": {"a": [1, None]}, "tick": 0.5}]
    assert known == same == list(MANY)
    assert (first.asked, second.asked) == (1, 0)
    clock.tick(DAY - 1)
    await MarketList(folder, clock.now).load(second, {"C7/USDT"})
    clock.tick(1)
    await MarketList(folder, clock.now).load(first, {"C7/USDT"})
    assert (first.asked, second.asked) == (2, 0)
    clock.tick(-2 * DAY)
    await MarketList(folder, clock.now).load(first, {"C7/USDT"})
    assert first.asked == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


async def test_the_private_side_has_a_list_of_its_own_for_its_numbers_are_text(tmp_path: Path) -> None:
    clock = HandClock()
    await MarketList(tmp_path, clock.now).load(Exchange(*MANY), {"C7/USDT"})
    given, _ = await MarketList(tmp_path, clock.now).load(Exchange(*MANY, number=str), {"C7/USDT"})
    assert given[0]["tick"] == "0.5"


async def test_a_market_that_the_list_lacks_is_asked_for(tmp_path: Path) -> None:
    clock = HandClock()
    await MarketList(tmp_path, clock.now).load(Exchange("A/B"), {"A/B"})
    given, known = await MarketList(tmp_path, clock.now).load(Exchange("A/B", "C/D"), {"C/D"})
    assert ([market["symbol"] for market in given], known) == (["C/D"], ["A/B", "C/D"])
    none, known = await MarketList(tmp_path, clock.now).load(Exchange("A/B", "C/D"), {"X/Y"})
    assert (none, known) == ([], ["A/B", "C/D"])


@pytest.mark.parametrize("spoiled", ["", "x\n", "1700000010000\nC7/USDT\t{", "1700000010000\nC7/USDT\n", "\xff"])
async def test_a_spoiled_list_is_fetched_again(tmp_path: Path, spoiled: str) -> None:
    (tmp_path / "markets-float.jsonl").write_bytes(spoiled.encode("latin-1"))
    exchange = Exchange(*MANY)
    given, _ = await MarketList(tmp_path, HandClock().now).load(exchange, {"C7/USDT"})
    assert (exchange.asked, given[0]["symbol"]) == (1, "C7/USDT")
    assert json.loads((tmp_path / "markets-float.jsonl").read_text().splitlines()[8].partition("\t")[2]) == given[0]


async def test_many_that_start_at_once_fetch_once(tmp_path: Path) -> None:
    exchanges = [Exchange(*MANY) for _ in range(5)]
    lists = [MarketList(tmp_path, HandClock().now) for _ in exchanges]
    await asyncio.gather(*(each.load(exchange, {"C7/USDT"}) for each, exchange in zip(lists, exchanges, strict=True)))
    assert sum(exchange.asked for exchange in exchanges) == 1


async def test_nobody_waits_for_ever_for_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_list, "PATIENCE_S", 0.1)
    held = os.open(tmp_path / "markets-float.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    exchange = Exchange(*MANY)
    await MarketList(tmp_path, HandClock().now).load(exchange, {"C7/USDT"})
    os.close(held)
    assert exchange.asked == 1


async def test_where_nothing_can_be_written_it_is_fetched_each_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    exchange = Exchange(*MANY)
    for folder in (tmp_path / "file", None):
        given, _ = await MarketList(folder, HandClock().now).load(exchange, {"C7/USDT"})
        assert given
    assert exchange.asked == 2


async def test_a_list_without_markets_is_no_answer_and_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(VenueUnavailable, match="list of markets is empty"):
        await MarketList(tmp_path, HandClock().now).load(Exchange(), {"A/B"})
    assert not (tmp_path / "markets-float.jsonl").exists()


def test_every_address_has_a_folder_of_its_own(tmp_path: Path) -> None:
    own = {"urls": {"api": "http://127.0.0.1:1"}}
    folders = [
        market_folder(tmp_path, "binance", {}, sandbox=False),
        market_folder(tmp_path, "binance", {}, sandbox=True),
        market_folder(tmp_path, "kraken", {}, sandbox=False),
        market_folder(tmp_path, "binance", own, sandbox=False),
        market_folder(tmp_path, "binance", {"urls": {"api": "http://127.0.0.1:2"}}, sandbox=False),
        market_folder(tmp_path, "binance", {"hostname": "binance.us"}, sandbox=False),
    ]
    assert len(set(folders)) == 6
    assert folders[0] == tmp_path / "binance"
    assert market_folder(tmp_path, "binance", own | {"timeout": 5, "options": {}}, sandbox=False) == folders[3]


async def test_the_clock_is_looked_at_twice_with_some_time_between_though_the_list_is_at_hand(tmp_path: Path) -> None:
    looks: list[float] = []

    def now() -> int:
        looks.append(time.monotonic())
        return time.time_ns() // 1_000_000

    async with LoopbackExchange(now) as exchange:
        for _ in range(2):
            looks.clear()
            settings = exchange.settings()
            venue = CcxtVenue("binance", Timeframe.parse("1m"), SystemClock(), settings=settings, folder=tmp_path)
            await venue.open(["BTC/USDT"])
            await venue.close()
            assert looks[-1] - looks[0] >= 0.2
    assert [name for name, _ in exchange.requests].count("exchangeInfo") == 1
