"""Corners of the instance: each test stands for a small thing that could go wrong unnoticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from investbot.control.messages import InstanceRequest
from investbot.domain.errors import InvariantError, UsageError
from investbot.domain.events import Event
from investbot.domain.facts import Fact, Timer
from investbot.domain.market import MINUTE
from investbot.domain.times import rfc3339
from investbot.instance import desk, recovery
from investbot.instance.flatten import flatten
from investbot.instance.runner import Runner
from tests.unit.instance.hosts import BTC, PLAIN, Host, candle, make_engine, make_market, walk


def until_held() -> list[Any]:
    """Candles up to the one after which something is held."""
    candles = walk(400)
    engine = make_engine({BTC: PLAIN})
    market = make_market(engine)
    engine.begin(candles[0].opened_at)
    for number, each in enumerate(candles, 1):
        market.step(each)
        if any(holding.quantity for holding in engine.state.holdings.values()):
            return candles[:number]
    raise AssertionError


@pytest.fixture
def host() -> Host:
    return Host(until_held())


@pytest.fixture
async def runner(host: Host) -> AsyncIterator[Runner]:
    made = host.runner()
    task = asyncio.create_task(made.run())
    await host.until(lambda: made._loop and made._loop.candles == len(host.candles))
    yield made
    made.stop()
    await task


async def test_time_is_not_told_ahead_of_candles_that_wait(
    host: Host, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = runner._loop
    assert loop is not None
    told: list[Fact] = []
    handle = loop._market.handle

    def listen(fact: Fact) -> list[Event]:
        told.append(fact)
        return handle(fact)

    monkeypatch.setattr(loop._market, "handle", listen)
    last = host.candles[-1]
    host.venue._now = last.at + 17 * MINUTE
    loop.tick()
    await loop.put(candle(len(host.candles), float(last.close)))
    await host.until(lambda: loop.candles == len(host.candles) + 1)
    assert not told
    loop.tick()
    await host.until(lambda: told)
    assert told == [Timer(last.at + 17 * MINUTE)]


async def test_what_is_held_without_an_order_is_not_flat(runner: Runner) -> None:
    assert runner._loop is not None
    state = runner._loop._engine.state
    state.orders.clear()
    assert not desk.is_settled(InstanceRequest(action="flatten"), state)


async def test_a_stop_at_the_price_is_no_stop(host: Host, runner: Runner) -> None:
    ask = InstanceRequest(action="size", symbol=BTC, stop=str(host.candles[-1].close))
    with pytest.raises(UsageError, match="must lie between 0 and the last price"):
        await runner.serve(ask)


async def test_a_stopped_instance_is_flattened_no_earlier_than_what_its_ledger_tells(host: Host) -> None:
    made = host.runner()
    task = asyncio.create_task(made.run())
    await host.until(lambda: made._loop and made._loop.candles == len(host.candles))
    later = host.candles[-1].at + 17 * MINUTE
    host.venue._now = later
    await made.serve(InstanceRequest(action="pause"))
    made.stop()
    await task
    host.renew()
    answer = await flatten(host.parts(), "ana")
    assert {row["at"] for row in answer["events"]} == {rfc3339(later)}


async def test_a_ledger_whose_stop_is_over_more_than_was_bought_is_refused(host: Host, runner: Runner) -> None:
    assert runner._loop is not None
    state = runner._loop._engine.state
    recovery.check(state)
    stop = next(o for o in state.orders.values() if o.order.stop_price is not None)
    stop.order = replace(stop.order, quantity=stop.order.quantity * 2)
    with pytest.raises(InvariantError, match="sells more BTC/USDT than plan"):
        recovery.check(state)
