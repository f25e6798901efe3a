"""From durable events to orders on a venue, and from what the venue tells back to facts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from investbot.domain.errors import AuthFailed, VenueError
from investbot.domain.events import OrderFilled
from investbot.domain.facts import Fact
from investbot.domain.market import Instrument, Millis
from investbot.domain.order import Order, OrderState
from investbot.engine.engine import Engine
from investbot.engine.kept import keeps_stop
from investbot.instance.floor import Floor
from investbot.instance.listening import Listener
from investbot.instance.lost_orders import Restored, hold, settle
from investbot.instance.order_keeper import OrderKeeper
from investbot.instance.own_orders import OwnOrder
from investbot.instance.patience import Pace, Waits
from investbot.instance.reconciling import Reconciler
from investbot.instance.surfacing import Surfacing
from investbot.ports.trading import TradingVenue

_LOG = logging.getLogger("investbot.instance")
Past = tuple[Order, str | None] | OrderFilled
_ACCEPTED = frozenset({OrderState.ACKNOWLEDGED, OrderState.PARTLY_FILLED})
_BROKEN_S = 5.0
"""Seconds before work that an unforeseen error broke off is taken up again."""


class Executor:
    """Looks after all orders of one instance, one task an order; nothing that happens in here ends the loop."""

    def __init__(
        self,
        engine: Engine,
        venue: TradingVenue,
        now: Callable[[], Millis],
        tell: Callable[[Sequence[Fact]], None],
        pace: Pace | None = None,
        waits: Waits | None = None,
    ) -> None:
        self.floor = Floor(engine, venue, now, tell, pace or Pace(), waits or Waits())
        surfacing = Surfacing(self.floor)
        self._listener = Listener(self.floor, surfacing)
        self._reconciler = Reconciler(self.floor, surfacing)
        self.floor.look_after = self._keep
        self._tasks: set[asyncio.Task[None]] = set()
        self._unknown: set[str] = set()
        self._closed = False
        self._started = False

    # ---- what the engine wants ---------------------------------------------------------------------------------

    def place(self, orders: Iterable[Order]) -> None:
        """Send orders that are durable, those that reduce a position first."""
        for order in sorted(orders, key=lambda order: OwnOrder(order).is_entry):
            self._keep(OwnOrder(order))

    def recorded(self, order_id: str) -> None:
        """Let an order go out whose sending is durable now."""
        own = self.floor.orders.open.get(order_id)
        if own is not None:
            own.recorded()

    def withdraw(self, order_id: str) -> None:
        """Cancel an order; nothing when it is done already."""
        own = self.floor.orders.open.get(order_id)
        if own is not None:
            own.withdraw()
            self.floor.turns.stir()

    # ---- its own life ------------------------------------------------------------------------------------------

    async def recover(
        self,
        instruments: Mapping[str, Instrument],
        recent: Iterable[Past],
        sent: Mapping[str, Millis],
        restored: Restored | None = None,
    ) -> None:
        """Connect, and find out about every order an earlier process may have sent, before anything else is done.

        `recent` are orders made lately, which are ours although they are done, each with the venue's id of it where
        that was told, and fills that were booked; `sent` tells when orders (by id) were sent, in venue time
        (milliseconds); orders that a `restored` ledger lacks are asked for before any entry. Returns once all is known,
        or when the key is refused although something is held: then it goes on in the background. AuthFailed when
        nothing is held; DataError, ConfigError for settings no patience helps with.
        """
        floor = self.floor
        await self._connect_once(instruments)
        for past in recent:
            if isinstance(past, OrderFilled):
                floor.orders.book(past.symbol, past.trade_id, past.at)
            else:
                floor.orders.remember(*past)
        for known in floor.engine.state.orders.values():
            order_id = known.order.order_id
            self._unknown.add(order_id)
            self._keep(OwnOrder.known(known, sent.get(order_id), accepted=known.state in _ACCEPTED))
        await floor.turns.until(lambda: not self._unsettled() or floor.troubles.refused)
        if restored is not None:
            hold(floor, restored)
            work = self._beside(settle(floor, restored), "restored")
            await floor.turns.until(lambda: work.done() or floor.troubles.refused)

    async def reconcile(self) -> None:
        """Compare ledger and venue now; at once over while the key is refused."""
        if not self.floor.troubles.refused:
            work = self._beside(self._reconciler.once(), "reconcile")
            await self.floor.turns.until(lambda: work.done() or self.floor.troubles.refused)

    def start(self) -> None:
        """Begin to listen, to poll, and to compare every so often; nothing when that has begun already."""
        if self._started:
            return
        self._started = True
        for name, work in (
            ("listen", self._listener.listen),
            ("poll", self._listener.poll),
            ("reconcile", self._reconciler.run),
        ):
            self._for_ever(name, work)

    def is_quiet(self) -> bool:
        """Tell whether nothing is being sent, withdrawn or looked up."""
        return not any(own.busy for own in self.floor.orders.open.values())

    async def quiet(self) -> None:
        """Wait until nothing is being sent, withdrawn or looked up."""
        await self.floor.turns.until(self.is_quiet)

    async def until(self, check: Callable[[], bool], seconds: float) -> None:
        """Wait until `check` of the engine's state is true, at most so many seconds by the wall."""
        waiting = self._beside(self.floor.turns.until(check), "until")
        late = self._beside(self._late(seconds), "late")
        await asyncio.wait((waiting, late), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        late.cancel()

    async def until_compared(self, seconds: float) -> None:
        """Compare ledger and venue once more, at most so many seconds by the wall."""
        comparing = self._beside(self._reconciler.once(), "compare")
        await self.until(comparing.done, seconds)
        comparing.cancel()

    async def close(self) -> None:
        """Stop all work, then let go of the venue; what was under way is found out at the next start."""
        self._closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self.floor.venue.close()

    def health(self) -> dict[str, str]:
        """Say how the private side is, for the operator."""
        floor, found = self.floor, self._reconciler.found
        spec, held = floor.engine.spec, [h for h in floor.engine.state.holdings.values() if h.quantity]
        kept = sorted(h.plan.symbol for h in held if h.stop_refused or keeps_stop(h, spec))
        return {
            "orders": floor.troubles.reason or "ok",
            "own_orders": "stream" if self._listener.streaming else "polling",
            "reconciled": " ".join(found) or ("agreed" if self._reconciler.rounds else "not yet"),
            "stops": f"kept here: {', '.join(kept)}" if kept else "on the venue" if spec.stops_rest else "kept here",
        }

    # ---- how ---------------------------------------------------------------------------------------------------

    async def _connect_once(self, instruments: Mapping[str, Instrument]) -> None:
        """Connect, as often as it takes; while the key is refused with something held, that goes on behind."""
        floor, state = self.floor, self.floor.engine.state
        at_stake = bool(state.orders) or any(holding.quantity for holding in state.holdings.values())
        pauses = floor.pauses()
        while True:
            try:
                await floor.venue.connect(instruments)
            except AuthFailed as error:
                pause = floor.failed(error, pauses)
                if not at_stake:
                    raise
                _ = self._beside(self._connect_later(instruments, pause), "connect")
                return
            except VenueError as error:
                pause = floor.failed(error, pauses)
            else:
                floor.troubles.over()
                return
            await floor.pace.sleep(pause)

    async def _connect_later(self, instruments: Mapping[str, Instrument], pause_s: float) -> None:
        await self.floor.pace.sleep(pause_s)
        await self.floor.ask(lambda: self.floor.venue.connect(instruments))
        self.floor.reconcile_soon()

    def _keep(self, own: OwnOrder) -> None:
        self.floor.orders.add(own)
        self._work_on(own)

    def _work_on(self, own: OwnOrder) -> None:
        order_id = own.order.order_id

        def over(task: asyncio.Task[None]) -> None:
            self._unknown.discard(order_id)
            if task.cancelled() or task.exception() is None:
                self.floor.orders.open.pop(order_id, None)
                self.floor.turns.stir()
            elif not self._closed:
                own.busy = True
                _ = self._beside(self._again(own), f"again {order_id}")

        self._beside(OrderKeeper(own, self.floor).run(), order_id).add_done_callback(over)

    async def _again(self, own: OwnOrder) -> None:
        """Take an order up again that an unforeseen error dropped: what became of it is looked up."""
        await self.floor.pace.sleep(_BROKEN_S)
        self._work_on(own)

    def _unsettled(self) -> bool:
        """Tell whether something is not known yet of an order from before this start."""
        orders = self.floor.orders.open
        self._unknown = {name for name in self._unknown if name in orders and orders[name].busy}
        return bool(self._unknown)

    def _for_ever(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        def again(task: asyncio.Task[None]) -> None:
            if not (task.cancelled() or self._closed):
                _ = self._beside(self._later(name, work), name)

        self._beside(work(), name).add_done_callback(again)

    async def _late(self, seconds: float) -> None:
        await self.floor.pace.sleep(seconds)

    async def _later(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await self.floor.pace.sleep(_BROKEN_S)
        self._for_ever(name, work)

    def _beside(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.floor.troubles.bug(task.get_name(), error)
        self.floor.turns.stir()
