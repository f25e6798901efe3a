"""Settings that are changed under an instance: taken in while it runs, or told at its next start."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from investbot.control.messages import InstanceRequest
from investbot.domain.errors import ConfigError, TryAgain, UsageError
from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.instance.runner import Runner
from investbot.instance.settings import NewSettings
from tests.unit.instance.hosts import Host, walk

CONFIGURE = InstanceRequest(action="configure", by="ana")


@dataclass
class Told:
    """Settings as a test says."""

    version: int = 1
    waiting: tuple[str, ...] = ()
    adopted: int = 0
    broken: bool = False
    known: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)

    def made(self, by: str) -> NewSettings:
        if self.broken:
            raise ConfigError("It cannot be read.")
        risk = RiskRules(max_open_positions=self.version, cooldown_ms=0)
        return NewSettings(self.version, by, CostRules(), risk, ExitRules(), ("k: 1 -> 2",), self.waiting)

    def at_start(self, version: int, waiting: Sequence[str]) -> NewSettings | None:
        self.known.append((version, tuple(waiting)))
        return self.made("configuration") if (version, tuple(waiting)) != (self.version, ()) else None

    def read(self, by: str) -> NewSettings:
        return self.made(by)

    def adopt(self) -> None:
        self.adopted += 1


async def running(host: Host, told: Told) -> tuple[Runner, asyncio.Task[Any]]:
    made = Runner(replace(host.parts(), settings=told))
    task = asyncio.create_task(made.run())
    last = host.candles[-1].opened_at
    await host.until(lambda: made._phase.value == "ready" and made._engine and made._engine.state.last_candle_at > last)
    return made, task


def applied(host: Host) -> list[dict[str, Any]]:
    return [row for row in host.ledger.rows() if row["kind"] == "SettingsApplied"]


async def test_a_running_instance_takes_them_in_once() -> None:
    host, told = Host(walk(60)), Told()
    runner, task = await running(host, told)
    told.version, told.waiting = 2, ("w: 1 -> 2",)
    answer = await runner.serve(CONFIGURE)
    assert (answer["version"], answer["applied"], answer["waiting"]) == (2, ["k: 1 -> 2"], ["w: 1 -> 2"])
    assert answer["events"] == applied(host)
    assert applied(host)[0]["by"] == "ana"
    assert runner._engine is not None
    assert (runner._engine.spec.version, runner._engine.spec.risk.max_open_positions) == (2, 2)
    assert told.adopted == 1
    again = await runner.serve(CONFIGURE)
    assert (again["version"], again["events"], told.adopted) == (2, [], 1)
    assert len(applied(host)) == 1
    assert host.link.rows[-1]["config_version"] == 2
    runner.stop()
    await task


async def test_what_cannot_be_read_changes_nothing() -> None:
    host, told = Host(walk(60)), Told()
    runner, task = await running(host, told)
    told.version, told.broken = 2, True
    with pytest.raises(ConfigError, match="cannot be read"):
        await runner.serve(CONFIGURE)
    assert applied(host) == []
    assert told.adopted == 0
    runner.stop()
    await task


async def test_before_the_first_candle_it_is_asked_to_wait() -> None:
    host, told = Host([]), Told(version=2)
    host.venue.script = []
    runner = Runner(replace(host.parts(), settings=told))
    task = asyncio.create_task(runner.run())
    await host.until(lambda: runner._phase.value == "ready")
    with pytest.raises(TryAgain, match="first candle"):
        await runner.serve(CONFIGURE)
    assert told.adopted == 0
    runner.stop()
    await task


async def test_the_next_start_tells_what_was_changed_meanwhile() -> None:
    host, told = Host(walk(60)), Told()
    runner, task = await running(host, told)
    runner.stop()
    await task
    host.renew()
    told.version = 5
    runner, task = await running(host, told)
    assert told.known == [(1, ()), (1, ())]
    assert [(row["version"], row["by"]) for row in applied(host)] == [(5, "configuration")]
    runner.stop()
    await task
    host.renew()
    runner, task = await running(host, told)
    assert told.known[-1] == (5, ())
    assert len(applied(host)) == 1
    runner.stop()
    await task


async def test_settings_of_an_instance_without_a_file_are_fixed() -> None:
    host = Host(walk(30), capital=Decimal(500))
    runner = host.runner()
    task = asyncio.create_task(runner.run())
    await host.until(lambda: runner._loop and runner._loop.candles == len(host.candles))
    with pytest.raises(UsageError, match="fixed"):
        await runner.serve(CONFIGURE)
    runner.stop()
    await task
