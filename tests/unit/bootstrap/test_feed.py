from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from investbot.adapters.clock import SystemClock
from investbot.adapters.history.candle_cache import CandleCache
from investbot.adapters.venues.ccxt.venue import CcxtVenue
from investbot.adapters.venues.fed import FedVenue
from investbot.bootstrap import feed as process
from investbot.bootstrap.feed import kept_to, market_venue, run_feed
from investbot.bootstrap.venues import make_venue, market_place
from investbot.config.layers import from_assignments
from investbot.config.profile import Profile
from investbot.control.feed_messages import Market
from investbot.domain.errors import ConfigError
from investbot.domain.market import MINUTE, Timeframe
from investbot.feed.feed import Feed

ONE = Timeframe.parse("1m")
BEGIN = 1_700_000_040_000


def profile(*told: str) -> Profile:
    return Profile.model_validate(from_assignments(told).data)


def test_a_stream_is_an_exchange_of_ccxt_and_nothing_else(tmp_path: Path) -> None:
    make = market_venue(SystemClock(), tmp_path)
    assert isinstance(make(Market(name="kraken"), ONE), CcxtVenue)
    for name in ("synthetic", "replay"):
        with pytest.raises(ConfigError, match="is no exchange"):
            make(Market(name=name), ONE)


def test_the_cache_tells_up_to_when_it_has_a_series_of_just_this_market(tmp_path: Path) -> None:
    end, plain = kept_to(tmp_path), Market(name="kraken")
    bent = Market(name="kraken", settings={"urls": {"api": {"public": "http://127.0.0.1:1"}}})
    assert end(plain, "BTC/USDT", ONE) is None
    cache = CandleCache(market_place(tmp_path, "kraken", {}, sandbox=False))
    cache.keep("BTC/USDT", ONE, BEGIN, BEGIN + 2 * MINUTE, [])
    assert end(plain, "BTC/USDT", ONE) == BEGIN + 2 * MINUTE
    assert end(plain, "BTC/USDT", Timeframe.parse("5m")) is None
    assert end(plain, "ETH/USDT", ONE) is None
    assert end(bent, "BTC/USDT", ONE) is None


def test_who_is_fed_and_who_is_not(tmp_path: Path) -> None:
    assert isinstance(make_venue(profile("venue.name=kraken"), fed_by=tmp_path), FedVenue)
    assert isinstance(
        make_venue(profile("venue.name=kraken", "market.confirm_timeframe=1h"), fed_by=tmp_path), FedVenue
    )
    assert isinstance(make_venue(profile("venue.name=kraken")), CcxtVenue)
    other = profile("venue.name=kraken", 'market.sources=[{venue="okx"}]')
    assert isinstance(make_venue(other, fed_by=tmp_path), CcxtVenue)
    assert not isinstance(make_venue(profile("venue.name=synthetic"), fed_by=tmp_path), FedVenue)


def test_without_a_home_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no home"):
        run_feed(tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_a_feed_that_was_left_behind_ends_once_nobody_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_WORD_S", 0.01)
    monkeypatch.setattr(process, "ALONE_S", 5.0)
    seconds = 0.0
    feed, stop = Feed(market_venue(SystemClock(), Path()), lambda: seconds), asyncio.Event()
    reading, writing = os.pipe()
    speaking = asyncio.create_task(process._speak(writing, feed, stop))
    assert await asyncio.to_thread(os.read, reading, 2) == b"\n"
    seconds = 100.0
    await asyncio.sleep(0.05)
    assert not stop.is_set()
    seconds = 0.0
    os.close(reading)
    await asyncio.sleep(0.05)
    assert not stop.is_set()
    seconds = 100.0
    async with asyncio.timeout(20):
        await speaking
    assert stop.is_set()
    await process._speak(None, feed, stop)
