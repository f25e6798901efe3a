"""The feed as a process: `python -m investbot.bootstrap.feed --home HOME`. It is handed no key and opens no ledger."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from investbot.adapters.clock import SystemClock
from investbot.adapters.history.candle_cache import CandleCache
from investbot.adapters.log.json_lines import Redactor
from investbot.adapters.venues.ccxt.venue import CcxtVenue
from investbot.bootstrap.feed_markets import FedMarkets
from investbot.bootstrap.home import Home
from investbot.bootstrap.process import harden
from investbot.bootstrap.process_log import process_log
from investbot.bootstrap.venues import market_place, venue_names
from investbot.config.fleet import FleetConfig, load_fleet
from investbot.control.feed_messages import Market
from investbot.domain.errors import ConfigError, InvestBotError, TryAgain
from investbot.domain.market import SECOND, Millis, Timeframe
from investbot.feed.feed import Feed, KeptTo, MakeVenue
from investbot.feed.server import FeedServer
from investbot.ports.clock import Clock
from investbot.ports.venue import Venue

_LOG = logging.getLogger("investbot.feed")
_WORD_S = 5.0
"""Seconds between two words to whoever started this process."""
ALONE_S = 60.0
"""Seconds without a subscriber after which a feed that was left behind ends."""
_FAR = 10**9 * SECOND
"""No stream is stale here: whoever trades on it judges that."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Be the feed of a home until SIGTERM; return the exit code."""
    parser = argparse.ArgumentParser(prog="investbot.bootstrap.feed", description="Follows public candles for a home.")
    parser.add_argument("--home", type=Path, required=True, help="the fleet's home")
    parser.add_argument("--ready-fd", type=int, help="the pipe that is told that the feed works, again and again")
    given = parser.parse_args(arguments)
    harden()
    try:
        run_feed(given.home, given.ready_fd)
    except InvestBotError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def run_feed(home: Path, ready_fd: int | None = None) -> None:
    """Be the feed of a home in this process; ConfigError, TryAgain where it has one already."""
    place = Home(home.resolve())
    if not place.settings.is_file():
        raise ConfigError(f"There is no home in {place.path}; make one with `investbot init --home {place.path}`.")
    place.ensure()
    clock = SystemClock()
    with _lock(place.run.path / "feed.lock"):
        fleet = load_fleet(place.path)
        with process_log(place.run.path / "feed.log", clock, Redactor([])):
            asyncio.run(_serve(place, fleet, clock, ready_fd))


def market_venue(clock: Clock, cache: Path) -> MakeVenue:
    """Give what builds the venue of a stream: an exchange of ccxt, without a key; it keeps its candles in `cache`."""

    def make(market: Market, frame: Timeframe) -> Venue:
        if market.name in venue_names():
            raise ConfigError(f"{market.name} is no exchange: its candles are the instance's own.")
        folder = market_place(cache, market.name, market.settings, sandbox=market.sandbox)
        return CcxtVenue(
            market.name,
            frame,
            clock,
            settings=market.settings,
            sandbox=market.sandbox,
            folder=folder,
            store=CandleCache(folder),
            stale_after_ms=_FAR,
            grace_ms=0,
        )

    return make


def kept_to(cache: Path) -> KeptTo:
    """Give what tells up to when the market cache has a series."""

    def end(market: Market, symbol: str, frame: Timeframe) -> Millis | None:
        folder = market_place(cache, market.name, market.settings, sandbox=market.sandbox)
        return CandleCache(folder).end(symbol, frame)

    return end


async def _serve(place: Home, fleet: FleetConfig, clock: Clock, ready_fd: int | None) -> None:
    feed = Feed(
        market_venue(clock, place.market),
        clock.monotonic,
        kept_to=kept_to(place.market),
        admits=FedMarkets(place).holds,
    )
    server = FeedServer(place.path, feed)
    watching = asyncio.create_task(feed.watch())
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    for pull in fleet.feed.pulls:
        feed.keep(Market(name=pull.venue), pull.symbol, pull.timeframe)
    stopping = asyncio.create_task(stop.wait())
    speaking = asyncio.create_task(_speak(ready_fd, feed, stop))
    try:
        await server.open()
        _LOG.info("feed_ready", extra={"fields": {"pid": os.getpid(), "pulls": len(fleet.feed.pulls)}})
        await asyncio.wait((watching, stopping), return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()
    finally:
        await server.close()
        for task in (watching, stopping, speaking):
            task.cancel()
        await asyncio.wait((watching, stopping, speaking))
        _LOG.info("feed_down")


async def _speak(ready_fd: int | None, feed: Feed, stop: asyncio.Event) -> None:
    """Say every few seconds that the loop runs. A feed whose supervisor has gone ends once nobody needs it."""
    if ready_fd is None:
        return
    os.set_blocking(ready_fd, False)
    try:
        while True:
            with contextlib.suppress(BlockingIOError):
                os.write(ready_fd, b"\n")
            await asyncio.sleep(_WORD_S)
    except BrokenPipeError:
        _LOG.warning("nobody_listens")
    finally:
        os.close(ready_fd)
    while feed.idle_s < ALONE_S:  # noqa: ASYNC110 - there is no event for nobody
        await asyncio.sleep(_WORD_S)
    _LOG.info("nobody_left")
    stop.set()


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Be the only feed of a home; TryAgain when there is another."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TryAgain("A feed runs for this home already; `investbot doctor` tells how it is.") from None
        os.pwrite(descriptor, f"{os.getpid():<20}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
