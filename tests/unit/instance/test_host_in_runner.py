"""What the machine tells, in a whole runner: in the ledger as events, in the row as a state, and as an ending."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from investbot.domain.errors import TryAgain
from investbot.domain.events import EntriesPaused, EntriesResumed
from investbot.instance.host import HostRules
from investbot.instance.runner import Runner
from tests.unit.instance.hosts import Host, walk

LARGE = SimpleNamespace(look=lambda: SimpleNamespace(rss_mb=150.0))
RULES = HostRules(orphan_after_s=60.0, memory_mb=100)


@pytest.fixture
def host() -> Host:
    return Host(walk(30))


def begun(host: Host, rules: HostRules) -> tuple[Runner, asyncio.Task[Any]]:
    host.venue.script = list(walk(30))
    runner = Runner(replace(host.parts(), host=rules))
    return runner, asyncio.create_task(runner.run())


def pauses(host: Host) -> list[tuple[type, str]]:
    told = [recorded.event for recorded in host.ledger.events()]
    return [(type(event), event.cause) for event in told if isinstance(event, EntriesPaused | EntriesResumed)]


async def test_a_lost_supervisor_and_its_return_are_in_the_ledger_and_in_the_row(host: Host) -> None:
    runner, running = begun(host, RULES)
    await host.until(lambda: runner._loop and runner._loop.candles == 30)
    for seconds, unheard in ((59.0, 0.5), (200.0, 60.0)):
        host.clock.seconds, host.link.unheard = seconds, unheard
        await host.jobs.jobs["timer"]()
    await host.until(lambda: pauses(host))
    await host.jobs.jobs["beat"]()
    row = host.link.rows[-1]
    assert (row["trading_state"], row["reduced_by"]) == ("REDUCING", "supervisor")
    host.link.unheard = 1.0
    await host.jobs.jobs["timer"]()
    await host.until(lambda: len(pauses(host)) == 2)
    await host.jobs.jobs["beat"]()
    assert (host.link.rows[-1]["trading_state"], host.link.rows[-1]["reduced_by"]) == ("ACTIVE", None)
    runner.stop()
    assert (await running).exit_code == 0
    assert pauses(host) == [(EntriesPaused, "supervisor"), (EntriesResumed, "supervisor")]


async def test_a_pause_outlives_a_restart_until_somebody_watches(host: Host) -> None:
    runner, running = begun(host, RULES)
    await host.until(lambda: runner._loop and runner._loop.candles == 30)
    host.clock.seconds = 60.0
    await host.jobs.jobs["timer"]()
    await host.until(lambda: pauses(host))
    runner.stop()
    await running
    host.renew()
    host.clock.seconds = 0.0
    runner, running = begun(host, RULES)
    await host.until(lambda: "timer" in host.jobs.jobs)
    await host.jobs.jobs["timer"]()
    host.link.unheard = 1.0
    await host.jobs.jobs["timer"]()
    await host.until(lambda: len(pauses(host)) == 2)
    runner.stop()
    await running
    assert pauses(host)[-1] == (EntriesResumed, "supervisor")


async def test_before_the_first_candle_nothing_is_looked_at(host: Host) -> None:
    host.venue.slow = True
    runner = Runner(replace(host.parts(), host=RULES))
    running = asyncio.create_task(runner.run())
    await host.until(lambda: "timer" in host.jobs.jobs or "beat" in host.jobs.jobs)
    assert runner._noticed() == []
    runner.stop()
    await running


@pytest.mark.parametrize("asked_to_stop", [False, True])
async def test_too_much_memory_ends_it_in_order_to_be_started_anew(
    host: Host, monkeypatch: pytest.MonkeyPatch, *, asked_to_stop: bool
) -> None:
    monkeypatch.setattr("investbot.instance.runner.OWN", LARGE)
    runner, running = begun(host, RULES)
    await host.until(lambda: runner._loop and runner._loop.candles == 30)
    if asked_to_stop:
        runner.stop()
    for seconds in (1000.0, 1010.0):
        host.clock.seconds, host.link.unheard = seconds, 1.0
        await host.jobs.jobs["timer"]()
    if asked_to_stop:
        assert (await running).exit_code == 0
        return
    with pytest.raises(TryAgain, match=r"It took 150 MiB, more than the 100 of restart\.memory_mb"):
        await running
    assert host.steps[-1] == "ledger closes"
    assert host.link.rows[-1]["phase"] == "stopping"


async def test_memory_does_not_end_a_live_position_without_its_stop(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("investbot.instance.runner.OWN", LARGE)
    is_covered = [False]
    monkeypatch.setattr("investbot.instance.runner.covered", lambda _: is_covered[0])
    runner, running = begun(host, RULES)
    await host.until(lambda: runner._loop and runner._loop.candles == 30)
    monkeypatch.setattr(runner, "_live", object())
    for seconds in (1000.0, 1010.0, 1020.0):
        host.clock.seconds, host.link.unheard = seconds, 1.0
        await host.jobs.jobs["timer"]()
    assert runner._anew is None
    is_covered[0] = True
    monkeypatch.setattr(runner, "_live", None)
    host.clock.seconds = 1030.0
    await host.jobs.jobs["timer"]()
    with pytest.raises(TryAgain):
        await running
