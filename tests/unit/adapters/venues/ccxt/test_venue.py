"""The venue against a real server on loopback, through the real class of ccxt, on a clock that only tests move."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from blockbuster import BlockBuster

from investbot.adapters.venues.ccxt.backlog import TRIES
from investbot.adapters.venues.ccxt.venue import CcxtVenue
from investbot.domain.errors import AuthFailed, ConfigError, DataError, RateLimited, VenueUnavailable
from investbot.domain.facts import DataFresh, DataStale
from investbot.domain.market import MINUTE, SECOND, Candle, Quality, Timeframe
from investbot.ports.venue import MarketFact, Venue
from tests.exchange.clock import HandClock
from tests.exchange.market import LISTINGS, kline
from tests.exchange.server import LoopbackExchange

ONE_MINUTE = Timeframe.parse("1m")
BTC, ETH = "BTC/USDT", "ETH/USDT"
NOW = 1_700_000_010_000
OPEN_BAR = NOW // MINUTE * MINUTE
RESENT = {"reset": 2}
"""The HTTP client itself asks once more when a connection breaks."""


@dataclass
class Desk:
    """A venue on a loopback exchange, and what it has given out."""

    exchange: LoopbackExchange
    clock: HandClock
    venue: CcxtVenue
    facts: list[MarketFact] = field(default_factory=list)
    reader: asyncio.Task[None] | None = None

    async def start(self, *symbols: str, anchors: dict[str, int] | None = None) -> None:
        await self.venue.open(symbols or (BTC,))

        async def read() -> None:
            async for fact in self.venue.facts(anchors or {}, None):
                self.facts.append(fact)

        self.reader = asyncio.ensure_future(read())

    async def caught_up(self) -> None:
        """Wait until the past has been read."""
        assert self.reader is not None
        while self.venue._release is None and not self.reader.done():
            await asyncio.wait([self.reader], timeout=0.002)
        if self.reader.done():
            self.reader.result()

    async def poll(self, millis: int = 0) -> list[MarketFact]:
        """Let time pass, poll, and tell what came."""
        self.clock.tick(millis)
        before = len(self.facts)
        await self.venue.poll()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return self.facts[before:]

    async def stop(self) -> None:
        await self.venue.close()
        if self.reader is not None:
            await self.reader


@asynccontextmanager
async def desk(now: Callable[[], int] | None = None, **options: Any) -> AsyncIterator[Desk]:
    clock = HandClock(NOW)
    async with LoopbackExchange(now or clock.now) as exchange:
        venue = CcxtVenue(
            "binance",
            options.pop("timeframe", ONE_MINUTE),
            clock,
            settings=exchange.settings() | options.pop("settings", {}),
            sleep=clock.sleep,
            jitter=lambda: 0.5,
            **options,
        )
        at_desk = Desk(exchange, clock, venue)
        try:
            yield at_desk
        finally:
            await at_desk.stop()


@asynccontextmanager
async def running(*symbols: str, **options: Any) -> AsyncIterator[Desk]:
    async with desk(**options) as at_desk:
        await at_desk.start(*symbols)
        await at_desk.caught_up()
        at_desk.exchange.requests.clear()
        yield at_desk


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop turn until something has happened."""
    for _ in range(5000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never happened")


def short(facts: list[MarketFact]) -> list[tuple[str, int, str]]:
    """Tell each candle's symbol, its distance from the bar that was open at the start, and its quality."""
    return [
        (fact.symbol.partition("/")[0], (fact.opened_at - OPEN_BAR) // MINUTE, fact.quality.value)
        for fact in facts
        if isinstance(fact, Candle)
    ]


# ---- open ----------------------------------------------------------------------------------------------------------


async def test_instruments_are_the_venues_own(blockbuster: BlockBuster) -> None:
    async with desk() as it:
        told = await it.venue.open([BTC, "PEPE/USDT"])
        assert (told[BTC].tick, told[BTC].lot, told[BTC].min_notional) == (
            Decimal("0.01"),
            Decimal("0.00001"),
            Decimal(5),
        )
        assert (told["PEPE/USDT"].tick, told["PEPE/USDT"].lot) == (Decimal("0.00000001"), Decimal(1))


async def test_the_sandbox_has_a_market_of_its_own() -> None:
    async with desk(sandbox=True) as it:
        await it.venue.open([BTC])  # at the address that was named: it wins over the sandbox's
        assert it.venue._connection._exchange.isSandboxModeEnabled
    async with desk() as it:
        await it.venue.open([BTC])
        assert not it.venue._connection._exchange.isSandboxModeEnabled


async def test_an_unknown_symbol_is_refused_naming_near_ones() -> None:
    async with desk() as it:
        with pytest.raises(DataError, match=r"binance has no market BTC/USD \(near: BTC/USDT.*\): see market\.symbols"):
            await it.venue.open(["BTC/USD"])


async def test_a_timeframe_the_venue_lacks_is_refused() -> None:
    async with desk(timeframe=Timeframe.parse("7m")) as it:
        with pytest.raises(ConfigError, match="binance has no candles of 7m; it has 1s, 1m, 3m"):
            await it.venue.open([BTC])


async def test_a_venue_without_candles_is_refused() -> None:
    async with desk(settings={"has": {"fetchOHLCV": False}}) as it:
        with pytest.raises(ConfigError, match="binance gives no candles through ccxt"):
            await it.venue.open([BTC])


@pytest.mark.parametrize("name", ["time", "exchangeInfo"])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("500", VenueUnavailable),
        ("503", VenueUnavailable),
        ("html", VenueUnavailable),
        ("cut", VenueUnavailable),
        ("empty", VenueUnavailable),
        ("null", VenueUnavailable),
        ("reset", VenueUnavailable),
        ("hang", VenueUnavailable),
        ("429", RateLimited),
        ("401", AuthFailed),
    ],
)
async def test_a_venue_that_gives_no_usable_answer_is_told_in_a_sentence(
    name: str, fault: str, error: type[Exception]
) -> None:
    async with desk(settings={"timeout": 200}) as it:
        it.exchange.fail(fault, times=RESENT.get(fault, 1), name=name)
        with pytest.raises(error, match=r"^binance .*\.$"):
            await it.venue.open([BTC])
        assert len(await it.venue.open([BTC])) == 1, "the next try may succeed"


async def test_a_port_where_nobody_listens_is_no_answer() -> None:
    async with LoopbackExchange() as gone:
        settings = gone.settings()
    venue = CcxtVenue("binance", ONE_MINUTE, HandClock(), settings=settings)
    with pytest.raises(VenueUnavailable, match="binance gives no usable answer"):
        await venue.open([BTC])
    await venue.close()


# ---- the past ------------------------------------------------------------------------------------------------------


async def test_five_hundred_closed_candles_come_first_and_are_late() -> None:
    async with running(BTC, ETH) as it:
        facts = short(it.facts)
        assert [minute for symbol, minute, _ in facts if symbol == "BTC"] == list(range(-500, 0))
        assert {quality for _, _, quality in facts} == {"late"}
        assert [symbol for symbol, _, _ in facts] == ["BTC", "ETH"] * 500


async def test_a_candle_is_the_venues_row_exactly() -> None:
    async with running() as it:
        last = it.facts[-1]
        assert isinstance(last, Candle)
        row = kline(LISTINGS[0], last.opened_at, "1m")
        assert [last.open, last.high, last.low, last.close] == [Decimal(str(text)) for text in row[1:5]]
        assert last.bar == tuple(float(text) for text in row[1:6])


async def test_a_series_begins_at_its_anchor_over_many_pages() -> None:
    async with desk() as it:
        it.exchange.most = 1000
        await it.start(BTC, ETH, anchors={BTC: OPEN_BAR - 2500 * MINUTE})
        await it.caught_up()
        facts = short(it.facts)
        assert [minute for symbol, minute, _ in facts if symbol == "BTC"] == list(range(-2500, 0))
        assert [minute for symbol, minute, _ in facts if symbol == "ETH"] == list(range(-500, 0))
        closes = [fact.at for fact in it.facts]
        assert closes == sorted(closes)
        assert len(it.exchange.asked("klines")) == 4


async def test_a_venue_that_gives_small_pages_is_asked_more_often() -> None:
    async with desk(warmup=50) as it:
        it.exchange.most = 7
        await it.start()
        await it.caught_up()
        assert [minute for _, minute, _ in short(it.facts)] == list(range(-50, 0))


async def test_an_anchor_older_than_the_market_begins_with_its_first_candle() -> None:
    async with desk() as it:
        it.exchange.first_at = OPEN_BAR - 30 * MINUTE
        await it.start(anchors={BTC: OPEN_BAR - 5000 * MINUTE})
        await it.caught_up()
        assert [minute for _, minute, _ in short(it.facts)] == list(range(-30, 0))


async def test_a_market_without_any_candle_is_no_reason_to_hang() -> None:
    async with desk(warmup=2500) as it:
        it.exchange.first_at = OPEN_BAR + 1
        await it.start()
        await it.caught_up()
        assert it.facts == []
        assert short(await it.poll(2 * MINUTE)) == [("BTC", 1, "good")]


async def test_an_outage_of_the_past_is_asked_for_again_and_then_passed() -> None:
    async with desk(warmup=20) as it:
        it.exchange.missing = {("BTCUSDT", OPEN_BAR - minute * MINUTE) for minute in (5, 6, 7)}
        await it.start()
        await it.caught_up()
        assert [minute for _, minute, _ in short(it.facts)] == [*range(-20, -7), *range(-4, 0)]
        assert it.venue.health()["holes"] == "1"


@pytest.mark.parametrize("fault", ["500", "503", "html", "cut", "empty", "null", "nan", "reset", "429", "418"])
async def test_the_past_survives_bad_answers(fault: str) -> None:
    async with desk(warmup=30) as it:
        it.exchange.fail(fault, times=(TRIES - 1) * RESENT.get(fault, 1))
        await it.start()
        await it.caught_up()
        assert [minute for _, minute, _ in short(it.facts)][:30] == list(range(-30, 0))
        assert len(it.clock.slept) == TRIES - 1
        assert it.venue.health()["failures_in_a_row"] == "0"


async def test_a_past_that_cannot_be_read_ends_the_stream() -> None:
    async with desk() as it:
        it.exchange.fail("500", times=TRIES)
        await it.venue.open([BTC])
        with pytest.raises(VenueUnavailable):
            async for _ in it.venue.facts({}, None):
                pass
        assert it.clock.slept == [1.0, 2.0, 4.0, 8.0, 16.0]


# ---- each close ----------------------------------------------------------------------------------------------------


async def test_each_close_is_given_out_once_and_soon() -> None:
    async with running() as it:
        assert await it.poll() == []
        assert await it.poll(30 * SECOND) == []
        assert it.exchange.requests == [], "before the close nobody is asked"
        assert short(await it.poll(SECOND)) == [("BTC", 0, "good")]
        assert await it.poll(SECOND) == []
        assert len(it.exchange.requests) == 1
        assert short(await it.poll(MINUTE)) == [("BTC", 1, "good")]
        assert it.venue.now() == it.clock.now()


async def test_the_open_bar_is_never_given_out() -> None:
    async with running() as it:
        for _ in range(130):
            for fact in await it.poll(SECOND):
                assert isinstance(fact, Candle)
                assert fact.closed_at + SECOND <= it.clock.now()
        assert [minute for _, minute, _ in short(it.facts)][-2:] == [0, 1]


async def test_what_was_missed_is_fetched_and_only_the_newest_is_good() -> None:
    async with running() as it:
        assert short(await it.poll(3 * MINUTE)) == [("BTC", 0, "late"), ("BTC", 1, "late"), ("BTC", 2, "good")]


async def test_a_candle_that_comes_late_to_the_venue_is_waited_for() -> None:
    async with running() as it:
        it.exchange.missing = {("BTCUSDT", OPEN_BAR)}
        assert await it.poll(31 * SECOND) == []
        it.exchange.missing.clear()
        assert short(await it.poll(SECOND)) == [("BTC", 0, "good")]


async def test_a_candle_that_never_comes_is_asked_for_less_and_less() -> None:
    async with running(timeframe=Timeframe.parse("5m")) as it:
        it.exchange.edit = lambda rows: []
        for _ in range(100):
            await it.poll(SECOND)
        assert len(it.exchange.requests) < 30
        it.exchange.requests.clear()
        for _ in range(100):
            await it.poll(SECOND)
        assert len(it.exchange.requests) < 10


async def test_a_hole_is_asked_for_again_before_it_is_believed() -> None:
    async with running() as it:
        it.exchange.missing = {("BTCUSDT", OPEN_BAR)}
        assert await it.poll(91 * SECOND) == []
        assert await it.poll(SECOND) == []
        assert short(await it.poll(SECOND)) == [("BTC", 1, "good")]
        assert it.venue.health()["holes"] == "1"


async def test_rows_doubled_shuffled_or_broken_do_no_harm() -> None:
    async with running() as it:
        broken = [OPEN_BAR + MINUTE, "NaN", "1", "1", "1", "1", 0, "0", 0, "0", "0", "0"]
        it.exchange.edit = lambda rows: [broken, *reversed(rows), *rows]
        assert [minute for _, minute, _ in short(await it.poll(150 * SECOND))] == [0, 1]
        assert "bad_rows" in it.venue.health()


async def test_several_symbols_come_together_and_in_order() -> None:
    async with running(ETH, BTC) as it:
        assert short(await it.poll(91 * SECOND)) == [
            ("ETH", 0, "late"),
            ("BTC", 0, "late"),
            ("ETH", 1, "good"),
            ("BTC", 1, "good"),
        ]


async def test_a_symbol_that_lags_holds_the_others_up_only_briefly() -> None:
    async with running(BTC, ETH) as it:
        it.exchange.missing = {("ETHUSDT", OPEN_BAR)}
        assert await it.poll(31 * SECOND) == []
        assert short(await it.poll(4 * SECOND)) == [("BTC", 0, "good")]
        it.exchange.missing.clear()
        assert short(await it.poll(4 * SECOND)) == [("ETH", 0, "good")]


# ---- trouble -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    ["500", "503", "html", "cut", "empty", "null", "nan", "reset", "418"],
)
async def test_a_bad_answer_is_no_data_and_told_by_health(fault: str) -> None:
    async with running() as it:
        it.exchange.fail(fault, times=RESENT.get(fault, 1))
        assert await it.poll(31 * SECOND) == []
        health = it.venue.health()
        assert health["last_error"].endswith(".")
        assert health["failures_in_a_row"] == "1"
        it.clock.tick(29 * SECOND)
        assert short(await it.poll(SECOND)) in ([("BTC", 0, "good")], [("BTC", 0, "late")])
        assert it.venue.health()["failures_in_a_row"] == "0"


@pytest.mark.parametrize("fault", ["object", "words", "nothing"])
async def test_an_answer_without_candles_is_no_data(fault: str) -> None:
    async with running() as it:
        it.exchange.fail(fault)
        assert await it.poll(31 * SECOND) == []
        assert short(await it.poll(SECOND)) == [("BTC", 0, "good")]


async def test_a_venue_that_hangs_is_left_after_the_timeout() -> None:
    async with running(settings={"timeout": 100}) as it:
        it.exchange.fail("hang")
        assert await it.poll(31 * SECOND) == []
        assert "RequestTimeout" in it.venue.health()["last_error"]


async def test_waits_between_failures_grow() -> None:
    async with running() as it:
        it.exchange.fail("500", times=100)
        await it.poll(31 * SECOND)
        asked = [len(it.exchange.requests)]
        for _ in range(40):
            await it.poll(SECOND)
            asked.append(len(it.exchange.requests))
        assert [second for second in range(1, 41) if asked[second] > asked[second - 1]] == [1, 3, 7, 15, 31]


async def test_a_venue_that_asks_for_patience_gets_it() -> None:
    async with running() as it:
        it.exchange.fail("429")
        await it.poll(31 * SECOND)
        assert "for 7 s" in it.venue.health()["last_error"]
        assert await it.poll(6 * SECOND) == []
        assert len(it.exchange.requests) == 1
        assert short(await it.poll(SECOND)) == [("BTC", 0, "good")]


async def test_silence_is_stale_and_the_first_candle_makes_it_fresh() -> None:
    async with running() as it:
        it.exchange.fail("500", times=1000)
        seen: list[MarketFact] = []
        for _ in range(300):
            seen += await it.poll(SECOND)
        assert [type(fact) for fact in seen] == [DataStale]
        assert seen[0].at == OPEN_BAR + 3 * MINUTE + SECOND
        assert it.venue.health()["stale"] == BTC
        it.exchange._faults.clear()
        facts: list[MarketFact] = []
        while not facts:
            facts = await it.poll(SECOND)
        assert [quality for _, _, quality in short(facts)][-1] == "good"
        assert facts[-1] == DataFresh(it.clock.now(), BTC)
        assert "stale" not in it.venue.health()


async def test_a_refusal_for_good_ends_the_stream() -> None:
    async with desk() as it:
        await it.start()
        await it.caught_up()
        it.exchange.fail("401")
        await it.poll(31 * SECOND)
        assert it.reader is not None
        with pytest.raises(AuthFailed):
            await it.reader
        it.reader = None


async def test_a_bug_of_ours_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as it:

        def broken(*_: object) -> int:
            raise RuntimeError("bug")

        monkeypatch.setattr(it.venue._connection, "page", broken)
        with pytest.raises(RuntimeError, match="bug"):
            await it.poll(31 * SECOND)


# ---- the clock -----------------------------------------------------------------------------------------------------


async def test_the_venues_clock_rules() -> None:
    ahead = HandClock(NOW + 10 * SECOND)
    async with running(now=ahead.now) as it:
        assert it.venue.health()["clock_offset_ms"] == "10000"
        assert it.venue.now() == NOW + 10 * SECOND
        ahead.tick(21 * SECOND)
        assert short(await it.poll(21 * SECOND)) == [("BTC", 0, "good")]


async def test_the_clock_is_looked_at_again_now_and_then() -> None:
    skewed = HandClock(NOW)
    async with running(now=skewed.now) as it:
        skewed.tick(11 * MINUTE - 5 * SECOND)
        before = it.venue.now()
        await it.poll(11 * MINUTE)
        assert len(it.exchange.asked("time")) == 1
        assert it.venue.health()["clock_offset_ms"] == "-5000"
        assert it.venue.now() > before
        await it.poll(MINUTE - SECOND)
        assert len(it.exchange.asked("time")) == 1


async def test_a_venue_whose_clock_runs_faster_is_kept_up_with() -> None:
    clocks: list[HandClock] = []

    def fifty_times() -> int:
        if clocks:
            clocks[0].tick(1)  # each look takes a moment
            return NOW + (clocks[0].at - NOW) * 50
        return NOW

    async with desk(now=fifty_times) as it:
        clocks.append(it.clock)
        await it.start()
        await it.caught_up()
        for _ in range(20):
            await it.poll(60)
        assert it.venue.health()["clock_rate"].startswith(("49.", "50."))
        assert abs(it.venue.now() - fifty_times()) < 300
        before = len(it.facts)
        for _ in range(5):
            assert len(await it.poll(1200)) == 1
        assert len(it.facts) == before + 5


async def test_a_clock_that_cannot_be_read_again_does_no_harm() -> None:
    async with running() as it:
        it.exchange.fail("500", name="time")
        facts = await it.poll(11 * MINUTE)
        assert short(facts)[-1] == ("BTC", 10, "good")
        assert "500" in it.venue.health()["last_error"]


async def test_a_venue_that_tells_no_time_is_timed_by_ours() -> None:
    async with running(settings={"has": {"fetchTime": False}, "verify": False}) as it:
        assert it.venue.now() == it.clock.now()
        assert short(await it.poll(31 * SECOND)) == [("BTC", 0, "good")]
        assert it.exchange.asked("time") == []


async def test_a_long_silence_of_the_venue_is_passed_over() -> None:
    async with running() as it:
        it.exchange.first_at = OPEN_BAR + 1500 * MINUTE
        await it.poll(1600 * MINUTE)
        it.exchange.edit = lambda rows: [row for row in rows if row[0] < OPEN_BAR + 1000 * MINUTE]
        for _ in range(3):
            await it.poll(SECOND)
        it.exchange.edit = list
        for _ in range(20):
            await it.poll(SECOND)
        assert short(it.facts)[-1] == ("BTC", 1599, "good")


async def test_time_never_goes_back() -> None:
    async with running() as it:
        before = it.venue.now()
        it.clock.at -= 10 * SECOND
        assert it.venue.now() == before


# ---- life ----------------------------------------------------------------------------------------------------------


async def test_polls_before_and_after_do_nothing() -> None:
    async with desk() as it:
        venue: Venue = it.venue
        await venue.poll()
        assert venue.health()["source"] == "binance"
        await it.start()
        await it.caught_up()
        await venue.close()
        await venue.close()
        await venue.poll()
        assert it.reader is not None
        await it.reader


async def test_closing_ends_a_stream_that_still_reads_the_past() -> None:
    async with desk() as it:
        it.exchange.most = 10
        it.exchange.fail("500", times=3)
        await it.start()
        await until(lambda: bool(it.clock.slept))
        await it.venue.close()
        assert it.reader is not None
        await asyncio.wait_for(it.reader, 5)
        assert it.facts == []


async def test_closing_while_a_question_is_out_does_no_harm() -> None:
    async with running() as it:
        it.exchange.fail("hang")
        it.clock.tick(31 * SECOND)
        asking = asyncio.ensure_future(it.venue.poll())
        await until(lambda: bool(it.exchange.requests))
        await it.venue.close()
        await asyncio.wait_for(asking, 5)


async def test_polls_do_not_overlap() -> None:
    async with running() as it:
        it.clock.tick(31 * SECOND)
        await asyncio.gather(*(it.venue.poll() for _ in range(5)))
        assert len(it.exchange.requests) == 1


async def test_a_page_the_exchange_does_not_tell_is_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as it:
        connection = it.venue._connection
        assert connection.page(BTC) == 1000
        for told in (None, "many", 0):
            monkeypatch.setattr(connection._exchange, "feature_value", lambda *_, told=told: told)
            assert connection.page(BTC) == 300


def test_a_quality_is_one_of_three() -> None:
    assert {quality.value for quality in Quality} == {"good", "flagged", "late"}
