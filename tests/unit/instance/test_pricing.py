"""Prices between two closes in a whole instance: a target that is kept here is sold before the next close."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from investbot.domain.events import Event
from investbot.domain.facts import Fact, Tick
from investbot.instance.ending import Ending
from investbot.instance.live import Conclude
from investbot.instance.pricing import Pricing
from investbot.instance.runner import Runner
from tests.fakes.venue import FakeVenue
from tests.unit.engine.builders import NO_AGE, SYMBOL, entered, spec
from tests.unit.instance.hosts import BEGIN, BTC, Host
from tests.unit.instance.live_hosts import flat
from tests.unit.instance.test_live_runner import LiveInside, started, stops

# ---- alone ---------------------------------------------------------------------------------------------------------


class Desk:
    """A position whose target is kept here, and the loop's queue as a list."""

    def __init__(self) -> None:
        self.host = entered(replace(spec(), targets_rest=False, exits=NO_AGE))
        self.engine = self.host.engine
        self.venue = FakeVenue([])
        self.venue._opened = (SYMBOL, "ETH/USDT")
        self.queue: list[Conclude] = []
        self.facts: list[Fact] = []
        self.pricing = Pricing(self.venue, self.engine, self, self.queue.append)

    def handle(self, fact: Fact) -> list[Event]:
        self.facts.append(fact)
        return self.engine.handle(fact)

    step: Callable[..., list[Event]] = handle

    def committed(self, events: object) -> None:
        raise AssertionError(events)


def test_only_the_newest_price_is_worked_on_and_once() -> None:
    desk = Desk()
    desk.pricing.look()
    for price in ("100.10", "100.20", "100.30"):
        desk.venue.price(SYMBOL, price)
    assert len(desk.queue) == 1
    at = desk.engine.state.last_at
    desk.queue.pop()()
    assert desk.facts == [Tick(at, SYMBOL, Decimal("100.30"))]
    desk.venue._now = at + 5
    desk.venue.price(SYMBOL, "102.50")
    events = desk.queue.pop()()
    assert desk.facts[-1] == Tick(at + 5, SYMBOL, Decimal("102.50"))
    assert "TargetReached" in [type(event).__name__ for event in events]


def test_prices_are_wanted_while_they_matter() -> None:
    desk = Desk()
    assert desk.venue.followed == frozenset()
    desk.pricing.look()
    assert desk.venue.followed == {SYMBOL}
    desk.venue.followed = frozenset()
    desk.pricing.look()
    assert desk.venue.followed == frozenset()  # what has not changed is not asked for again
    desk.engine.state.holdings["1"].closing = "flatten"
    desk.pricing.look()
    desk.engine.state.holdings["1"].closing = ""
    desk.pricing.look()
    assert desk.venue.followed == {SYMBOL}


def test_what_waits_at_the_end_is_for_the_next_start() -> None:
    desk = Desk()
    desk.pricing.look()
    desk.venue.price(SYMBOL, "102.50")
    heard = desk.venue._heard
    desk.pricing.end()
    assert desk.venue.followed == frozenset()
    assert desk.queue.pop()() == []
    assert heard is not None
    heard(Tick(BEGIN, SYMBOL, Decimal(103)))
    assert desk.queue == []


# ---- in a runner ---------------------------------------------------------------------------------------------------


@pytest.fixture
def host() -> LiveInside:
    return LiveInside([flat(n, at=BEGIN) for n in range(3)])


async def held(host: LiveInside) -> tuple[Runner, asyncio.Task[Ending]]:
    """Start, and wait for a position with its stop."""
    runner, task = await started(host)
    await host.until(lambda: stops(host))
    return runner, task


async def test_a_target_reached_between_two_closes_is_sold_at_once(host: LiveInside) -> None:
    runner, task = await held(host)
    await host.jobs.jobs["timer"]()
    assert host.venue.followed == {BTC}
    before = host.kinds()
    host.account.move(BTC, Decimal(110))
    host.venue.price(BTC, "110")
    await host.until(lambda: "PositionClosed" in host.kinds())
    after = host.kinds()[len(before) :]
    assert after.index("TargetReached") < after.index("PositionClosed")
    await host.jobs.jobs["timer"]()
    assert host.venue.followed == frozenset()
    runner.stop()
    assert (await task).exit_code == 0


async def test_a_price_below_the_target_changes_nothing_and_the_end_follows_nothing(host: LiveInside) -> None:
    runner, task = await held(host)
    await host.jobs.jobs["timer"]()
    host.venue.price(BTC, "100.01")
    await asyncio.sleep(0.05)
    assert "TargetReached" not in host.kinds()
    runner.stop()
    await task
    assert host.venue.followed == frozenset()
    assert len(stops(host)) == 1


async def test_on_paper_no_price_is_ever_wanted() -> None:
    """A paper run decides at closes alone, as a backtest does."""
    host = Host([flat(n, at=BEGIN) for n in range(60)])
    runner = host.runner()
    task = asyncio.create_task(runner.run())
    await host.until(lambda: "timer" in host.jobs.jobs)
    await host.jobs.jobs["timer"]()
    assert runner._pricing is None
    assert host.venue.followed == frozenset()
    runner.stop()
    await task
