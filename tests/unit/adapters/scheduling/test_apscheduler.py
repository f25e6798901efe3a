"""Jobs on the event loop: they come round, tell their failures, and outlive a clock that jumps."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from investbot.adapters.scheduling.apscheduler import Scheduler
from investbot.domain.market import HOUR, Millis


class ShiftedClock:
    """The real clock, and a wall that can be moved."""

    def __init__(self) -> None:
        self.shift: Millis = 0

    def now(self) -> Millis:
        return time.time_ns() // 1_000_000 + self.shift

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def errors() -> list[BaseException]:
    return []


@pytest.fixture
async def scheduler(clock: ShiftedClock, errors: list[BaseException]) -> AsyncIterator[Scheduler]:
    made = Scheduler(clock, errors.append)
    yield made
    made.close()


async def until(reached: list[int], count: int) -> None:
    async with asyncio.timeout(10):
        while len(reached) < count:  # noqa: ASYNC110 - a list tells nobody
            await asyncio.sleep(0.01)


async def test_a_job_runs_at_once_and_comes_round_in_the_loops_own_thread(scheduler: Scheduler) -> None:
    runs: list[int] = []

    async def job() -> None:
        runs.append(threading.get_ident())

    scheduler.every(0.05, job, "beat")
    scheduler.start()
    await until(runs, 3)
    assert set(runs) == {threading.get_ident()}
    scheduler.close()
    done = len(runs)
    await asyncio.sleep(0.15)
    assert len(runs) == done
    scheduler.close()


async def test_a_slow_job_is_never_run_twice_at_a_time(scheduler: Scheduler) -> None:
    running, most = 0, 0
    ends: list[int] = []

    async def job() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.12)
        running -= 1
        ends.append(running)

    scheduler.every(0.05, job, "poll")
    scheduler.start()
    await until(ends, 2)
    assert most == 1


async def test_a_failure_is_told_once_and_only_to_the_owner(
    scheduler: Scheduler, errors: list[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    runs: list[int] = []

    async def job() -> None:
        runs.append(1)
        raise ValueError(f"run {len(runs)}")

    scheduler.every(30, job, "poll")
    scheduler.start()
    await until(runs, 1)
    await asyncio.sleep(0.05)
    assert [str(error) for error in errors] == ["run 1"]
    assert caplog.records == []


async def test_closing_cancels_a_job_under_way_without_calling_it_a_failure(
    scheduler: Scheduler, errors: list[BaseException]
) -> None:
    began: list[int] = []

    async def job() -> None:
        began.append(1)
        await asyncio.sleep(60)

    scheduler.every(30, job, "poll")
    scheduler.start()
    await until(began, 1)
    scheduler.close()
    await asyncio.sleep(0.05)
    assert errors == []


async def test_a_clock_that_jumps_does_not_silence_the_heartbeat(scheduler: Scheduler, clock: ShiftedClock) -> None:
    runs: list[int] = []

    async def job() -> None:
        runs.append(1)

    scheduler.every(3600, job, "beat")
    scheduler.start()
    await until(runs, 1)
    await asyncio.sleep(0.05)
    assert len(runs) == 1
    clock.shift = -HOUR
    await until(runs, 2)


async def test_jobs_that_are_due_as_often_come_round_together(scheduler: Scheduler) -> None:
    early: list[float] = []
    late: list[float] = []

    def at(runs: list[float]) -> Callable[[], Awaitable[None]]:
        async def job() -> None:
            runs.append(time.monotonic())

        return job

    scheduler.every(0.5, at(early), "early")
    scheduler.start()
    await asyncio.sleep(0.2)
    scheduler.every(0.5, at(late), "late")
    async with asyncio.timeout(20):
        while len(late) < 4:  # noqa: ASYNC110 - a list tells nobody
            await asyncio.sleep(0.01)
    assert late[0] - early[0] > 0.1
    nearest = [min(abs(moment - other) for other in early) for moment in late[1:]]
    assert min(nearest) < 0.1
