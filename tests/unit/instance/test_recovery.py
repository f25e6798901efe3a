"""Replay and warm-up: what a start makes of a ledger, and which ledgers it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal

import pytest

from investbot.domain import events as e
from investbot.domain.errors import DataError, InvariantError
from investbot.domain.facts import DataStale, SourceEnded
from investbot.domain.market import MINUTE, Cursor
from investbot.domain.position import ExitPlan
from investbot.engine.engine import Engine
from investbot.instance.recovery import Line, check, recover, replay, warm
from investbot.ports.ledger import Recorded
from investbot.ports.venue import MarketFact
from tests.fakes.ledger import MemoryLedger
from tests.unit.instance.hosts import BEGIN, BTC, PLAIN, Host, candle, make_engine, walk

ONE = Decimal(1)


@pytest.fixture
def engine() -> Engine:
    return make_engine({BTC: PLAIN})


async def stream(*facts: MarketFact) -> AsyncIterator[MarketFact]:
    for fact in facts:
        yield fact


def ledger(*events: e.Event) -> MemoryLedger:
    made = MemoryLedger()
    made.append(events, None)
    return made


PLAN = ExitPlan("1", BTC, "s1", Decimal("0.01"), ((Decimal("0.02"), ONE),), Decimal(0), 0, ONE)


async def test_a_recovered_engine_knows_what_the_first_one_knew() -> None:
    host = Host(walk(300))
    runner = host.runner()
    task = asyncio.create_task(runner.run())
    await host.until(lambda: runner._loop and runner._loop.candles == 300)
    runner.stop()
    await task
    assert runner._loop is not None
    before = runner._loop._engine
    host.renew()
    found = await recover(host.parts(), await host.venue.open((BTC,)))
    assert found.engine.summary() == before.summary()
    assert found.engine.state.holdings == before.state.holdings
    assert found.engine.state.orders == before.state.orders
    assert (found.replayed, found.warmed) == (len(host.ledger.rows()), 300)
    assert list(found.later) == []


async def test_a_fresh_ledger_warms_nothing() -> None:
    host = Host(walk(10))
    found = await recover(host.parts(), await host.venue.open((BTC,)))
    assert (found.replayed, found.warmed, list(found.later)) == (0, 0, [])
    assert not found.engine.state.begun


async def test_a_ledger_with_a_hole_is_refused(engine: Engine) -> None:
    class Holed(MemoryLedger):
        def events(self, after: int = 0) -> Iterator[Recorded]:
            yield Recorded(1, e.CapitalAllocated(BEGIN, ONE, ONE))
            yield Recorded(3, e.SourceFinished(BEGIN))

    with pytest.raises(InvariantError, match="hole after event 1"):
        await replay(engine, Holed())


async def test_an_event_that_speaks_of_nothing_known_is_refused(engine: Engine) -> None:
    capital = e.CapitalAllocated(BEGIN, ONE, ONE)
    with pytest.raises(InvariantError, match="Event 2 of the ledger speaks of 'no-such-order'"):
        await replay(engine, ledger(capital, e.CancelRequested(BEGIN, "no-such-order", "x")))


async def test_a_ledger_whose_cash_is_below_zero_is_refused(engine: Engine) -> None:
    with pytest.raises(InvariantError, match="adds up to -9 cash"):
        await replay(engine, ledger(e.CapitalAllocated(BEGIN, ONE, ONE), e.CapitalAllocated(BEGIN, ONE, Decimal(-10))))


async def test_a_ledger_without_capital_is_refused(engine: Engine) -> None:
    with pytest.raises(InvariantError, match="capital of 0"):
        await replay(engine, ledger(e.CapitalAllocated(BEGIN, Decimal(0), ONE)))


async def test_a_ledger_that_sells_more_than_it_bought_is_refused(engine: Engine) -> None:
    await replay(engine, ledger(e.CapitalAllocated(BEGIN, ONE, ONE), e.PlanMade(BEGIN, PLAN)))
    check(engine.state)
    engine.state.holdings["1"].sold = ONE
    with pytest.raises(InvariantError, match="sells more BTC/USDT than plan 1 ever bought"):
        check(engine.state)


async def test_many_events_leave_the_event_loop_its_breath(engine: Engine) -> None:
    breaths: list[int] = []

    async def breathe() -> None:
        while True:
            breaths.append(1)
            await asyncio.sleep(0)

    other = asyncio.create_task(breathe())
    events = [e.CapitalAllocated(BEGIN, ONE, Decimal(0)) for _ in range(2000)]
    await replay(engine, ledger(*events))
    candles = [candle(number, 100.0) for number in range(2000)]
    await warm(engine, stream(*candles), Line((BTC,)), Cursor(BTC, candles[-1].opened_at))
    other.cancel()
    assert len(breaths) > 10


async def test_warm_stops_at_the_cursor_and_decides_nothing(engine: Engine) -> None:
    facts = stream(*(candle(number, 100.0 + number) for number in range(5)))
    count, later = await warm(engine, facts, Line((BTC,)), Cursor(BTC, candle(2, 1).opened_at))
    assert (count, list(later)) == (3, [])
    assert engine.state.marks == {BTC: Decimal("102.00")}
    assert not engine.state.begun
    assert await anext(facts) == candle(3, 103.0)


async def test_what_belongs_behind_a_missing_cursor_is_kept(engine: Engine) -> None:
    stale = DataStale(BEGIN, BTC, "late")
    facts = stream(candle(0, 100.0), stale, candle(4, 104.0), candle(5, 105.0))
    count, later = await warm(engine, facts, Line((BTC,)), Cursor(BTC, candle(2, 1).opened_at))
    assert (count, list(later)) == (1, [stale, candle(4, 104.0)])


async def test_candles_that_end_too_early_are_refused(engine: Engine) -> None:
    facts = stream(candle(0, 100.0), SourceEnded(BEGIN + MINUTE, close=True))
    with pytest.raises(DataError, match="end before 2024-01-01T00:09:00Z, up to which the ledger knows BTC/USDT"):
        await warm(engine, facts, Line((BTC,)), Cursor(BTC, candle(9, 1).opened_at))


async def test_a_position_nobody_shows_the_price_of_is_refused(engine: Engine) -> None:
    await replay(engine, ledger(e.CapitalAllocated(BEGIN, ONE, ONE), e.PlanMade(BEGIN, PLAN)))
    engine.state.holdings["1"].quantity = ONE
    line = Line(("ETH/USDT", BTC))
    with pytest.raises(DataError, match="BTC/USDT is held, but the market has no candle of it"):
        await warm(engine, stream(candle(4, 1.0, symbol="ETH/USDT")), line, Cursor("ETH/USDT", candle(3, 1).opened_at))


def test_candles_of_one_moment_stand_in_the_profiles_order() -> None:
    line = Line(("ETH/USDT", BTC))
    assert line.place(candle(1, 1.0, symbol="ETH/USDT")) < line.place(candle(1, 1.0)) < line.place(candle(2, 1.0))
    with pytest.raises(DataError, match="goes on at XRP/USDT, which this instance no longer trades"):
        line.place(Cursor("XRP/USDT", BEGIN))
