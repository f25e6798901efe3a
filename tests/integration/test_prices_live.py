"""A target that the instance keeps is reached between two closes and sold at once: real processes, sockets, classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from investbot.bootstrap.home import Home
from investbot.control.feed_link import feed_state
from investbot.domain import events as e
from investbot.domain.market import HOUR, MINUTE, Millis
from scripts.chaos_run.exchange import ExchangeProcess
from tests.integration.live_exchange import ONCE, Stage, wait_for
from tests.integration.test_feed import FeedProcess

pytestmark = pytest.mark.timeout(300)

SPEED = 30
START: Millis = 1_760_000_400_000 // HOUR * HOUR + HOUR - 4 * MINUTE
"""Venue time at first: the first close is eight seconds of the wall away, the second two minutes more."""
TARGET = ("exits.targets=[[0.02, 1.0]]", "market.timeframe=1h")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with ExchangeProcess(7, SPEED, "--start", str(START)) as exchange:
        stage = Stage(tmp_path / "fleet", exchange)
        try:
            yield stage
        finally:
            for child in stage.children.values():
                child.kill()


@pytest.fixture
def feed(stage: Stage) -> Iterator[FeedProcess]:
    feed = FeedProcess(Home(stage.fleet.home.path))
    yield feed
    if feed.process is not None:
        feed.end()


def followed(stage: Stage) -> list[int]:
    """Tell how many readers each line of prices of the feed has."""
    told = feed_state(stage.fleet.home.path)
    return [] if told is None else [each["readers"] for each in told["prices"] if each["prices"]]


def tickers(stage: Stage) -> int:
    """Count what was asked of prices by REST."""
    asked: dict[str, Any] = stage.exchange.tell("state")["requests"]
    return int(asked.get("GET ticker/24hr", 0))


@pytest.mark.parametrize("source", ["feed", "own", "feed killed"])
def test_a_target_that_is_kept_here_is_sold_before_the_next_close(stage: Stage, feed: FeedProcess, source: str) -> None:
    stage.add("alpha", "main", *ONCE, *TARGET)
    if source != "own":
        feed.start()
        feed.answers()
    stage.start()
    wait_for(stage.is_protected, 120, "protection")
    entry = stage.events("alpha", e.PositionOpened)[0].at
    if source == "feed killed":
        feed.end()
    elif source == "feed":
        wait_for(lambda: followed(stage) == [1], what="the feed's line of prices")
    stage.exchange.do("price", symbol="BTCUSDT", factor=1.04)
    closed = wait_for(lambda: stage.events("alpha", e.PositionClosed), 100, "the sale")[0]
    reached = stage.events("alpha", e.TargetReached)[0]
    assert closed.trip.exit_reason == "target"
    assert closed.trip.net_pnl > 0
    assert entry // HOUR == reached.at // HOUR == closed.at // HOUR
    assert not stage.is_protected()
    if source == "feed":
        wait_for(lambda: not followed(stage), what="the end of the line")
        assert tickers(stage) == 0
    stage.settles()


def test_without_a_stream_of_prices_it_is_asked_and_only_while_something_is_held(stage: Stage) -> None:
    stage.add("alpha", "main", *ONCE, *TARGET, 'venue.ccxt.options={capabilities={price_stream=""}}')
    stage.start()
    wait_for(lambda: stage.children["alpha"].ready, 60, "a start")
    assert tickers(stage) == 0
    wait_for(stage.is_protected, 120, "protection")
    wait_for(lambda: tickers(stage) >= 2, what="questions")
    stage.exchange.do("price", symbol="BTCUSDT", factor=1.04)
    closed = wait_for(lambda: stage.events("alpha", e.PositionClosed), 100, "the sale")[0]
    assert closed.trip.exit_reason == "target"
    assert closed.at // HOUR == stage.events("alpha", e.PositionOpened)[0].at // HOUR
