"""The life of an instance: opened in order, worked through, closed in order, whatever happens on the way."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import Any

import pytest

from investbot.control.messages import InstanceRequest
from investbot.control.rows import event_row
from investbot.domain.errors import AuthFailed, DataError, InvariantError, InvestBotError, LedgerError, TryAgain
from investbot.domain.events import Event
from investbot.domain.facts import DataFresh, DataStale, Fact, SourceEnded, Timer
from investbot.domain.market import MINUTE
from investbot.instance.ending import Ending
from investbot.instance.heartbeat import BEAT_S
from investbot.instance.journal import Journal
from investbot.instance.loop import Loop
from investbot.instance.runner import Runner, guarded
from tests.unit.instance.hosts import BEGIN, BTC, PLAIN, Host, candle, make_engine, make_market, walk


def request(action: str, **more: Any) -> InstanceRequest:
    return InstanceRequest.model_validate({"action": action, **more})


@pytest.fixture
def host() -> Host:
    return Host(walk(400))


async def worked(host: Host, runner: Runner, candles: int) -> None:
    await host.until(lambda: runner._loop and runner._loop.candles == candles)


async def to_end(host: Host) -> Ending:
    host.venue.finish()
    return await host.runner().run()


async def started(host: Host) -> tuple[Runner, asyncio.Task[Ending]]:
    runner = host.runner()
    task = asyncio.create_task(runner.run())
    await host.until(lambda: host.link.rows and host.link.rows[-1]["phase"] == "ready")
    await host.until(lambda: host.link.rows and runner._loop and runner._loop.candles == len(host.candles))
    return runner, task


async def test_a_source_is_worked_through_and_everything_closed_in_order(host: Host) -> None:
    ending = await to_end(host)
    assert ending == Ending(0, "alpha has worked through all its candles.", finished=True)
    order = list(dict.fromkeys(host.steps))
    assert order == [
        "jobs start",
        "link dials",
        "venue opens",
        "ledger writes",
        "jobs end",
        "venue closes",
        "link flushed",
        "link ends",
        "ledger closes",
    ]
    assert host.steps[-5:] == ["jobs end", "venue closes", "link flushed", "link ends", "ledger closes"]


async def test_the_events_are_those_of_the_engine_fed_directly(host: Host) -> None:
    await to_end(host)
    engine = make_engine({BTC: PLAIN})
    market = make_market(engine)
    fed = engine.begin(BEGIN)
    for each in host.candles:
        fed += market.step(each)
    fed += market.handle(SourceEnded(host.candles[-1].at, close=True))
    rows = host.ledger.rows()
    assert rows == [event_row(seq, event) for seq, event in enumerate(fed, 1)]
    assert len([row for row in rows if row["kind"] == "PositionClosed"]) > 3
    assert host.link.events == rows


async def test_only_what_is_durable_is_published(host: Host) -> None:
    host.ledger.fail_next = True
    host.venue.finish()
    with pytest.raises(LedgerError, match="disk is full"):
        await host.runner().run()
    assert host.link.events == []
    assert host.ledger.rows() == []
    assert host.steps[-1] == "ledger closes"


async def test_a_quiet_market_gets_one_transaction_a_fact_and_a_busy_one_fewer(host: Host) -> None:
    await to_end(host)
    busy = host.ledger.appends
    host = Host([])
    runner, task = await started(host)
    for count, each in enumerate(walk(400), 1):
        host.venue.put(each)
        await worked(host, runner, count)
    runner.stop()
    await task
    assert host.ledger.appends > 2 * busy


async def test_the_last_status_says_stopping(host: Host) -> None:
    runner = host.runner()
    task = asyncio.create_task(runner.run())
    host.venue.finish()
    await task
    assert {row["phase"] for row in host.link.rows} == {"ready", "stopping"}
    assert host.link.rows[-1]["state"] == "STOPPING"
    assert host.link.rows[-1]["candles"] == 400


async def test_a_beat_before_the_venue_answers_says_starting(host: Host) -> None:
    host.venue.slow = True
    runner = host.runner()
    task = asyncio.create_task(runner.run())
    await host.until(lambda: "beat" in host.jobs.jobs and "venue opens" in host.steps)
    host.clock.seconds = BEAT_S + 0.25
    await host.jobs.jobs["beat"]()
    row = host.link.rows[-1]
    assert (row["phase"], row["state"], row["capital"], row["loop_lag_ms"]) == ("starting", "STARTING", None, 250.0)
    assert row["uptime_s"] == round(BEAT_S + 0.25, 1)
    with pytest.raises(TryAgain, match="alpha is starting; ask again once it runs"):
        await runner.serve(request("pause"))
    runner.stop()
    assert await task == Ending(0, "alpha was stopped.")
    assert host.steps[-1] == "ledger closes"


async def test_a_stop_finishes_the_fact_at_hand_and_notes_the_place() -> None:
    host = Host([candle(0, 100.0)])
    runner, task = await started(host)
    quiet = candle(1, 100.0)
    host.venue.put(quiet)
    await worked(host, runner, 2)
    assert await runner.serve(request("stop")) == {"action": "stop"}
    assert await task == Ending(0, "alpha was stopped.")
    cursor = host.ledger.cursor()
    assert cursor is not None
    assert cursor.opened_at == quiet.opened_at
    with pytest.raises(TryAgain, match="alpha is stopping"):
        await runner.serve(request("pause"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_is_a_stop(host: Host, number: signal.Signals) -> None:
    _, task = await started(host)
    os.kill(os.getpid(), number)
    os.kill(os.getpid(), number)
    assert await task == Ending(0, "alpha was stopped.")


async def test_a_stop_amid_a_backlog_leaves_the_rest_for_the_next_start() -> None:
    host = Host(walk(3000), bound=16)
    runner = host.runner()
    task = asyncio.create_task(runner.run())
    await host.until(lambda: runner._loop and runner._loop.candles > 100)
    runner.stop()
    await task
    assert runner._loop is not None
    assert 100 < runner._loop.candles < 3000
    host.renew()
    await to_end(host)
    whole = Host(walk(3000))
    await to_end(whole)
    assert host.ledger.rows() == whole.ledger.rows()


async def test_a_start_after_the_end_adds_nothing(host: Host) -> None:
    await to_end(host)
    rows = host.ledger.rows()
    host.renew()
    assert (await to_end(host)).exit_code == 0
    assert host.ledger.rows() == rows


async def trading(host: Host, events: int) -> None:
    await host.until(lambda: len(host.ledger.rows()) > events)


async def test_a_restart_after_each_of_many_kills_ends_with_the_same_events() -> None:
    """A ledger that fails its Nth append stands for a process that died before it was durable."""
    whole = Host(walk(1500))
    await to_end(whole)
    host = Host(walk(1500), bound=8)
    deaths = 0
    while True:
        host.renew()
        host.ledger.fail_next = deaths < 12
        before = len(host.ledger.rows())
        if deaths and deaths < 12:
            # Let some appends through before the one that fails.
            host.ledger.fail_next = False
            runner = host.runner()
            task = asyncio.create_task(runner.run())
            await trading(host, before + 20)
            host.ledger.fail_next = True
            with pytest.raises(LedgerError):
                await task
        elif host.ledger.fail_next:
            with pytest.raises(LedgerError):
                await host.runner().run()
        else:
            break
        deaths += 1
    await to_end(host)
    assert host.ledger.rows() == whole.ledger.rows()


async def test_two_symbols_stopped_anywhere_end_with_the_same_events() -> None:
    """Candles of one moment: a stop may fall between those of the two symbols."""
    both = (BTC, "ETH/USDT")
    candles = walk(700) + walk(700, 9, 50.0, "ETH/USDT")
    whole = Host(candles, both)
    await to_end(whole)
    host = Host(candles, both, bound=3)
    for stop in range(9):
        host.renew()
        runner = host.runner()
        task = asyncio.create_task(runner.run())
        await worked_at_least(host, runner, 37 + stop)
        runner.stop()
        await task
    host.renew()
    await to_end(host)
    assert host.ledger.rows() == whole.ledger.rows()
    assert {row["symbol"] for row in host.ledger.rows() if row["kind"] == "SignalRaised"} == set(both)


async def worked_at_least(host: Host, runner: Runner, candles: int) -> None:
    await host.until(lambda: runner._loop and runner._loop.candles >= candles)


async def test_errors_of_the_venue_end_it_with_all_closed(host: Host) -> None:
    host.venue.refusal = DataError("The file is odd.")
    with pytest.raises(DataError):
        await host.runner().run()
    assert host.steps[-4:] == ["venue closes", "link flushed", "link ends", "ledger closes"]


async def test_an_error_in_the_stream_comes_after_what_went_before_it(host: Host) -> None:
    host.venue.script = [*host.candles, AuthFailed("The key is not accepted.")]
    with pytest.raises(AuthFailed):
        await host.runner().run()
    whole = Host(host.candles)
    whole.venue.finish()
    await whole.runner().run()
    ended = next(number for number, row in enumerate(whole.ledger.rows()) if row["kind"] == "SourceFinished")
    assert host.ledger.rows() == whole.ledger.rows()[:ended]
    assert host.link.events == host.ledger.rows()


async def test_a_failure_behind_candles_that_wait_comes_after_them(host: Host) -> None:
    engine = make_engine({BTC: PLAIN})
    journal = Journal(host.ledger, host.link.event, 10_000)
    loop = Loop("alpha", engine, make_market(engine), host.venue, journal, 1000)
    for each in host.candles:
        await loop.put(each)
    loop.fail(RuntimeError("beside"))
    with pytest.raises(RuntimeError, match="beside"):
        await loop.work()
    assert len(host.ledger.rows()) > 20
    assert host.ledger.appends == 1


async def test_a_stream_that_ends_without_a_word_is_a_fault(host: Host) -> None:
    host.venue._news.put_nowait(None)
    with pytest.raises(InvariantError, match="ended without a word"):
        await host.runner().run()


@pytest.mark.parametrize("where", ["job", "link"])
async def test_a_failure_beside_the_loop_ends_the_loop(host: Host, where: str) -> None:
    if where == "link":
        host.link.broken = RuntimeError("link")
    runner = host.runner()
    task = asyncio.create_task(runner.run())
    if where == "job":
        await host.until(lambda: runner._loop is not None)
        host.jobs.on_error(RuntimeError("job"))
    with pytest.raises(RuntimeError, match=where):
        await task
    assert host.steps[-1] == "ledger closes"


async def test_the_venue_is_polled_and_time_is_told(host: Host) -> None:
    runner, task = await started(host)
    await host.jobs.jobs["poll"]()
    assert host.venue.polls == 1
    host.venue._now = host.candles[-1].at + 24 * 60 * MINUTE
    await host.jobs.jobs["timer"]()
    rolled = await host.until(lambda: [row for row in host.ledger.rows() if row["kind"] == "DayRolled"])
    assert rolled[-1]["at"] == "2024-01-02T06:40:00Z"
    count = len(host.ledger.rows())
    await host.jobs.jobs["timer"]()
    runner.stop()
    await task
    assert len(host.ledger.rows()) == count


async def test_time_that_has_not_moved_is_not_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    runner, task = await started(host)
    handled: list[Fact] = []

    def handle(fact: Fact) -> list[Event]:
        handled.append(fact)
        return []

    assert runner._loop is not None
    monkeypatch.setattr(runner._loop._market, "handle", handle)
    await host.jobs.jobs["timer"]()
    host.venue._now += 1
    await host.jobs.jobs["timer"]()
    await host.until(lambda: handled)
    runner.stop()
    await task
    assert handled == [Timer(host.candles[-1].at + 1)]


async def test_the_place_is_noted_now_and_then_though_nothing_happens() -> None:
    host = Host([candle(0, 100.0)])
    runner, task = await started(host)
    quiet = candle(1, 100.0)
    host.venue.put(quiet)
    await host.until(lambda: runner._loop and runner._loop.candles == 2)
    known = host.ledger.cursor()
    assert known is not None
    assert known.opened_at < quiet.opened_at
    for _ in range(10):
        await host.jobs.jobs["timer"]()
    await host.until(lambda: (host.ledger.cursor() or known).opened_at == quiet.opened_at)
    runner.stop()
    await task


async def test_stale_data_pauses_entries_even_before_the_first_candle() -> None:
    host = Host([])
    host.venue.script = [
        DataStale(BEGIN, BTC, "nothing came"),
        candle(0, 100.0),
        candle(1, 100.0),
        DataFresh(BEGIN + 3 * MINUTE, BTC),
    ]
    runner = host.runner()
    task = asyncio.create_task(runner.run())
    await host.until(lambda: len(host.ledger.rows()) >= 4)
    runner.stop()
    await task
    kinds = [row["kind"] for row in host.ledger.rows()]
    assert kinds == ["CapitalAllocated", "SeriesAnchored", "EntriesPaused", "EntriesResumed"]


def test_whatever_happens_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    reported: list[Ending] = []

    def fail(error: Exception) -> Any:
        def work() -> Ending:
            raise error

        return work

    with caplog.at_level(logging.INFO):
        guarded("alpha", lambda: Ending.done("alpha was stopped."), reported.append)
        guarded("alpha", fail(LedgerError("No room.")), reported.append)
        guarded("alpha", fail(InvestBotError("Odd.")), reported.append)
        ended = guarded("alpha", fail(ValueError("secret detail")), reported.append)
    assert reported[-1] == ended
    assert [(ending.exit_code, ending.message) for ending in reported] == [
        (0, "alpha was stopped."),
        (74, "No room."),
        (70, "Odd."),
        (70, "alpha stopped on a bug (ValueError); `investbot logs alpha` shows where."),
    ]
    assert [record.message for record in caplog.records] == ["ended", "failed", "failed", "crashed"]
    assert caplog.records[-1].exc_info is not None
    assert caplog.records[1].exc_info is None


def test_an_ending_is_told_with_its_process() -> None:
    assert Ending(75, "Later.").record(BEGIN, 12, 34) == {
        "at": "2024-01-01T00:00:00Z",
        "code": 75,
        "message": "Later.",
        "finished": False,
        "pid": 12,
        "start_time": 34,
    }


async def test_the_pace_of_facts_and_decisions_is_told(host: Host) -> None:
    host.venue.finish()
    await host.runner().run()
    row = host.link.rows[-1]
    assert row["facts"] >= row["candles"] == 400
    told = row["latency"]["decision_ms"]
    assert told["count"] == sum(told["parts"].values()) == 400
    assert row["facts_per_s"] >= 0
