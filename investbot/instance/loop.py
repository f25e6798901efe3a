"""The loop: one fact at a time through the engine, durable before anything leaves the process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from investbot.control.messages import InstanceRequest
from investbot.domain.errors import DataError, TryAgain, UsageError
from investbot.domain.events import Event
from investbot.domain.facts import Action, Fact, OperatorRequest, SourceEnded, Timer
from investbot.domain.market import Candle, Millis, Quality
from investbot.engine.engine import Engine
from investbot.instance import desk
from investbot.instance.desk import Asked
from investbot.instance.host import FactAt
from investbot.instance.inbox import Inbox
from investbot.instance.journal import Journal
from investbot.instance.pace import Pace
from investbot.instance.parts import Market
from investbot.instance.settings import NewSettings
from investbot.ports.venue import MarketFact, Venue

_CHECKPOINT_TICKS = 10
"""Ticks between two notes of the place in candles that lead to nothing."""


class Stopped(Exception):
    """An operator or the supervisor wants the instance to end."""


class Failed:
    """An error of a task beside the loop, on its way into it."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Heard:
    """What the private side of a venue told, as work for the loop."""

    def __init__(self, conclude: Callable[[], list[Event]]) -> None:
        self.conclude = conclude


class Tick:
    """Time may have passed on the venue, and the machine may tell facts, which get their moment when they come out."""

    def __init__(self, noticed: Sequence[FactAt]) -> None:
        self.noticed = noticed


Item = MarketFact | Asked | Heard | Failed | Tick | None


class Loop:
    """Works on what comes out of the inbox until the source ends, someone asks to stop, or an error."""

    def __init__(
        self,
        name: str,
        engine: Engine,
        market: Market,
        venue: Venue,
        journal: Journal,
        bound: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self.pace = Pace(monotonic)
        self._engine = engine
        self._market = market
        self._venue = venue
        self._journal = journal
        self._inbox: Inbox[Item] = Inbox(bound)
        self._waiting: list[Asked] = []
        self._early: list[MarketFact] = []
        self._last_at: Millis = max(engine.state.last_at, engine.state.last_candle_at)
        self._stopping = False
        self._ticks = 0
        self.candles = 0
        """How many candles this process has worked on."""

    @property
    def waiting(self) -> int:
        """How many items wait in the inbox."""
        return self._inbox.waiting

    def align(self, capital: Decimal, settings: NewSettings | None = None) -> None:
        """Book an allocation (quote) and settings that were changed while nothing ran."""
        state = self._engine.state
        if state.begun and state.capital != capital:
            self._on_fact(OperatorRequest(self._last_at, Action.ALLOCATE, None, capital, "configuration"))
        if settings is not None:
            self._on_fact(settings.at(self._last_at))
        self.commit()

    async def put(self, fact: MarketFact) -> None:
        """Bring a market fact in, as soon as there is room for it."""
        if isinstance(fact, Candle):
            self.pace.arrived()
        await self._inbox.put(fact)

    def hear(self, conclude: Callable[[], list[Event]]) -> None:
        """Bring in what the private side of a venue told."""
        self._inbox.put_now(Heard(conclude))

    def tick(self, noticed: Sequence[FactAt] = ()) -> None:
        """Say that time may have passed, and what the machine tells."""
        self._inbox.put_now(Tick(noticed))

    def fail(self, error: BaseException) -> None:
        """Let the loop end with an error that happened beside it."""
        self._inbox.put_now(Failed(error))

    def stop(self) -> None:
        """Let the loop end after the fact at hand; what waits is for the next start."""
        self._stopping = True
        self._inbox.put_now(None)

    async def ask(self, request: InstanceRequest, fact_at: FactAt | None = None) -> Any:
        """Put an operator's request in and wait for its answer; InvestBotError when nothing comes of it.

        `fact_at` makes the fact of a request that does not say all of it.
        """
        asked = Asked(request, asyncio.get_running_loop().create_future(), fact_at)
        self._inbox.put_now(asked)
        return await asked.answer

    async def work(self) -> None:
        """Work until the source has ended; `Stopped` on request, else the error that came up."""
        inbox = self._inbox
        while not self._stopping:
            item = await inbox.get()
            self.pace.facts += item is not None
            if isinstance(item, Candle):
                self._on_candle(item)
            elif isinstance(item, SourceEnded):
                self._on_fact(item)
                return
            else:
                self._on_other(item)
            # While more waits behind, one transaction takes several facts; a quiet market gets one for each.
            if self._journal.is_full or not inbox.waiting:
                self.commit()
        raise Stopped

    def commit(self) -> Sequence[tuple[int, Event]]:
        """Make all events so far durable, publish them, answer whoever waited for them; LedgerError."""
        numbered = self._journal.commit()
        self.pace.durable(self._venue.now)
        if numbered:
            self._market.committed([event for _, event in numbered])
        if self._waiting and numbered:
            state = self._engine.state
            for asked in [each for each in self._waiting if desk.is_settled(each.request, state)]:
                self._waiting.remove(asked)
                asked.grant(desk.answer(asked.request, state, numbered))
        return numbered

    def flush(self) -> None:
        """Make everything durable at an orderly end, the place in the candles too; LedgerError."""
        self.commit()
        self._journal.checkpoint()

    def dismiss(self) -> list[Callable[[], list[Event]]]:
        """Tell everybody who still waits that the instance ends; give what a live venue told and nobody worked on."""
        left = self._inbox.drain()
        for asked in (*self._waiting, *(item for item in left if isinstance(item, Asked))):
            asked.refuse(TryAgain(f"{self._name} is stopping; ask again once it runs."))
        return [item.conclude for item in left if isinstance(item, Heard)]

    def _on_candle(self, candle: Candle) -> None:
        if not self._engine.state.begun:
            self._journal.add(self._engine.begin(candle.opened_at))
        events = self._market.step(candle)
        self.candles += 1
        self._last_at = max(self._last_at, candle.at)
        self._journal.reach(candle)
        self.pace.worked(None if candle.quality is Quality.LATE else candle.closed_at)
        if events:
            self._journal.add(events)
        if self._early:
            early, self._early = self._early, []
            for fact in early:
                self._on_fact(fact)

    def _on_other(self, item: Item) -> None:
        match item:
            case Asked():
                self._on_request(item)
            case Heard():
                self._journal.add(item.conclude())
                self._last_at = max(self._last_at, self._engine.state.last_at)
            case Failed():
                self.commit()
                raise item.error
            case Tick():
                for fact_at in item.noticed:
                    self._on_fact(fact_at(self._moment()))
                self._on_tick()
            case None:
                pass
            case _ if self._engine.state.begun:
                self._on_fact(item)
            case _:
                self._early.append(item)

    def _on_fact(self, fact: Fact) -> list[Event]:
        """Let the engine conclude; without a first candle there is no capital to conclude anything about."""
        if not self._engine.state.begun:
            return []
        self._last_at = max(self._last_at, fact.at)
        events = self._market.handle(fact)
        self._journal.add(events)
        return events

    def _on_tick(self) -> None:
        """Tell the engine the time where it has moved since the last fact; candles that wait tell it better."""
        self._ticks += 1
        if self._ticks % _CHECKPOINT_TICKS == 0:
            self._journal.checkpoint()
        now = self._venue.now()
        if now > self._last_at and not self._inbox.market_waiting:
            self._on_fact(Timer(now))

    def _on_request(self, asked: Asked) -> None:
        state, request = self._engine.state, asked.request
        if not state.begun:
            asked.refuse(TryAgain(f"{self._name} has not seen its first candle yet; ask again in a moment."))
        elif request.action == "size":
            self._size(asked)
        else:
            self.commit()
            fact_at = asked.fact_at or partial(desk.as_fact, request)
            error = desk.refusal(self._on_fact(fact_at(self._moment())))
            told = self.commit()
            if error is not None:
                asked.refuse(error)
            elif desk.is_settled(request, state):
                asked.grant(desk.answer(request, state, told))
            else:
                self._waiting.append(asked)

    def _size(self, asked: Asked) -> None:
        try:
            asked.grant(desk.size(self._engine, asked.request))
        except (UsageError, DataError) as error:
            asked.refuse(error)

    def _moment(self) -> Millis:
        """When a request counts as made: now on the venue, but never ahead of candles that still wait here."""
        return self._last_at if self._inbox.market_waiting else max(self._last_at, self._venue.now())
