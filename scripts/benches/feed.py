"""The feed: from a candle in it to a decision in a hundred readers, and what it costs.

`python scripts/benches/feed.py feed HOME` and `… readers HOME` are the processes that the bench starts.
"""

from __future__ import annotations

import asyncio
import json
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from investbot.adapters.clock import SystemClock
from investbot.adapters.venues.fed import FedVenue
from investbot.bootstrap.home import Home
from investbot.config.fleet import init_fleet
from investbot.config.writer import toml
from investbot.control.feed_link import FeedLink, feed_state
from investbot.control.feed_messages import Market
from investbot.domain.errors import VenueUnavailable
from investbot.domain.market import Bar, Candle, Cursor, Instrument, Millis, Timeframe
from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.engine.engine import Engine
from investbot.engine.simulated import SimulatedMarket
from investbot.engine.spec import EngineSpec
from investbot.feed.feed import Feed
from investbot.feed.server import FeedServer
from investbot.ports.venue import MarketFact, Venue
from investbot.simulation.book import Book
from investbot.strategies.conservative_scalp import ConservativeScalp
from scripts.benches.candles import FIVE, SYMBOL
from scripts.benches.figures import Figure, percentile
from scripts.chaos_run.exchange import ExchangeProcess

PROCESSES, EACH = 10, 10
"""Processes of readers, and readers in each: as many event loops as two cores can tell apart from one another."""
CLOSES = 40
EVERY_S = 1.0
"""Seconds between two closes."""
ONE = Timeframe.parse("1m")
REST_S = 20.0
SETTLE_S = 5.0
"""Seconds until the readers have worked through their past."""
_READY_S = 120.0


class PacedVenue:
    """Closes a bar every `EVERY_S` seconds of the wall; its volume is the machine's monotonic time (s) at the close."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._closed = asyncio.Event()

    async def open(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """Give the instrument."""
        return {symbol: Instrument(symbol, Decimal("0.01"), Decimal("0.00001")) for symbol in symbols}

    async def facts(self, anchors: Mapping[str, Millis], cursor: Cursor | None) -> AsyncIterator[MarketFact]:
        """Give the past at once and each bar when it closes."""
        opened_at = anchors[SYMBOL]
        while not self._closed.is_set():
            wait_s = (opened_at + FIVE.ms - self.now()) / FIVE.ms * EVERY_S
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            else:
                yield _bar(opened_at)
                opened_at += FIVE.ms

    async def poll(self) -> None:
        """Do nothing."""

    def now(self) -> Millis:
        """Venue time: a bar a second."""
        return 2_000 * FIVE.ms + round((time.monotonic() - self._began) / EVERY_S * FIVE.ms)

    def health(self) -> Mapping[str, str]:
        """Be well."""
        return {}

    async def close(self) -> None:
        """End the stream."""
        self._closed.set()


def _bar(opened_at: Millis) -> Candle:
    low = Decimal(40_000) + opened_at // FIVE.ms * 37 % 900
    prices = [low + Decimal("0.40"), low + Decimal("1.20"), low, low + Decimal("0.90")]
    opened, high, lowest, close = (price.quantize(Decimal("0.01")) for price in prices)
    bar = Bar(float(opened), float(high), float(lowest), float(close), time.monotonic())
    return Candle(SYMBOL, FIVE, opened_at, opened, high, lowest, close, bar)


async def serve(home: Path) -> None:
    """Be the feed: its own classes and socket, on that venue."""
    feed = Feed(lambda _market, _frame: PacedVenue(), time.monotonic)
    server = FeedServer(home, feed)
    await server.open()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    watching = asyncio.create_task(feed.watch())
    await stop.wait()
    await server.close()
    watching.cancel()
    await asyncio.wait((watching,))


async def read(home: Path) -> None:
    """Be some readers, each with its link, venue and engine, until stdin ends; print each close's milliseconds."""
    times: list[tuple[Millis, float]] = []
    venues = [_venue(home) for _ in range(EACH)]
    tasks = [asyncio.create_task(_decide(venue, times)) for venue in venues]
    await asyncio.to_thread(sys.stdin.read)
    for venue in venues:
        await venue.close()
    await asyncio.wait(tasks)
    print(json.dumps(times))


def _venue(home: Path) -> FedVenue:
    clock = SystemClock()
    return FedVenue(FeedLink(home, Market(name="bench"), FIVE, clock.monotonic), _no_own, FIVE, clock)


async def _decide(venue: FedVenue, times: list[tuple[Millis, float]]) -> None:
    """Decide on every candle; note when it opened, and the milliseconds from the feed to here."""
    instruments = await venue.open([SYMBOL])
    spec = EngineSpec(instruments, FIVE, None, CostRules(), RiskRules(), ExitRules(), Decimal(500), "bench")
    engine = Engine(spec, ConservativeScalp())
    market = SimulatedMarket(engine, Book(spec.costs, spec.instruments))
    async for fact in venue.facts({}, None):
        if isinstance(fact, Candle):
            market.committed(market.step(fact))
            times.append((fact.opened_at, (time.monotonic() - fact.bar.volume) * 1000))


def _no_own() -> Venue:
    raise VenueUnavailable("The bench has no venue but the feed.")


def measure(scratch: Path) -> Iterator[Figure]:
    """Measure the time from a candle at the feed to each reader's decision, and the feed at rest."""
    (scratch / "run").mkdir()
    size = PROCESSES * EACH
    with _process("feed", scratch) as feed:
        readers: list[subprocess.Popen[str]] = []
        try:
            _await(scratch, 0)
            readers += [_process("readers", scratch) for _ in range(PROCESSES)]
            _await(scratch, size)
            time.sleep(SETTLE_S)
            (stream,) = _streams(scratch)
            began, used = time.monotonic(), _cpu_s(feed.pid)
            time.sleep(CLOSES * EVERY_S)
            part = (_cpu_s(feed.pid) - used) / (time.monotonic() - began)
            told = [pair for reader in readers for pair in json.loads(reader.communicate(timeout=_READY_S)[0])]
        finally:
            for process in (*readers, feed):
                process.terminate()
            for reader in readers:
                reader.wait()
    first = stream["next_at"]
    closes = {
        at: [ms for opened_at, ms in told if opened_at == at] for at in range(first, first + CLOSES * FIVE.ms, FIVE.ms)
    }
    times = [ms for each in closes.values() for ms in each]
    what = f"candle at the feed to decided, {size} readers"
    yield Figure("feed", f"{what}: p50", percentile(times, 0.5), "ms", None, "lower")
    yield Figure("feed", f"{what}: p99", percentile(times, 0.99), "ms", 1000, "lower")
    yield Figure("feed", "the last of them, median", statistics.median(map(max, closes.values())), "ms", None, "lower")
    yield Figure("feed", "decisions that were missed", CLOSES * size - len(times), "decisions", 0, "lower")
    yield Figure("feed", "processor for it, a candle a second", part, "part", None, "lower")
    yield from _at_an_exchange(scratch / "home")


def _asked(home: Path, settings: dict[str, Any]) -> Market:
    """Give a market that the settings of an instance name: the feed follows no other."""
    folder = home / "instances" / "asked"
    folder.mkdir(exist_ok=True)
    text = toml({"venue": {"name": "binance", "ccxt": settings}})
    (folder / "instance.toml").write_text(text, encoding="utf-8")
    return Market(name="binance", settings=settings)


def _at_an_exchange(home: Path) -> Iterator[Figure]:
    """Measure the feed's own process with some streams at the tests' exchange, at the wall's speed."""
    place = Home(home)
    place.ensure()
    init_fleet(home)
    with ExchangeProcess(7, 1.0) as exchange:
        folder = place.instance("alpha")
        folder.ensure()
        folder.settings.write_text(toml({"venue": {"name": "binance", "ccxt": exchange.settings(10_000)}}))
        command = [sys.executable, "-P", "-m", "investbot.bootstrap.feed", "--home", str(home)]
        with subprocess.Popen(command) as feed:
            try:
                for symbols in (["BTC/USDT"], ["ETH/USDT", "PEPE/USDT"]):
                    market = _asked(home, exchange.settings(10_000))
                    _await(home, 0)
                    asyncio.run(_subscribed(home, market, symbols))
                    count = len(_streams(home))
                    began, used = time.monotonic(), _cpu_s(feed.pid)
                    time.sleep(REST_S)
                    part = (_cpu_s(feed.pid) - used) / (time.monotonic() - began)
                    what = f"its process, streams at an exchange: {count}"
                    yield Figure("feed", f"{what}, resident", _rss_mb(feed.pid), "MB", None, "lower")
                    yield Figure("feed", f"{what}, processor at rest", part, "part", None, "lower")
            finally:
                feed.terminate()


async def _subscribed(home: Path, market: Market, symbols: Sequence[str]) -> None:
    """Subscribe and hang up: the streams go on for their grace."""
    link = FeedLink(home, market, ONE, time.monotonic)
    await link.open(symbols, lambda: None)
    await link.close()


def _streams(home: Path) -> list[dict[str, Any]]:
    told = feed_state(home)
    return [] if told is None else list(told["streams"])


def _process(what: str, home: Path) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, what, str(home)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _await(home: Path, subscribers: int) -> None:
    until = time.monotonic() + _READY_S
    while True:
        if feed_state(home) is not None and sum(each["subscribers"] for each in _streams(home)) >= subscribers:
            return
        if time.monotonic() > until:
            raise TimeoutError("The feed or its readers did not come.")
        time.sleep(0.1)


def _cpu_s(pid: int) -> float:
    stat = Path(f"/proc/{pid}/stat").read_bytes()
    fields = stat[stat.rindex(b")") + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _rss_mb(pid: int) -> float:
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    asyncio.run({"feed": serve, "readers": read}[sys.argv[1]](Path(sys.argv[2])))
