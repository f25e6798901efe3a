from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

import investbot.feed.feed as room
from investbot.control.feed_messages import Market as MarketKey
from investbot.control.feed_messages import SubscribeArgs
from investbot.domain.errors import ConfigError, DataError, RateLimited, TryAgain, UsageError, VenueUnavailable
from investbot.domain.market import MINUTE, Timeframe
from investbot.feed.feed import Feed
from investbot.feed.follower import CATCH_UP
from investbot.feed.stream import KEPT
from tests.unit.feed.builders import BEGIN, BTC, ETH, ONE, Market, MarketVenue, until

PLAIN = MarketKey(name="binance")


class Ear:
    """Hears everything that is told."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def push(self, line: bytes) -> bool:
        self.lines.append(json.loads(line))
        return True

    @property
    def candles(self) -> list[list[Any]]:
        return [line["candle"] for line in self.lines if "candle" in line]

    @property
    def beats(self) -> list[list[Any]]:
        return [line["beat"] for line in self.lines if "beat" in line]


class Stage:
    def __init__(self) -> None:
        self.markets: dict[str, Market] = {}
        self.made: list[tuple[str, str]] = []
        self.seconds = 0.0
        self.slept: list[float] = []
        self.kept: int | None = None
        self.strange: list[MarketKey] = []
        self.feed = Feed(
            self.make,
            self.monotonic,
            kept_to=lambda *_: self.kept,
            admits=lambda market: market not in self.strange,
            beat_s=0.02,
            grace_s=0.05,
            poll_s=0.005,
            sleep=self.sleep,
            jitter=lambda: 0.5,
        )
        self.task = asyncio.create_task(self.feed.watch())

    def monotonic(self) -> float:
        return time.monotonic() + self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(min(seconds, 0.01))

    def market(self, key: MarketKey = PLAIN) -> Market:
        return self.markets.setdefault(key.key(), Market())

    def make(self, key: MarketKey, frame: Timeframe) -> MarketVenue:
        self.made.append((key.key(), frame.text))
        return self.market(key).venue()

    async def subscribe(self, ear: Ear, *symbols: str, market: MarketKey = PLAIN, **more: Any) -> dict[str, Any]:
        args = SubscribeArgs(market=market, symbols=list(symbols or (BTC,)), timeframe="1m", **more)
        return await self.feed.subscribe(ear, args)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    stage.task.cancel()
    await asyncio.wait((stage.task,))
    assert stage.task.cancelled() or stage.task.exception() is not None
    assert all(not market.live for market in stage.markets.values())


async def test_a_subscriber_learns_where_the_stream_stands_and_hears_what_follows(stage: Stage) -> None:
    ear = Ear()
    told = (await stage.subscribe(ear))["streams"][0]
    assert told["next_at"] == BEGIN + 1000 * MINUTE
    assert told["first_at"] == told["next_at"] - KEPT * MINUTE
    assert (told["tick"], told["lot"], told["min_notional"]) == ("0.01", "0.00001", "5")
    stage.market().close_bars(2)
    await until(lambda: len(ear.candles) == 2)
    assert [each[:2] for each in ear.candles] == [[told["stream"], told["seq"] + 1], [told["stream"], told["seq"] + 2]]
    assert [each[3] for each in ear.candles] == [told["next_at"], told["next_at"] + MINUTE]
    assert abs(ear.candles[0][2] - time.monotonic()) < 60


async def test_a_hundred_subscribers_cost_one_venue(stage: Stage) -> None:
    ears = [Ear() for _ in range(100)]
    await asyncio.gather(*(stage.subscribe(ear) for ear in ears))
    stage.market().close_bars()
    await until(lambda: all(len(ear.candles) == 1 for ear in ears))
    assert stage.market().opened == 1
    assert {json.dumps(ear.candles) for ear in ears} == {json.dumps(ears[0].candles)}


async def test_other_settings_are_another_market(stage: Stage) -> None:
    elsewhere = MarketKey(name="binance", settings={"urls": {"api": {"public": "http://127.0.0.1:1"}}})
    await stage.subscribe(Ear())
    await stage.subscribe(Ear(), market=elsewhere)
    assert len(stage.made) == 2
    assert stage.market() is not stage.market(elsewhere)
    assert sorted(len(each) for each in stage.markets) == sorted([len(PLAIN.key()), len(elsewhere.key())])


async def test_a_market_that_nobody_is_set_to_is_not_asked(stage: Stage) -> None:
    stage.strange.append(MarketKey(name="binance", settings={"urls": {"api": "http://elsewhere"}}))
    with pytest.raises(UsageError, match="No instance of this home is set to binance"):
        await stage.subscribe(Ear(), market=stage.strange[0], also=["5m"])
    assert (stage.made, stage.feed.state()) == ([], [])


async def test_pages_of_the_past_are_answered(stage: Stage) -> None:
    told = (await stage.subscribe(Ear()))["streams"][0]
    page = stage.feed.candles(told["stream"], told["first_at"])
    assert (len(page["rows"]), page["more"]) == (room.PAGE, True)
    last = stage.feed.candles(told["stream"], told["next_at"] - 3 * MINUTE)
    assert (len(last["rows"]), last["more"], last["seq"], last["next_at"]) == (3, False, told["seq"], told["next_at"])
    with pytest.raises(UsageError, match="so long ago"):
        stage.feed.candles(told["stream"], told["first_at"] - 1)
    with pytest.raises(UsageError, match="no stream 99"):
        stage.feed.candles(99, 0)


async def test_a_beat_tells_number_clock_and_trouble(stage: Stage) -> None:
    ear = Ear()
    told = (await stage.subscribe(ear))["streams"][0]
    await until(lambda: len(ear.beats) > 1)
    number, seq, at, venue_at, rate, trouble = ear.beats[-1]
    assert (number, seq, rate, trouble) == (told["stream"], told["seq"], 1.0, "")
    assert venue_at == stage.market().at
    assert abs(at - time.monotonic()) < 60
    stage.market().told_health = {"last_error": "The venue sleeps.", "failures_in_a_row": "2"}
    await until(lambda: ear.beats[-1][5] == "The venue sleeps.")
    stage.market().told_health = {"last_error": "The venue sleeps.", "failures_in_a_row": "0"}
    await until(lambda: ear.beats[-1][5] == "")


async def test_a_venue_that_breaks_is_opened_again_where_it_stood(stage: Stage) -> None:
    ear = Ear()
    told = (await stage.subscribe(ear))["streams"][0]
    stage.market().fail(VenueUnavailable("The line is dead."))
    await until(lambda: stage.market().opened == 2)
    stage.market().close_bars(3)
    await until(lambda: len(ear.candles) == 3)
    assert [each[1] for each in ear.candles] == [told["seq"] + 1, told["seq"] + 2, told["seq"] + 3]
    assert 1.0 in stage.slept


async def test_the_venues_time_goes_on_while_it_is_away_and_at_its_own_rate(stage: Stage) -> None:
    ear = Ear()
    await stage.subscribe(ear)
    market, follower = stage.market(), next(iter(stage.feed._followed.values())).follower
    first = follower.clock()
    assert (first[1], first[2]) == (market.at, 1.0)
    stage.seconds += 1000
    market.closed += 1000
    at, told, rate = follower.clock()
    assert (told, round(rate)) == (market.at, 60)
    market.refusal = VenueUnavailable("The line is dead.")
    market.fail(market.refusal)
    await until(lambda: not market.live)
    stage.seconds += 5
    later_at, later, same = follower.clock()
    assert same == rate
    assert later == told + round((later_at - at) * 1000 * rate)
    stage.seconds += 0.5
    assert follower.clock()[1] > later


async def test_a_venue_that_asks_for_patience_gets_it_and_pauses_grow(stage: Stage) -> None:
    stage.market().refusal = RateLimited("Slowly.", 40.0)
    waiting = asyncio.create_task(stage.subscribe(Ear()))
    await until(lambda: 64.0 * 0.75 in [*stage.slept, 48.0] and stage.slept.count(40.0) > 2)
    stage.market().refusal = VenueUnavailable("Not there.")
    await until(lambda: 60.0 in stage.slept)
    stage.market().refusal = None
    assert (await waiting)["streams"][0]["seq"] == KEPT


@pytest.mark.parametrize("refusal", [DataError("No such market."), ConfigError("No such venue.")])
async def test_what_the_venue_refuses_is_refused_and_forgotten(stage: Stage, refusal: Any) -> None:
    stage.market().refusal = refusal
    with pytest.raises(type(refusal), match="No such"):
        await stage.subscribe(Ear())
    assert stage.feed.state() == []
    stage.market().refusal = None
    assert (await stage.subscribe(Ear()))["streams"]


async def test_nobody_waits_for_ever(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "READY_S", 0.05)
    stage.market().refusal = VenueUnavailable("The line is dead.")
    with pytest.raises(TryAgain, match="no candles yet: The line is dead"):
        await stage.subscribe(Ear())


async def test_a_market_that_is_quiet_counts_as_read(stage: Stage) -> None:
    stage.market().missing = 3
    late = asyncio.create_task(stage.subscribe(Ear()))
    await until(lambda: stage.market().polls > 5)
    assert not late.done()
    stage.seconds += 10
    assert (await late)["streams"][0]["seq"] == KEPT - 3


async def test_a_stream_that_nobody_wants_ends_after_its_grace(stage: Stage) -> None:
    ear, other = Ear(), Ear()
    await stage.subscribe(ear, BTC, ETH)
    await stage.subscribe(other, ETH)
    stage.feed.leave(ear)
    await until(lambda: [each["symbol"] for each in stage.feed.state()] == [ETH])
    stage.feed.leave(other)
    await until(lambda: stage.feed.state() == [] and not stage.market().live)


async def test_it_knows_for_how_long_nobody_has_listened(stage: Stage) -> None:
    stage.feed.keep(PLAIN, BTC, ONE)
    stage.seconds += 100
    assert stage.feed.idle_s >= 100
    ear = Ear()
    await stage.subscribe(ear)
    await until(lambda: stage.feed.idle_s < 50)
    stage.feed.leave(ear)
    stage.seconds += 100
    assert stage.feed.idle_s >= 100


async def test_who_comes_back_in_time_finds_his_stream(stage: Stage) -> None:
    ear = Ear()
    first = (await stage.subscribe(ear))["streams"][0]
    stage.feed.leave(ear)
    again = (await stage.subscribe(ear))["streams"][0]
    assert again == first
    assert stage.market().opened == 1


async def test_kept_streams_stay_and_are_told_to_nobody(stage: Stage) -> None:
    stage.feed.keep(PLAIN, BTC, Timeframe.parse("1h"))
    ear = Ear()
    await stage.subscribe(ear, also=["5m"])
    frames = {each["timeframe"]: each["subscribers"] for each in stage.feed.state()}
    assert frames == {"1h": 0, "5m": 0, "1m": 1}
    stage.feed.leave(ear)
    await until(lambda: [each["timeframe"] for each in stage.feed.state()] == ["1h"])


@pytest.mark.parametrize(("kept", "first"), [(None, 0), (1000, 0), (-5, -5), (-1_000_000, 1000 - CATCH_UP)])
async def test_what_the_cache_lacks_is_caught_up_on(stage: Stage, kept: int | None, first: int) -> None:
    stage.kept = None if kept is None else BEGIN + kept * MINUTE
    ear = Ear()
    await stage.subscribe(ear)
    assert stage.feed.state()[0]["candles"] == 1000 - first


async def test_there_is_a_most_of_streams(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_STREAMS", 1)
    await stage.subscribe(Ear())
    with pytest.raises(TryAgain, match="follows 1 streams"):
        await stage.subscribe(Ear(), ETH)


async def test_a_bug_ends_the_feed_loudly(stage: Stage) -> None:
    def poll() -> None:
        raise LookupError("a bug")

    await stage.subscribe(Ear())
    stage.market().live[0].poll = poll  # type: ignore[method-assign,assignment]
    with pytest.raises(LookupError, match="a bug"):
        await stage.task


async def test_the_state_tells_each_stream(stage: Stage) -> None:
    await stage.subscribe(Ear(), market=MarketKey(name="okx", sandbox=True))
    assert stage.feed.state() == [
        {
            "venue": "okx (sandbox)",
            "symbol": BTC,
            "timeframe": "1m",
            "subscribers": 1,
            "candles": KEPT,
            "next_at": BEGIN + 1000 * MINUTE,
            "left_out": 0,
            "trouble": "",
        }
    ]
    assert ONE.text == "1m"
