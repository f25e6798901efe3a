"""The runner on a live market: recovered before candles, heard in the loop, ended in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from investbot.control.messages import InstanceRequest
from investbot.domain.errors import AuthFailed, TryAgain, VenueUnavailable
from investbot.domain.market import Instrument
from investbot.engine.engine import Engine
from investbot.engine.spec import EngineSpec
from investbot.instance.ending import Ending
from investbot.instance.flatten import flatten
from investbot.instance.live import LiveMarket
from investbot.instance.parts import Parts
from investbot.instance.patience import Pace, Waits
from investbot.instance.runner import Runner
from tests.fakes.trading import FakeTrading
from tests.unit.engine.builders import Scripted
from tests.unit.instance.hosts import BEGIN, BTC, PLAIN, Host, make_engine
from tests.unit.instance.live_hosts import LONG, flat

QUICK = Waits(absent_s=0.05, poll_s=0.01, calm_poll_s=0.05, reconcile_s=0.05, lost_s=0.02)


async def soon(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.02))


class LiveInside(Host):
    """A whole instance in memory whose orders go to a fake account."""

    def __post_init__(self) -> None:
        self.account = FakeTrading({"USDT": Decimal(10_000)}, {BTC: Decimal(100)}, at=BEGIN)
        super().__post_init__()

    def engine(self, instruments: Mapping[str, Instrument]) -> Engine:
        plain = make_engine(instruments, self.capital).spec
        spec: EngineSpec = replace(plain, targets_rest=False)
        return Engine(spec, Scripted({2: LONG}))

    def parts(self) -> Parts:
        pace = Pace(soon, asyncio.get_running_loop().time, lambda: 0.5)
        return replace(
            super().parts(),
            make_engine=self.engine,
            make_market=lambda engine: LiveMarket(engine, self.account, lambda: self.account.at, pace, QUICK),
        )

    def kinds(self) -> list[str]:
        return [row["kind"] for row in self.ledger.rows()]


@pytest.fixture
def host() -> LiveInside:
    return LiveInside([flat(n, at=BEGIN) for n in range(3)])


async def started(host: LiveInside) -> tuple[Runner, asyncio.Task[Ending]]:
    runner = host.runner()
    task = asyncio.create_task(runner.run())
    await host.until(lambda: task.done() or (host.link.rows and host.link.rows[-1]["phase"] == "ready"))
    return runner, task


def stops(host: LiveInside) -> list[Any]:
    books = host.account.books.orders.values()
    return [each for each in books if each.order.stop_price is not None and each.state.value == "ACKNOWLEDGED"]


async def test_an_entry_goes_out_and_its_stop_rests_when_the_instance_was_stopped(host: LiveInside) -> None:
    runner, task = await started(host)
    await host.until(lambda: stops(host))
    await host.jobs.jobs["beat"]()
    health = host.link.rows[-1]["health"]
    assert (health["source"], health["orders"], health["reconciled"]) == ("fake", "ok", "agreed")
    runner.stop()
    assert (await task).exit_code == 0
    assert host.account.closed
    assert len(stops(host)) == 1
    assert host.kinds().count("OrderFilled") == 1


async def test_orders_on_their_way_arrive_before_an_orderly_end(host: LiveInside) -> None:
    runner = host.runner()
    gate = asyncio.Event()
    submit = host.account.submit

    async def slow(order: Any) -> Any:
        await gate.wait()
        return await submit(order)

    host.account.submit = slow  # type: ignore[method-assign]
    task = asyncio.create_task(runner.run())
    await host.until(lambda: "OrderChanged" in host.kinds())
    runner.stop()
    await asyncio.sleep(0.02)
    gate.set()
    await task
    assert len(stops(host)) == 1
    assert "OrderFilled" in host.kinds()


async def test_an_end_does_not_wait_for_ever(host: LiveInside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("investbot.instance.runner._ARRIVE_S", 0.05)
    submit: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    host.account.submit = lambda order: submit  # type: ignore[method-assign,assignment,return-value]
    runner, task = await started(host)
    await host.until(lambda: "OrderChanged" in host.kinds())
    runner.stop()
    assert (await task).exit_code == 0


async def test_the_next_start_knows_what_happened_meanwhile(host: LiveInside) -> None:
    runner, task = await started(host)
    await host.until(lambda: stops(host))
    runner.stop()
    await task
    host.account.move(BTC, Decimal(95))
    host.renew()
    runner, task = await started(host)
    assert host.kinds().count("PositionClosed") == 1
    runner.stop()
    await task


async def test_who_asks_while_it_stops_is_told_so(host: LiveInside) -> None:
    runner, task = await started(host)
    await host.until(lambda: stops(host))
    assert runner._loop is not None
    one, other = (asyncio.create_task(runner._loop.ask(InstanceRequest(action="pause"))) for _ in range(2))
    await asyncio.sleep(0)
    runner.stop()
    await task
    assert (await one)["paused"]
    with pytest.raises(TryAgain):
        await other


async def test_a_refused_key_ends_the_start_of_an_instance_without_a_position(host: LiveInside) -> None:
    host.account.fail("connect", "auth")
    with pytest.raises(AuthFailed):
        await host.runner().run()
    assert host.account.closed
    assert host.steps[-1] == "ledger closes"


async def test_flattening_one_that_does_not_run_sells_on_the_venue(host: LiveInside) -> None:
    runner, task = await started(host)
    await host.until(lambda: stops(host))
    runner.stop()
    await task
    host.renew()
    told = await flatten(host.parts(), "panic")
    assert told["flat"] is True
    assert [event["kind"] for event in told["events"]][:2] == ["EntriesPaused", "CloseRequested"]
    assert "PositionClosed" in [event["kind"] for event in told["events"]]
    assert not stops(host)
    assert host.account.free["BTC"] < PLAIN.lot
    assert host.account.closed


async def test_flattening_a_venue_that_is_down_says_what_is_still_held(
    host: LiveInside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("investbot.instance.flatten._FLAT_S", 0.01)
    runner, task = await started(host)
    await host.until(lambda: stops(host))
    runner.stop()
    await task
    host.renew()
    host.account.fail("cancel", "down", 1000)
    with pytest.raises(TryAgain, match="still holds BTC/USDT"):
        await flatten(host.parts(), "panic")
    assert len(stops(host)) == 1


class Mute:
    """A venue whose candles never come, or whose past cannot be read."""

    def __init__(self, venue: Any, *, fails: bool) -> None:
        self._venue = venue
        self._fails = fails

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)

    async def facts(self, anchors: Any, cursor: Any) -> AsyncIterator[Any]:
        if self._fails:
            raise VenueUnavailable("There are no candles.")
        await asyncio.Event().wait()
        yield anchors, cursor


@pytest.mark.parametrize("fails", [True, False])
async def test_selling_all_needs_no_candles(host: LiveInside, fails: bool, caplog: pytest.LogCaptureFixture) -> None:
    runner, task = await started(host)
    await host.until(lambda: stops(host))
    runner.stop()
    await task
    host.renew()
    parts = host.parts()
    told = await flatten(replace(parts, venue=Mute(parts.venue, fails=fails)), "panic")
    assert told["flat"] is True
    assert host.account.free["BTC"] < PLAIN.lot
    assert "no_candles" in [record.getMessage() for record in caplog.records]
    assert "DayRolled" not in [event["kind"] for event in told["events"]]


@pytest.mark.parametrize("lag", [0, 3])
async def test_flattening_does_not_end_before_doubts_are_gone(host: LiveInside, lag: int) -> None:
    """An entry counts as never accepted and the venue had it all the time: what it bought is sold too.

    With a lag of three reads the comparison at the start does not see it yet.
    """
    host.account._stream = False
    host.account.capabilities = replace(host.account.capabilities, read_lag_ms=0)
    host.account.fail("submit", "applied")
    host.account.delay_reads(10_000)
    runner, task = await started(host)
    await host.until(lambda: "never accepted" in [row.get("reason") for row in host.ledger.rows()])
    runner.stop()
    await task
    host.account.lag = lag
    host.renew()
    told = await flatten(host.parts(), "panic")
    assert told["flat"] is True
    assert host.account.free["BTC"] < PLAIN.lot
    assert {"OrderFilled", "PositionClosed"} <= {row["kind"] for row in host.ledger.rows()}
