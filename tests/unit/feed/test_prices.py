"""Prices for all instances of a host: one line a venue and symbol, only while wanted, never queued."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from investbot.control.feed_messages import Market as MarketKey
from investbot.control.feed_messages import PricesArgs, SubscribeArgs
from investbot.domain.errors import UsageError, VenueUnavailable
from investbot.domain.facts import Tick
from investbot.domain.market import Timeframe
from investbot.feed.feed import Feed
from tests.unit.feed.builders import BTC, ETH, Market, MarketVenue, until
from tests.unit.feed.conftest import Hall

PLAIN = MarketKey(name="binance")


class Ear:
    """Hears everything that is told, prices only while it is not `slow`."""

    def __init__(self) -> None:
        self.slow = False
        self.prices: list[list[Any]] = []

    def push(self, line: bytes) -> bool:
        return True

    def offer(self, line: bytes) -> bool:
        if not self.slow:
            self.prices.append(json.loads(line)["price"])
        return not self.slow


class Stage:
    def __init__(self) -> None:
        self.market = Market()
        self.feed = Feed(self.make, time.monotonic, beat_s=0.02, grace_s=0.05, poll_s=0.005, sleep=self.sleep)
        self.task = asyncio.create_task(self.feed.watch())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.01))

    def make(self, key: MarketKey, frame: Timeframe) -> MarketVenue:
        return self.market.venue()

    async def subscribe(self, ear: Ear, *symbols: str, frame: str = "1m") -> list[int]:
        args = SubscribeArgs(market=PLAIN, symbols=list(symbols or (BTC,)), timeframe=frame)
        return [each["stream"] for each in (await self.feed.subscribe(ear, args))["streams"]]

    def want(self, ear: Ear, *streams: int) -> list[list[int]]:
        told: list[list[int]] = self.feed.prices(ear, PricesArgs(streams=list(streams)))["prices"]
        return told

    def following(self) -> list[MarketVenue]:
        return [venue for venue in self.market.live if venue.followed]

    async def followed(self, count: int) -> None:
        await until(lambda: len(self.following()) == count)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    stage.task.cancel()
    await asyncio.wait((stage.task,))
    assert stage.task.cancelled()


async def test_nothing_is_followed_before_somebody_wants_it(stage: Stage) -> None:
    ear = Ear()
    await stage.subscribe(ear)
    await asyncio.sleep(0.05)
    stage.market.price("101")
    assert (stage.following(), ear.prices) == ([], [])


async def test_a_hundred_readers_of_two_timeframes_cost_one_line(stage: Stage) -> None:
    ears = [Ear() for _ in range(100)]
    for number, ear in enumerate(ears):
        [stream] = await stage.subscribe(ear, frame="5m" if number % 2 else "1m")
        assert stage.want(ear, stream) == [[stream, 0, 0]]
    await stage.followed(1)
    await asyncio.sleep(0.05)
    assert len(stage.following()) == 1
    stage.market.price("101.25")
    stage.market.price("101.5")
    for ear in ears:
        assert [[row[0], row[1], row[4]] for row in ear.prices] == [[0, 1, "101.25"], [0, 2, "101.5"]]
        assert ear.prices[0][3] == stage.market.at
        assert abs(ear.prices[0][2] - time.monotonic()) < 60
    assert stage.want(ears[0], 0) == [[0, 0, 2]]


async def test_who_is_slow_loses_prices_and_nobody_waits(stage: Stage) -> None:
    quick, slow = Ear(), Ear()
    for ear in (quick, slow):
        stage.want(ear, *await stage.subscribe(ear))
    await stage.followed(1)
    slow.slow = True
    for price in ("1", "2", "3"):
        stage.market.price(price)
    slow.slow = False
    stage.market.price("4")
    assert [row[1] for row in quick.prices] == [1, 2, 3, 4]
    assert [row[1] for row in slow.prices] == [4]
    assert stage.feed.price_lines() == [{"symbol": BTC, "readers": 2, "prices": 4, "left_out": 3}]


async def test_it_ends_with_the_last_reader_and_begins_again(stage: Stage) -> None:
    first, second = Ear(), Ear()
    streams = [await stage.subscribe(ear) for ear in (first, second)]
    stage.want(first, *streams[0])
    stage.want(second, *streams[1])
    await stage.followed(1)
    stage.want(first)
    await asyncio.sleep(0.05)
    assert len(stage.following()) == 1
    stage.market.price("7")
    assert (first.prices, len(second.prices)) == ([], 1)
    stage.feed.leave(second)
    await stage.followed(0)
    assert stage.feed.price_lines() == []
    stage.want(first, *streams[0])
    await stage.followed(1)


async def test_each_reader_hears_of_what_he_wants_alone(stage: Stage) -> None:
    ear = Ear()
    bitcoin, ether = await stage.subscribe(ear, BTC, ETH)
    stage.want(ear, ether)
    await stage.followed(1)
    stage.market.price("5", BTC)
    stage.market.price("6", ETH)
    assert [row[4] for row in ear.prices] == ["6"]
    stage.want(ear, bitcoin, ether)
    await stage.followed(2)


async def test_a_venue_that_broke_is_asked_for_prices_again(stage: Stage) -> None:
    ear = Ear()
    stage.want(ear, *await stage.subscribe(ear))
    await stage.followed(1)
    before = stage.market.opened
    stage.market.fail(VenueUnavailable("gone"))
    await until(lambda: stage.market.opened > before)
    await stage.followed(1)
    stage.market.price("8")
    assert [row[4] for row in ear.prices] == ["8"]


async def test_another_timeframes_stream_takes_over(stage: Stage) -> None:
    leaving, staying = Ear(), Ear()
    stage.want(leaving, *await stage.subscribe(leaving))
    await stage.followed(1)
    stage.want(staying, *await stage.subscribe(staying, frame="5m"))
    first = stage.following()[0]
    stage.feed.leave(leaving)
    await until(lambda: stage.following() and stage.following() != [first])
    await until(lambda: first.closes)
    stage.market.price("9")
    assert [row[4] for row in staying.prices] == ["9"]


async def test_prices_are_told_only_to_who_follows_the_stream(stage: Stage) -> None:
    ear, stranger = Ear(), Ear()
    [stream] = await stage.subscribe(ear)
    for who, number in ((stranger, stream), (ear, stream + 1)):
        with pytest.raises(UsageError, match="follow a stream"):
            stage.want(who, number)


# ---- over a real socket --------------------------------------------------------------------------------------------


async def linked(hall: Hall, ticks: list[Tick], *symbols: str) -> Any:
    link = hall.link()
    await link.open([BTC, ETH], lambda: None)
    link.follow(symbols or (BTC,), ticks.append)
    return link


def watching(hall: Hall) -> bool:
    return any(venue.followed for venue in hall.market.live)


async def heard(hall: Hall, ticks: list[Tick], price: str) -> None:
    """Tell a price until it was heard."""

    def told() -> bool:
        hall.market.price(price)
        return bool(ticks) and str(ticks[-1].price) == price

    await until(told)


async def test_a_link_hears_what_it_wants_and_the_feed_is_left_alone_before(hall: Hall) -> None:
    await hall.start()
    link, ticks = hall.link(), list[Tick]()
    await link.open([BTC, ETH], lambda: None)
    await asyncio.sleep(0.1)
    assert not watching(hall)
    link.follow((BTC,), ticks.append)
    await heard(hall, ticks, "101.5")
    assert ticks[-1] == Tick(hall.market.at, BTC, ticks[-1].price)
    hall.market.price("1", ETH)
    link.follow((), ticks.append)
    await until(lambda: not watching(hall))
    assert {tick.symbol for tick in ticks} == {BTC}
    assert link.tells_prices


async def test_a_wish_is_told_to_a_feed_that_comes_later_or_comes_back(hall: Hall) -> None:
    ticks: list[Tick] = []
    link = await linked(hall, ticks)
    await hall.start()
    await heard(hall, ticks, "3")
    await hall.kill()
    await until(lambda: not link.up)
    await hall.start()
    await heard(hall, ticks, "4")
    assert link.health()["feed_calls"] == "2"


async def test_a_feed_that_knows_no_prices_says_so_and_is_heard_again_when_it_comes_anew(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise UsageError("The feed knows no verb 'prices'.")

    monkeypatch.setattr(Feed, "prices", refuse)
    await hall.start()
    ticks: list[Tick] = []
    link = await linked(hall, ticks)
    await until(lambda: not link.tells_prices)
    assert link.up
    assert "no verb" in link.health()["feed_refuses"]
    monkeypatch.undo()
    await hall.kill()
    await hall.start()
    await heard(hall, ticks, "4")
    assert link.tells_prices
