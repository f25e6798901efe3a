"""Jobs that come round every so often, on the event loop itself: heartbeats, polls, timers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from investbot.ports.clock import Clock

Job = Callable[[], Awaitable[None]]
OnError = Callable[[BaseException], None]

_LOOK_EVERY_S = 5.0
_JUMP_MS = 500
_TINY = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Together(IntervalTrigger):  # type: ignore[misc]
    """Fires at whole multiples of the interval since the start, so that one waking serves all that are due as often."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Give the first multiple that lies behind the last one."""
        behind = now if previous_fire_time is None else max(now, previous_fire_time + _TINY)
        found: datetime | None = super().get_next_fire_time(None, behind)
        return found


class Scheduler:
    """Runs `async def` jobs at their intervals, one run of a job at a time; a job that fails is told to `on_error`.

    The library plans by wall time. Where that jumps (a clock that is set back would silence the heartbeat for hours),
    all jobs are planned anew from now.
    """

    def __init__(self, clock: Clock, on_error: OnError) -> None:
        # Its own report of a failed job would be a second one, with less care for secrets.
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
        self._clock = clock
        self._on_error = on_error
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._offset_ms = 0.0
        self._began = self._now()
        self._look: asyncio.TimerHandle | None = None

    def every(self, interval_s: float, job: Job, name: str) -> None:
        """Run `job` at the start and then every `interval_s` seconds, together with others that are due as often."""
        self._scheduler.add_job(
            self._watched(job),
            _Together(seconds=interval_s, start_date=self._began, timezone=UTC),
            id=name,
            name=name,
            next_run_time=self._now(),
        )

    def start(self) -> None:
        """Begin; needs a running event loop."""
        self._scheduler.start()
        self._offset_ms = self._offset()
        self._plan_look()

    def close(self) -> None:
        """Stop all jobs, those under way included; safe to call twice."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
            self._scheduler.shutdown(wait=False)

    def _watched(self, job: Job) -> Job:
        async def watched() -> None:
            try:
                await job()
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                self._on_error(error)
                raise

        return watched

    def _now(self) -> datetime:
        return _EPOCH + timedelta(milliseconds=self._clock.now())

    def _offset(self) -> float:
        return self._clock.now() - self._clock.monotonic() * 1000

    def _plan_look(self) -> None:
        self._look = asyncio.get_running_loop().call_later(_LOOK_EVERY_S, self._look_at_clock)

    def _look_at_clock(self) -> None:
        """Plan every job anew when wall time has not moved as monotonic time has."""
        offset = self._offset()
        if abs(offset - self._offset_ms) > _JUMP_MS:
            self._offset_ms = offset
            for job in self._scheduler.get_jobs():
                job.modify(next_run_time=self._now())
        self._plan_look()
