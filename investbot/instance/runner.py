"""The life of an instance process: everything opened in order, the loop, everything closed in order.

Start: link and heartbeat, venue, replay, warm-up, stream. End: flag, stream, pending writes, link, ledger.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from investbot.control.messages import InstanceRequest
from investbot.domain.errors import InvariantError, InvestBotError, TryAgain
from investbot.domain.facts import SourceEnded
from investbot.engine.engine import Engine
from investbot.instance import desk, recovery
from investbot.instance.ending import Ending
from investbot.instance.heartbeat import BEAT_S, Phase, Pulse, status_row
from investbot.instance.host import FactAt, HostWatch, covered
from investbot.instance.intelligence import Listening
from investbot.instance.journal import Journal
from investbot.instance.live import LiveMarket
from investbot.instance.loop import Loop, Stopped
from investbot.instance.memory import OWN
from investbot.instance.parts import Parts
from investbot.instance.pricing import Pricing
from investbot.instance.pumping import pump
from investbot.ports.prices import Prices
from investbot.ports.venue import MarketFact

_LOG = logging.getLogger("investbot.instance")
_GROUP = 256
"""Most events that one transaction takes while candles wait behind them."""
_CLOSE_S = 3.0
"""Seconds that the venue has for its goodbye."""
_ARRIVE_S = 5.0
"""Seconds that orders on their way to a live venue have to arrive."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT)

T = TypeVar("T")


def guarded(name: str, work: Callable[[], Ending], report: Callable[[Ending], None]) -> Ending:
    """Do `work` and report how it ended, whatever happens in it."""
    try:
        ending = work()
        _LOG.info("ended", extra={"fields": {"message": ending.message, "exit_code": ending.exit_code}})
    except InvestBotError as error:
        ending = Ending.failed(name, error)
        _LOG.error("failed", extra={"fields": {"message": ending.message, "exit_code": ending.exit_code}})
    except Exception as error:  # noqa: BLE001 - the one place where an instance's bugs end up
        ending = Ending.failed(name, error)
        _LOG.critical("crashed", exc_info=error, extra={"fields": {"exit_code": ending.exit_code}})
    report(ending)
    return ending


class Runner:
    """Hosts one engine from start to end; `run` it once."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._name = parts.identity.name
        self._stop_asked = asyncio.Event()
        self._link = parts.make_link(self.serve)
        self._jobs = parts.make_jobs(self._fail)
        self._phase = Phase.STARTING
        self._stream: AsyncIterator[MarketFact] | None = None
        self._loop: Loop | None = None
        self._live: LiveMarket | None = None
        self._summary: Callable[[], dict[str, Any]] = dict
        self._broken: BaseException | None = None
        self._began = self._beaten = parts.clock.monotonic()
        self._lag_ms = 0.0
        self._host = HostWatch(parts.host, self._began, lambda: OWN.look().rss_mb)
        self._anew: str | None = None
        self._engine: Engine | None = None
        self._listening: Listening | None = None
        self._pricing: Pricing | None = None

    async def run(self) -> Ending:
        """Work until the source ends, someone asks to stop, or an error (which is raised once all is closed)."""
        events = asyncio.get_running_loop()
        for number in _SIGNALS:
            events.add_signal_handler(number, self.stop)
        beside = [self._beside(self._link.run())]
        self._jobs.every(BEAT_S, self._beat, "beat")
        self._jobs.start()
        try:
            loop, stream = await self._or_stop(self._start())
            beside.append(self._beside(self._read(loop, stream)))
            if self._listening is not None:
                beside.append(self._beside(self._listening.run()))
            self._jobs.every(self._parts.poll_s, self._parts.venue.poll, "poll")
            self._jobs.every(self._parts.poll_s, self._tick, "timer")
            await loop.work()
            ending = Ending.done(f"{self._name} has worked through all its candles.", finished=True)
            loop.flush()
        except Stopped:
            ending = Ending.done(f"{self._name} was stopped.")
            if self._loop is not None:
                self._loop.flush()
                await self._wind_up(self._loop)
            if self._anew is not None:
                raise TryAgain(self._anew) from None
        finally:
            self._phase = Phase.STOPPING
            await self._close(*beside)
            for number in _SIGNALS:
                events.remove_signal_handler(number)
        return ending

    def stop(self) -> None:
        """Ask for an orderly end: the fact at hand is finished, the rest waits for the next start."""
        if not self._stop_asked.is_set():
            _LOG.info("stop_asked")
            self._stop_asked.set()
            if self._loop is not None:
                self._loop.stop()

    async def serve(self, request: InstanceRequest) -> Any:
        """Do what the supervisor asks and give the answer; InvestBotError when it cannot be done."""
        if request.action == "stop":
            self.stop()
            return {"action": "stop"}
        desk.check(request, self._parts.identity.symbols, self._name)
        if self._loop is None or self._phase is not Phase.READY or self._stop_asked.is_set():
            doing = "stopping" if self._stop_asked.is_set() else self._phase.value
            raise TryAgain(f"{self._name} is {doing}; ask again once it runs.")
        answer = await self._ask(self._loop, request)
        self._say()
        return answer

    async def _ask(self, loop: Loop, request: InstanceRequest) -> Any:
        if request.action != "configure":
            return await loop.ask(request, desk.from_outside(request))
        settings = self._parts.settings
        new = settings.read(request.by)
        answer: dict[str, Any] = {"action": request.action, "events": []}
        if self._engine is None or new.version != self._engine.state.version:
            answer = await loop.ask(request, new.at)
            settings.adopt()
        return answer | {"version": new.version, "applied": list(new.applied), "waiting": list(new.waiting)}

    async def _start(self) -> tuple[Loop, AsyncIterator[MarketFact]]:
        """Open the venue, replay the ledger, warm the indicators; give the loop and the stream it goes on with."""
        parts = self._parts
        instruments = await parts.venue.open(parts.identity.symbols)
        self._phase = Phase.WARMING
        found = await recovery.recover(parts, instruments, self._link.event)
        engine, later = found.engine, found.later
        self._stream = found.stream
        journal = Journal(parts.ledger, self._link.event, _GROUP)
        bound = max(parts.inbox_bound, len(later))
        self._loop = loop = Loop(self._name, engine, found.market, parts.venue, journal, bound, parts.clock.monotonic)
        if isinstance(found.market, LiveMarket):
            self._live = found.market
            self._live.hear(loop.hear)
            self._live.executor.start()
            if isinstance(parts.venue, Prices):
                self._pricing = Pricing(parts.venue, engine, self._live, loop.hear)
        loop.align(engine.spec.capital, parts.settings.at_start(engine.state.version, engine.state.waiting))
        for fact in later:
            await loop.put(fact)
        self._engine = engine
        self._summary = engine.summary
        if parts.sources:
            self._listening = Listening(parts.sources, loop.tick, parts.venue.now, lambda: engine.state.begun)
        self._phase = Phase.READY
        if self._broken is not None:
            loop.fail(self._broken)
        _LOG.info("ready", extra={"fields": {"replayed": found.replayed, "warmed": found.warmed, **self._health()}})
        self._say()
        return loop, found.stream

    async def _wind_up(self, loop: Loop) -> None:
        """Let orders that are on their way arrive, and hear what became of them, within seconds."""
        live = self._live
        if self._pricing is not None:
            self._pricing.end()
        if live is not None:
            live.hear(None)
            for conclude in loop.dismiss():
                live.keep(conclude)
            journal = Journal(self._parts.ledger, self._link.event, _GROUP)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ARRIVE_S):
                    await pump(live, journal, live.executor.quiet())

    async def _close(self, *beside: asyncio.Task[None]) -> None:
        """End in order: stream, whoever waits, link, ledger; what was durable stays so whatever fails here."""
        dialling, *reading = beside
        self._jobs.close()
        try:
            for task in reading:
                await _end(task)
            if self._live is not None:
                await self._live.executor.close()
            if isinstance(self._stream, AsyncGenerator):
                await self._stream.aclose()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await self._parts.venue.close()
        finally:
            if self._loop is not None:
                self._loop.dismiss()
            self._say()
            await self._link.flush()
            await _end(dialling)
            self._parts.ledger.close()

    async def _or_stop(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` unless a stop is asked for first, which breaks it off and raises `Stopped`."""
        task = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._stop_asked.wait())
        try:
            await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise Stopped
            return task.result()
        finally:
            await _end(stopped)
            await _end(task)

    async def _read(self, loop: Loop, stream: AsyncIterator[MarketFact]) -> None:
        """Bring market facts in, no faster than they are worked on."""
        async for fact in stream:
            await loop.put(fact)
            if isinstance(fact, SourceEnded):
                return
        raise InvariantError(f"The candles of {self._name} ended without a word from their venue.")

    def _beside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do `work` beside the loop; its failure is the loop's."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._look_at)
        return task

    def _look_at(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """Let the loop end with an error that happened beside it."""
        self._broken = error
        if self._loop is not None:
            self._loop.fail(error)

    async def _tick(self) -> None:
        if self._loop is not None:
            self._loop.tick(self._noticed())
        if self._pricing is not None:
            self._pricing.look()

    def _noticed(self) -> list[FactAt]:
        """Look at the machine; end in order, to be started anew, where memory runs out."""
        now = self._parts.clock.monotonic()
        engine = self._engine
        facts = list(self._host.facts(now, self._link.unheard_s(now), engine.state.paused)) if engine else []
        sentence = self._host.over_budget(now)
        may_end = engine is not None and (self._live is None or covered(engine.state))
        if sentence is not None and may_end and not self._stop_asked.is_set():
            self._anew = sentence
            self.stop()
        return facts

    async def _beat(self) -> None:
        """Say how things stand; comes round from the loop's own thread, so that a loop that hangs is noticed."""
        now = self._parts.clock.monotonic()
        self._lag_ms = max(0.0, (now - self._beaten - BEAT_S) * 1000)
        self._beaten = now
        self._say()

    def _say(self) -> None:
        loop, parts = self._loop, self._parts
        uptime_s = parts.clock.monotonic() - self._began
        seen = (loop.waiting, loop.candles, loop.pace.row()) if loop else (0, 0, {})
        pulse = Pulse(uptime_s, self._lag_ms, *seen)
        self._link.status(status_row(parts.identity, self._phase, self._summary(), pulse, self._health()))

    def _health(self) -> dict[str, str]:
        """Say how the venue is, its private side too where there is one."""
        private = {} if self._live is None else self._live.executor.health()
        heard = {} if self._listening is None else self._listening.health()
        return {**self._parts.venue.health(), **private, **heard}


async def _end(task: asyncio.Future[Any]) -> None:
    """Cancel a task and wait for its end; its own failure, if it had one, was told elsewhere."""
    task.cancel()
    await asyncio.wait((task,))
    if not task.cancelled():
        task.exception()
