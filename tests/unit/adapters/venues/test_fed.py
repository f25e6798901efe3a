"""One stream out of a feed that comes and goes and an own venue: no candle twice, none left out."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from investbot.adapters.venues import fallback
from investbot.adapters.venues.fed import WARMUP, FedVenue
from investbot.domain.errors import AuthFailed, DataError, InvestBotError, RateLimited, VenueUnavailable
from investbot.domain.facts import DataFresh, DataStale, Tick
from investbot.domain.market import MINUTE, Candle, Quality
from investbot.ports.venue import MarketFact, Venue
from tests.exchange.clock import HandClock
from tests.fakes.feed import FakeFeed
from tests.unit.feed.builders import BEGIN, BTC, ETH, ONE, Market, MarketVenue, until


class Desk:
    def __init__(self, *, there: bool = True) -> None:
        self.market = Market()
        self.feed = FakeFeed(self.market, there=there)
        self.clock = HandClock(self.market.at)
        self.owns: list[MarketVenue] = []
        self.venue = FedVenue(self.feed, self.own, ONE, self.clock, jitter=lambda: 0.5)
        self.facts: list[MarketFact] = []
        self.reading: asyncio.Task[None] | None = None

    def own(self) -> Venue:
        self.owns.append(self.market.venue())
        return self.owns[-1]

    async def start(self, *symbols: str, since: int | None = 990) -> None:
        """Open and read; the series of every symbol begins at the candle `since`."""
        await self.venue.open(symbols or (BTC,))
        anchors = {} if since is None else dict.fromkeys(symbols or (BTC,), BEGIN + since * MINUTE)

        async def read() -> None:
            async for fact in self.venue.facts(anchors, None):
                self.facts.append(fact)

        self.reading = asyncio.create_task(read())

    async def pass_time(self, bars: int = 1, seconds: float = 60.0) -> None:
        """Let bars close and time pass, then look."""
        self.market.close_bars(bars)
        self.clock.tick(round(seconds * 1000))
        self.feed.wake()
        await self.venue.poll()
        await asyncio.sleep(0.01)

    def seen(self, symbol: str = BTC) -> list[int]:
        return [
            (fact.opened_at - BEGIN) // MINUTE
            for fact in self.facts
            if isinstance(fact, Candle) and fact.symbol == symbol
        ]

    async def sees(self, last: int, symbol: str = BTC) -> None:
        """Wait for the candle `last`, looking as the scheduler does."""

        def come() -> bool:
            if self.reading is not None and self.reading.done():
                self.reading.result()
            return self.seen(symbol)[-1:] == [last]

        await until(come)

    async def sees_through(self, last: int, symbol: str = BTC) -> None:
        """Wait for the candle `last` while time goes on."""
        for _ in range(400):
            if self.seen(symbol)[-1:] == [last]:
                return
            self.clock.tick(1000)
            await self.venue.poll()
            await asyncio.sleep(0.002)
        await self.sees(last, symbol)

    @property
    def source(self) -> str:
        return self.venue.health()["candles"]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    yield desk
    await desk.venue.close()
    await desk.venue.close()
    if desk.reading is not None:
        await asyncio.wait((desk.reading,))
    assert all(own.closes for own in desk.owns)
    assert desk.market.live == []


async def test_with_a_feed_no_own_venue_is_ever_made(desk: Desk) -> None:
    await desk.start()
    await desk.sees(999)
    await desk.pass_time()
    await desk.sees(1000)
    assert desk.seen() == list(range(990, 1001))
    assert desk.owns == []
    assert desk.source == "feed"
    assert desk.venue.now() == desk.market.at


async def test_a_series_that_is_not_anchored_begins_with_the_warm_up(desk: Desk) -> None:
    await desk.start(since=None)
    await desk.sees(999)
    assert desk.seen() == list(range(1000 - WARMUP, 1000))


async def test_the_past_is_late_and_what_comes_is_good(desk: Desk) -> None:
    await desk.start()
    await desk.sees(999)
    await desk.pass_time()
    await desk.sees(1000)
    candles = [fact for fact in desk.facts if isinstance(fact, Candle)]
    assert {each.quality for each in candles[:-1]} == {Quality.LATE}
    assert candles[-1].quality is Quality.GOOD


async def test_without_a_feed_the_own_venue_is_there_at_once() -> None:
    desk = Desk(there=False)
    await desk.start()
    await desk.sees(999)
    assert desk.source == "own"
    assert desk.venue.health()["own_uses"] == "1"
    await desk.pass_time()
    await desk.sees(1000)
    desk.feed.come()
    await desk.pass_time()
    await desk.sees(1001)
    assert desk.source == "feed"
    assert desk.seen() == list(range(990, 1002))
    assert (len(desk.owns), desk.owns[0].closes) == (1, 1)
    await desk.venue.close()


async def test_a_feed_that_is_back_soon_is_waited_for(desk: Desk) -> None:
    await desk.start()
    await desk.sees(999)
    desk.feed.go()
    await desk.pass_time(2, fallback.PATIENCE_S - 1)
    assert desk.owns == []
    desk.feed.come()
    await desk.sees(1001)
    assert desk.owns == []
    assert desk.seen() == list(range(990, 1002))


async def test_a_feed_that_stays_away_is_replaced_and_taken_up_again(desk: Desk) -> None:
    await desk.start()
    await desk.sees(999)
    for spell in range(3):
        desk.feed.go()
        await asyncio.sleep(0.01)
        await desk.pass_time(2)
        await desk.sees(1001 + 5 * spell)
        assert desk.source == "own"
        desk.feed.come()
        await desk.pass_time(3)
        await desk.sees(1004 + 5 * spell)
        assert desk.source == "feed"
    assert desk.seen() == list(range(990, 1015))
    assert [own.closes for own in desk.owns] == [1, 1, 1]


async def test_what_a_source_tells_again_is_not_given_again(desk: Desk) -> None:
    await desk.start()
    await desk.sees(999)
    desk.feed.go()
    desk.market.repeats = 3
    await desk.pass_time(2)
    await desk.pass_time(0)
    await desk.sees(1001)
    assert desk.seen() == list(range(990, 1002))


async def test_nobody_asks_before_something_is_due(desk: Desk) -> None:
    await desk.start()
    await desk.sees(999)
    desk.feed.go()
    await asyncio.sleep(0.01)
    await desk.pass_time(0, 3600)
    assert desk.owns == []


async def test_a_feed_that_does_not_go_back_far_enough_takes_over_later(desk: Desk) -> None:
    desk.feed.first = BEGIN + 995 * MINUTE
    await desk.start(BTC, ETH)
    await desk.sees(999, ETH)
    assert desk.source == "feed"
    assert len(desk.owns) == 1
    assert desk.seen(BTC) == desk.seen(ETH) == list(range(990, 1000))
    order = [(fact.opened_at, fact.symbol) for fact in desk.facts if isinstance(fact, Candle)]
    assert order == sorted(order)


async def test_a_feed_that_goes_while_it_is_asked_costs_nothing(desk: Desk) -> None:
    await desk.start(BTC, ETH)
    await desk.sees(999, ETH)
    desk.feed.breaks_when_asked = True
    await desk.pass_time()
    await until(lambda: not desk.feed.there)
    await desk.pass_time()
    await desk.sees(1001, ETH)
    assert desk.seen(BTC) == desk.seen(ETH) == list(range(990, 1002))


async def test_a_feed_in_trouble_is_waited_for_and_then_left_until_it_is_well(desk: Desk) -> None:
    await desk.start()
    await desk.sees(999)
    desk.feed.behind, desk.feed.trouble = 1, "The venue sleeps."
    await desk.pass_time(1, 1)
    await desk.pass_time(0, fallback.TROUBLE_S - 1)
    assert (desk.owns, desk.source) == ([], "feed")
    await desk.pass_time(0, 2)
    await desk.sees(1000)
    assert desk.source == "own"
    await desk.pass_time()
    await desk.sees(1001)
    assert desk.source == "own"
    desk.feed.behind, desk.feed.trouble = 0, ""
    await desk.pass_time()
    await desk.sees(1002)
    assert desk.source == "feed"
    assert desk.seen() == list(range(990, 1003))


async def test_trouble_that_is_over_in_time_is_forgotten(desk: Desk) -> None:
    await desk.start()
    await desk.sees(999)
    for number in range(1000, 1004):
        desk.feed.behind, desk.feed.trouble = 1, "The venue sleeps."
        await desk.pass_time(1, fallback.TROUBLE_S - 1)
        await asyncio.sleep(0.01)
        desk.feed.behind, desk.feed.trouble = 0, ""
        await desk.pass_time(0, 0)
        await desk.sees(number)
    assert desk.owns == []


async def test_a_market_without_news_is_no_reason_to_leave_the_feed(desk: Desk) -> None:
    await desk.start()
    await desk.sees(999)
    desk.feed.behind = 5
    await desk.pass_time(5, 3600)
    assert desk.owns == []


async def test_overdue_candles_are_told_whoever_fails_to_bring_them(desk: Desk) -> None:
    await desk.start()
    await desk.sees(999)
    desk.feed.behind = 4
    await desk.pass_time(4)
    await until(lambda: isinstance(desk.facts[-1], DataStale))
    assert desk.venue.health()["stale"] == BTC
    desk.feed.go()
    await desk.pass_time(1)
    await desk.pass_time(1)
    await desk.sees_through(1005)
    kinds = [type(fact) for fact in desk.facts if not isinstance(fact, Candle)]
    assert kinds == [DataStale, DataFresh]
    assert "stale" not in desk.venue.health()


@pytest.mark.parametrize("error", [VenueUnavailable("The line is dead."), RateLimited("Slowly.", 30.0)])
async def test_an_own_venue_that_fails_is_asked_again_later(desk: Desk, error: InvestBotError) -> None:
    await desk.start()
    await desk.sees(999)
    desk.market.refusal = error
    desk.feed.go()
    await asyncio.sleep(0.01)
    await desk.pass_time(1, 10)
    await until(lambda: "own_error" in desk.venue.health())
    tries = len(desk.owns)
    await desk.pass_time(0, 0)
    await asyncio.sleep(0.01)
    assert len(desk.owns) == tries
    desk.market.refusal = None
    await desk.pass_time(0, 60)
    await desk.sees(1000)
    assert "own_error" not in desk.venue.health()
    desk.market.fail(error)
    await desk.pass_time(1, 0)
    await asyncio.sleep(0.01)
    await desk.pass_time(0, 60)
    await desk.sees(1001)
    assert desk.seen() == list(range(990, 1002))


async def test_the_first_failure_of_all_is_the_starters_to_hear() -> None:
    desk = Desk(there=False)
    desk.market.refusal = VenueUnavailable("The line is dead.")
    with pytest.raises(VenueUnavailable, match="line is dead"):
        await desk.start()
    desk.market.refusal = None
    await desk.start()
    desk.market.fail(VenueUnavailable("The line is dead."))
    assert desk.reading is not None
    with pytest.raises(VenueUnavailable, match="line is dead"):
        await desk.reading
    await desk.venue.close()


async def test_what_nobody_can_mend_by_waiting_is_raised(desk: Desk) -> None:
    await desk.start()
    await desk.sees(999)
    desk.feed.go()
    await asyncio.sleep(0.01)
    desk.market.refusal = AuthFailed("Not for you.")
    await desk.pass_time()
    assert desk.reading is not None
    with pytest.raises(AuthFailed):
        await desk.reading


async def test_what_the_feed_refuses_at_the_opening_is_raised(desk: Desk) -> None:
    desk.feed.refusal = DataError("binance has no market BTC/USDT.")
    with pytest.raises(DataError, match="no market"):
        await desk.venue.open([BTC])


async def test_time_never_goes_back_when_the_source_changes(desk: Desk) -> None:
    await desk.start()
    before = desk.venue.now()
    desk.market.closed -= 2
    assert desk.venue.now() == before
    fresh = Desk(there=False)
    assert fresh.venue.now() == fresh.clock.now()


async def test_a_symbol_that_comes_after_another_went_further_is_late(desk: Desk) -> None:
    await desk.start(BTC, ETH)
    await desk.sees(999, ETH)
    desk.facts.clear()
    desk.venue._given_to = BEGIN + 1002 * MINUTE
    await desk.pass_time(1, 1)
    await desk.sees(1000, ETH)
    assert {fact.quality for fact in desk.facts if isinstance(fact, Candle)} == {Quality.LATE}


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_comes_and_goes_the_series_is_whole(seed: int) -> None:
    chance, desk = random.Random(seed), Desk(there=bool(seed % 2))
    await desk.start(BTC, ETH)
    for _ in range(60):
        match chance.choice(["close", "close", "feed", "lag", "trouble", "break", "asked", "wait"]):
            case "close":
                desk.market.close_bars(chance.randint(1, 3))
            case "feed":
                (desk.feed.go if desk.feed.there else desk.feed.come)()
            case "lag":
                desk.feed.behind = chance.randint(0, 2)
            case "trouble":
                desk.feed.trouble = chance.choice(["", "The venue sleeps."])
            case "break":
                if desk.owns and desk.facts:
                    desk.market.fail(VenueUnavailable("The line is dead."))
            case "asked":
                desk.feed.breaks_when_asked = True
            case _:
                desk.clock.tick(chance.choice([500, 5_000, 90_000]))
        await desk.venue.poll()
        await asyncio.sleep(chance.choice([0, 0, 0.001]))
    desk.market.breaks = None
    desk.feed.behind, desk.feed.trouble, desk.feed.breaks_when_asked = 0, "", False
    desk.feed.come()
    await desk.pass_time(1, 120)
    last = desk.market.closed - 1
    await desk.sees_through(last, BTC)
    await desk.sees_through(last, ETH)
    assert desk.seen(BTC) == desk.seen(ETH) == list(range(990, last + 1))
    await desk.venue.close()


# ---- prices --------------------------------------------------------------------------------------------------------


async def test_prices_come_from_the_feed_while_it_serves(desk: Desk) -> None:
    ticks: list[Tick] = []
    await desk.start()
    await desk.sees(999)
    assert desk.feed.followed == frozenset()
    desk.venue.follow((BTC,), ticks.append)
    desk.feed.price(BTC, "101")
    await desk.pass_time(0, 30)
    assert [str(tick.price) for tick in ticks] == ["101"]
    assert desk.owns == []
    desk.venue.follow((), ticks.append)
    assert desk.feed.followed == frozenset()


async def test_without_the_feed_an_own_venue_tells_them_before_a_candle_is_due(desk: Desk) -> None:
    ticks: list[Tick] = []
    await desk.start()
    await desk.sees(999)
    desk.feed.go()
    await desk.pass_time(0, 1)
    await desk.pass_time(0, 5)
    assert desk.owns == []
    desk.venue.follow((BTC,), ticks.append)
    await desk.pass_time(0, 1)
    await until(lambda: desk.market.live and desk.market.live[0].followed == {BTC})
    desk.market.price("102")
    assert [str(tick.price) for tick in ticks] == ["102"]
    assert desk.feed.followed == frozenset()
    desk.feed.come()
    await until(lambda: desk.owns[0].closes and desk.feed.followed == {BTC})
    desk.feed.price(BTC, "103")
    assert [str(tick.price) for tick in ticks] == ["102", "103"]
    await desk.pass_time()
    await desk.sees(1000)
    assert desk.seen() == list(range(990, 1001))


async def test_a_feed_that_went_has_its_patience_for_prices_too(desk: Desk) -> None:
    await desk.start()
    await desk.sees(999)
    desk.venue.follow((BTC,), lambda _: None)
    desk.feed.go()
    await desk.pass_time(0, 1)
    await desk.pass_time(0, 1)
    assert desk.owns == []
    await desk.pass_time(0, 2)
    await until(lambda: desk.owns)


async def test_a_feed_that_tells_no_prices_serves_those_who_want_none(desk: Desk) -> None:
    await desk.start()
    await desk.sees(999)
    desk.feed.tells_prices = False
    await desk.pass_time(0, 1)
    assert desk.source == "feed"
    desk.venue.follow((BTC,), lambda _: None)
    await desk.pass_time(0, 1)
    await until(lambda: desk.source == "own" and desk.owns[0].followed == {BTC})
    desk.venue.follow((), lambda _: None)
    await until(lambda: desk.source == "feed")


async def test_a_feed_in_trouble_is_outwaited_for_prices_too(desk: Desk) -> None:
    await desk.start()
    await desk.sees(999)
    desk.feed.trouble = "no answer"
    await desk.pass_time(0, 30)
    assert desk.source == "feed"
    desk.venue.follow((BTC,), lambda _: None)
    await desk.pass_time(0, 1)
    assert desk.source == "feed"
    await desk.pass_time(0, fallback.TROUBLE_S + 1)
    await until(lambda: desk.source == "own")
