"""The feed as a process beside instances and an exchange, all real: it is killed, and no candle is missing anywhere."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from investbot.adapters.clock import SystemClock
from investbot.adapters.history.candle_cache import CandleCache
from investbot.adapters.venues.ccxt.venue import CcxtVenue
from investbot.adapters.venues.fed import FedVenue
from investbot.bootstrap.home import Home
from investbot.bootstrap.venues import market_place
from investbot.config.writer import toml
from investbot.control.feed_link import FeedLink, feed_state
from investbot.control.feed_messages import Market
from investbot.domain.market import Candle, Millis, Quality, Timeframe
from investbot.domain.times import parse_rfc3339
from scripts.chaos_run.exchange import ExchangeProcess
from tests.integration.cli import Shell
from tests.integration.instance_homes import (
    ending,
    events,
    is_ready,
    make_home,
    make_instance,
    spawn,
    wait_for,
)
from tests.integration.live_fleet import exchange_process, write_profile

pytestmark = pytest.mark.timeout(300)

BTC, ETH = "BTC/USDT", "ETH/USDT"
ONE = Timeframe.parse("1s")
"""Bars of a second, on a clock that runs as ours: a faster one cannot be told exactly on a machine that is busy."""
EVERY = """
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from investbot.domain.signal import Direction, Signal


@dataclass(frozen=True, slots=True)
class Every:
    name: ClassVar[str] = "every"
    description: ClassVar[str] = "Has an opinion on every candle, so that the ledger shows which came."
    warmup: ClassVar[int] = 1

    def indicators(self):
        return {}

    def confirm_indicators(self):
        return {}

    def evaluate(self, view):
        return Signal(Direction.LONG, 0.5, "every")
"""
"""A strategy whose opinions tell each candle, however late, with all its numbers."""


class FeedProcess:
    """The feed of a home, killed and started again at will."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.process: subprocess.Popen[str] | None = None

    def start(self, *more: str, **options: Any) -> None:
        command = [sys.executable, "-P", "-m", "investbot.bootstrap.feed", "--home", str(self.home.path), *more]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)

    def answers(self) -> None:
        wait_for(lambda: feed_state(self.home.path), 60)

    def streams(self) -> list[dict[str, Any]]:
        told = feed_state(self.home.path)
        return [] if told is None else list(told["streams"])

    def told(self) -> list[dict[str, Any]]:
        return [each for each in self.streams() if each["timeframe"] == ONE.text]

    def subscribers(self, symbol: str = BTC) -> int:
        return sum(each["subscribers"] for each in self.streams() if each["symbol"] == symbol)

    def goes_on(self, count: int) -> None:
        """Wait until every stream that is told has so many candles more."""
        before = {each["symbol"]: each["candles"] + count for each in wait_for(self.told, 60)}

        def gone_on() -> bool:
            now = {each["symbol"]: each["candles"] for each in self.told()}
            return now.keys() == before.keys() and all(now[symbol] >= goal for symbol, goal in before.items())

        wait_for(gone_on, 90)

    def end(self, number: signal.Signals = signal.SIGKILL) -> tuple[int, str]:
        assert self.process is not None
        process, self.process = self.process, None
        process.send_signal(number)
        return process.wait(60), process.communicate()[1]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "fleet")


@pytest.fixture
def feed(home: Home) -> Iterator[FeedProcess]:
    feed = FeedProcess(home)
    yield feed
    if feed.process is not None:
        feed.end()


@pytest.fixture
def exchange() -> Iterator[ExchangeProcess]:
    with ExchangeProcess(7, 1.0) as exchange:
        yield exchange


def klines(exchange: ExchangeProcess, symbol: str, first: Millis, count: int) -> list[tuple[Any, ...]]:
    """Ask the exchange itself for closed candles: opening time, four prices and volume, exact."""
    rows: list[tuple[Any, ...]] = []
    while len(rows) < count:
        at = first + len(rows) * ONE.ms
        place = exchange.card["settings"]["urls"]["api"]["public"]
        query = f"symbol={symbol.replace('/', '')}&interval={ONE}&startTime={at}&limit={min(count - len(rows), 1000)}"
        with urllib.request.urlopen(f"{place}/klines?{query}", timeout=20) as answer:  # noqa: S310 - our own process
            rows += [(row[0], *map(Decimal, row[1:5]), float(row[5])) for row in json.load(answer)]
    return rows


def inline(value: Any) -> str:
    """Write a value as TOML does in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {inline(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)


def trading(home: Home, exchange: ExchangeProcess, name: str, *symbols: str) -> None:
    """Make a paper instance that tells every candle."""
    strategy = home.path / "every.py"
    strategy.write_text(EVERY)
    told = (
        "venue.name=binance",
        f"venue.ccxt={inline(exchange.settings(20_000))}",
        f"market.symbols={inline(list(symbols))}",
    )
    make_instance(home, name, *told, f"market.timeframe={ONE}", f"strategy.name={strategy}", "strategy.parameters={}")


def told_candles(home: Home, name: str, symbol: str) -> list[tuple[Any, ...]]:
    """Read every candle out of an instance's ledger."""
    rows = [row for row in events(home.instance(name)) if row["kind"] == "SignalRaised" and row["symbol"] == symbol]
    return [
        (parse_rfc3339(at), *(Decimal(price) for price in prices), float(volume))
        for at, *prices, volume in (row["candle"].values() for row in rows)
    ]


def asked(exchange: ExchangeProcess, what: str) -> int:
    return int(exchange.tell("state")["requests"].get(what, 0))


@pytest.mark.scenarios
def test_a_feed_that_is_killed_costs_no_candle(home: Home, feed: FeedProcess, exchange: ExchangeProcess) -> None:
    traded = {"alpha": (BTC,), "beta": (BTC,), "gamma": (BTC, ETH)}
    for name, symbols in traded.items():
        trading(home, exchange, name, *symbols)
    feed.start()
    feed.answers()
    processes = {name: spawn(home, name) for name in traded}
    try:
        wait_for(lambda: all(is_ready(home.instance(name)) for name in traded), 60)
        assert (feed.subscribers(BTC), feed.subscribers(ETH)) == (3, 1)
        for is_long in (False, True):
            assert feed.end()[0] == -signal.SIGKILL
            if is_long:  # each instance listens for itself by then
                wait_for(lambda: exchange.tell("state")["streams"]["sockets"] >= len(traded), 60)
            feed.start()
            wait_for(lambda: (feed.subscribers(BTC), feed.subscribers(ETH)) == (3, 1), 60)
            feed.goes_on(3)
    finally:
        for process in processes.values():
            process.send_signal(signal.SIGTERM)
        for process in processes.values():
            process.communicate(timeout=60)
    assert {name: ending(home.instance(name))["code"] for name in traded} == dict.fromkeys(traded, 0)
    for name, symbols in traded.items():
        for symbol in symbols:
            found = told_candles(home, name, symbol)
            assert len(found) > 490
            assert found == klines(exchange, symbol, found[0][0], len(found))


def asked_by_an_instance(home: Home, settings: dict[str, Any]) -> Market:
    """Give a market that the settings of an instance name: the feed follows no other."""
    folder = home.instances / "asked"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "instance.toml").write_text(toml({"venue": {"name": "binance", "ccxt": settings}}))
    return Market(name="binance", settings=settings)


class Reader:
    """What an instance reads its candles from, in this process."""

    def __init__(self, home: Home, exchange: ExchangeProcess) -> None:
        clock, settings = SystemClock(), exchange.settings(20_000)
        self.link = FeedLink(home.path, asked_by_an_instance(home, settings), ONE, clock.monotonic)
        self.venue = FedVenue(self.link, lambda: CcxtVenue("binance", ONE, clock, settings=settings), ONE, clock)
        self.candles: list[Candle] = []

    async def run(self) -> None:
        await self.venue.open([BTC])
        async for fact in self.venue.facts({}, None):
            if isinstance(fact, Candle):
                self.candles.append(fact)


async def test_settings_that_no_instance_has_are_not_followed(
    home: Home, feed: FeedProcess, exchange: ExchangeProcess
) -> None:
    """A strategy must not have the feed call for it where its own process may not."""
    asked_by_an_instance(home, exchange.settings(20_000))
    feed.start()
    await asyncio.to_thread(feed.answers)
    bent = Market(name="binance", settings={**exchange.settings(20_000), "headers": {"x": "y"}})
    link = FeedLink(home.path, bent, ONE, time.monotonic)
    opened = await link.open([BTC], lambda: None)
    await link.close()
    assert opened is None
    assert "GET klines" not in (await asyncio.to_thread(exchange.tell, "state"))["requests"]


async def test_many_instances_on_one_symbol_cost_one_subscription(
    home: Home, feed: FeedProcess, exchange: ExchangeProcess
) -> None:
    feed.start()
    await asyncio.to_thread(feed.answers)
    readers = [Reader(home, exchange) for _ in range(25)]
    tasks = [asyncio.create_task(reader.run()) for reader in readers]
    until = time.monotonic() + 180
    while min(len(reader.candles) for reader in readers) < 510:
        assert time.monotonic() < until
        assert not any(task.done() for task in tasks)
        await asyncio.sleep(0.1)
    told = await asyncio.to_thread(exchange.tell, "state")
    assert await asyncio.to_thread(feed.subscribers) == 25
    assert {reader.venue.health()["candles"] for reader in readers} == {"feed"}
    for reader in readers:
        await reader.venue.close()
    await asyncio.wait(tasks)
    assert told["requests"]["GET exchangeInfo"] == 1
    assert told["requests"]["GET klines"] < 25
    assert told["streams"]["sockets"] == 1
    for reader in readers:
        found = [replace(candle, quality=Quality.GOOD) for candle in reader.candles[:510]]
        assert found == [replace(candle, quality=Quality.GOOD) for candle in readers[0].candles[:510]]


def test_the_market_cache_is_whole_after_a_time_without_a_feed(
    home: Home, feed: FeedProcess, exchange: ExchangeProcess
) -> None:
    """Of the timeframe that is traded and of the longer one it is confirmed by, which nobody is told."""
    market = asked_by_an_instance(home, exchange.settings(20_000))
    cache = CandleCache(market_place(home.market, "binance", market.settings, sandbox=False))

    async def subscribed() -> None:
        link = FeedLink(home.path, market, ONE, time.monotonic, also=("1m",))
        assert await link.open([BTC], lambda: None) is not None
        await link.close()

    for _ in range(2):
        feed.start()
        feed.answers()
        asyncio.run(subscribed())
        wait_for(lambda: {each["timeframe"] for each in feed.streams() if not each["trouble"]} == {"1s", "1m"}, 60)
        feed.goes_on(1)
        assert feed.end(signal.SIGTERM) == (0, "")
    kept = {each.timeframe.text: each for each in cache.series()}
    assert {frame: (each.missing, each.unasked) for frame, each in kept.items()} == {"1s": (0, 0), "1m": (0, 0)}
    assert min(each.candles for each in kept.values()) >= 1000
    rows = cache.read(BTC, ONE, kept["1s"].first_at, 5000).rows
    told = klines(exchange, BTC, rows[0][0], len(rows))
    assert [tuple(row) for row in rows] == [(row[0], *map(float, row[1:])) for row in told]


def test_it_holds_no_key_and_cannot_place_an_order(home: Home, feed: FeedProcess, exchange: ExchangeProcess) -> None:
    """It works in a home without a vault or a ledger, and its process has read in nothing that could trade."""
    home.vault.unlink(missing_ok=True)
    feed.start()
    feed.answers()
    market = asked_by_an_instance(home, exchange.settings(20_000))

    async def subscribed() -> None:
        link = FeedLink(home.path, market, ONE, time.monotonic)
        assert await link.open([BTC], lambda: None) is not None
        await link.close()

    asyncio.run(subscribed())
    assert feed.end(signal.SIGTERM) == (0, "")
    looked = subprocess.run(
        [sys.executable, "-c", "import sys, investbot.bootstrap.feed; print(*sorted(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    )
    unwanted: tuple[str, ...] = (
        "sqlcipher3",
        "cryptography",
        "investbot.engine",
        "investbot.adapters.storage",
        "investbot.instance",
    )
    unwanted += ("investbot.adapters.venues.ccxt.trading", "investbot.strategies", "investbot.supervisor")
    assert [name for name in looked.stdout.split() if name.startswith(unwanted)] == []


def test_a_home_has_one_feed_that_goes_in_order(home: Home, feed: FeedProcess) -> None:
    reading, writing = os.pipe()
    feed.start("--ready-fd", str(writing), pass_fds=(writing,))
    os.close(writing)
    assert os.read(reading, 1) == b"\n"
    os.close(reading)
    other = FeedProcess(home)
    other.start()
    assert other.process is not None
    said = other.process.communicate(timeout=60)[1]
    assert (other.process.returncode, said) == (
        75,
        "A feed runs for this home already; `investbot doctor` tells how it is.\n",
    )
    run = home.run.path
    assert {name: (run / name).stat().st_mode & 0o777 for name in ("feed.sock", "feed.lock", "feed.log")} == {
        "feed.sock": 0o600,
        "feed.lock": 0o600,
        "feed.log": 0o600,
    }
    assert feed.end(signal.SIGTERM) == (0, "")
    assert not (run / "feed.sock").exists()
    feed.start()
    feed.answers()


def test_without_a_home_there_is_no_feed(tmp_path: Path) -> None:
    lost = FeedProcess(Home(tmp_path))
    lost.start()
    assert lost.process is not None
    assert "There is no home" in lost.process.communicate(timeout=60)[1]
    assert lost.process.returncode == 78


def test_a_supervisor_keeps_a_feed_for_instances_that_need_one(tmp_path: Path) -> None:
    """From the command line: it comes with the first instance at an exchange, comes back when killed, and goes last."""
    shell = Shell(tmp_path, here=True)
    shell.ok("init")
    with exchange_process("--seed", "7", speed=20) as exchange:
        try:
            profile = write_profile(tmp_path, exchange, mode="paper")
            shell.ok("up", "--detach")
            assert "feed: none runs" in shell.ok("doctor").out
            shell.ok("create", "alpha", "--profile", profile, "--capital", "1000")
            shell.ok("start", "alpha")
            wait_for(lambda: shell.row("alpha")["health"]["candles"] == "feed", 60)
            assert "feed: it follows 1 streams for 1 subscriptions" in shell.ok("doctor").out
            told = feed_state(shell.home)
            assert told is not None
            os.kill(told["pid"], signal.SIGKILL)
            wait_for(lambda: (feed_state(shell.home) or told)["pid"] != told["pid"], 60)
            wait_for(lambda: shell.row("alpha")["health"]["feed_calls"] == "2", 60)
            assert shell.row("alpha")["restarts"] == 0
        finally:
            shell("down", "--yes")
    assert feed_state(shell.home) is None
    assert not (shell.home / "run" / "feed.sock").exists()
