"""The engine with its orders on a real venue: decisions go out once they are durable, answers come back as facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from investbot.domain.events import CancelRequested, Event, OrderChanged, OrderFilled, OrderPlaced
from investbot.domain.facts import Fact
from investbot.domain.market import Candle, Instrument, Millis
from investbot.domain.order import Fill, Order, OrderReport, OrderState, Role
from investbot.engine.engine import Engine
from investbot.instance.executor import Executor, Past
from investbot.instance.lost_orders import Restored
from investbot.instance.patience import Pace, Waits
from investbot.ports.ledger import Ledger
from investbot.ports.trading import TradingVenue

Conclude = Callable[[], list[Event]]
_RECENT = 4096
"""Events of the ledger in which orders of ours are looked for that may be done already."""
_IN_DOUBT = frozenset({OrderState.SENT, OrderState.UNKNOWN})


class LiveMarket:
    """`instance.parts.Market` over a venue. Nothing reaches the venue before `committed` says that it is durable.

    What the venue tells is given to whoever `hear`s, as work to be done in the loop; until somebody does, it waits.
    """

    def __init__(
        self,
        engine: Engine,
        venue: TradingVenue,
        now: Callable[[], Millis],
        pace: Pace | None = None,
        waits: Waits | None = None,
        restored: Restored | None = None,
    ) -> None:
        if not (venue.capabilities.stop_market or venue.capabilities.stop_limit):
            engine.spec = replace(engine.spec, stops_rest=False)
        self._engine = engine
        self._restored = restored
        self.executor = Executor(engine, venue, now, self._tell, pace, waits)
        self._hearer: Callable[[Conclude], None] | None = None
        self._unheard: list[Conclude] = []

    def step(self, candle: Candle) -> list[Event]:
        """Let the engine decide at the close of a candle."""
        return self._on_their_way(self._engine.handle(candle))

    def handle(self, fact: Fact) -> list[Event]:
        """Let the engine conclude from any other fact."""
        return self._on_their_way(self._engine.handle(fact))

    def committed(self, events: Sequence[Event]) -> None:
        """Do on the venue what durable events ask for; what is withdrawn in the same breath is never sent."""
        self.executor.place(event.order for event in events if isinstance(event, OrderPlaced))
        for event in events:
            if isinstance(event, CancelRequested):
                self.executor.withdraw(event.order_id)
            elif isinstance(event, OrderChanged) and event.state is OrderState.SENT:
                self.executor.recorded(event.order_id)
        self.executor.floor.turns.stir()

    def hear(self, hearer: Callable[[Conclude], None] | None) -> None:
        """Give what the venue tells to `hearer` from now on, what nobody has heard yet first; None: keep it."""
        self._hearer = hearer
        if hearer is not None:
            unheard, self._unheard = self._unheard, []
            for conclude in unheard:
                hearer(conclude)

    def keep(self, conclude: Conclude) -> None:
        """Take back what was heard and not worked on."""
        self._unheard.append(conclude)

    async def recover(self, instruments: Mapping[str, Instrument], ledger: Ledger, last: int) -> None:
        """See `Executor.recover`; `last` is the ledger's last seq."""
        recent: list[Past] = []
        placed: dict[str, Order] = {}
        sent: dict[str, Millis] = {}
        for event in (recorded.event for recorded in ledger.events(max(0, last - _RECENT))):
            if isinstance(event, OrderPlaced):
                placed[event.order.order_id] = event.order
                recent.append((event.order, None))
            elif isinstance(event, OrderFilled):
                recent.append(event)
            elif isinstance(event, OrderChanged):
                if event.state in _IN_DOUBT:
                    sent[event.order_id] = event.at
                if event.venue_order_id and event.order_id in placed:
                    recent.append((placed[event.order_id], event.venue_order_id))
        back = self._restored
        if back is not None and back.is_settled(recorded.event for recorded in ledger.events(back.seq)):
            back = None
        await self.executor.recover(instruments, recent, sent, back)

    def _on_their_way(self, events: list[Event]) -> list[Event]:
        """Say SENT of entries in the breath that intends them, so that one transaction and not two comes before them.

        After a crash in between they are looked up and found absent, which costs seconds; a stop, which cannot spare
        them, is only intended until it is sent.
        """
        entries = [each.order for each in events if isinstance(each, OrderPlaced) and each.order.role is Role.ENTRY]
        if not entries:
            return events
        now = self.executor.floor.now()
        return [*events, *self._engine.take([OrderReport(now, each.order_id, OrderState.SENT) for each in entries])]

    def _tell(self, facts: Sequence[Fact]) -> None:
        conclude = partial(self._conclude, facts)
        if self._hearer is None:
            self._unheard.append(conclude)
        else:
            self._hearer(conclude)

    def _conclude(self, facts: Sequence[Fact]) -> list[Event]:
        """Let the engine conclude; reports of one breath are booked before anything is decided about them."""
        if not self._engine.state.begun:
            return []
        reports = [fact for fact in facts if isinstance(fact, Fill | OrderReport)]
        events = list(self._engine.take(reports)) if reports else []
        for fact in facts:
            if not isinstance(fact, Fill | OrderReport):
                events += self._engine.handle(fact)
        self.executor.floor.turns.stir()
        return events
