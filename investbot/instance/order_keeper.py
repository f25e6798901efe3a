"""The life of one order on a venue: sent once, looked up when in doubt, its fills told before its end."""

from __future__ import annotations

import itertools
import logging
from dataclasses import replace
from decimal import Decimal

from investbot.domain.errors import AuthFailed, NoStopsHere, OrderRejected, RateLimited, VenueError, VenueUnavailable
from investbot.domain.market import DAY, HOUR, MINUTE, Millis
from investbot.domain.order import DONE, Fill, OrderReport, OrderState, OrderType, Side, TimeInForce
from investbot.engine.orders import GONE, NEVER_ACCEPTED, NO_STOPS
from investbot.instance.floor import Floor
from investbot.instance.own_orders import OwnOrder
from investbot.instance.patience import Pauses
from investbot.ports.trading import VenueOrder

_LOG = logging.getLogger("investbot.instance")
_LOOK_S, _MOST_LOOK_S = 0.25, 4.0
"""The shortest and the longest pause between two looks at an order that is about to change, in seconds."""
_LOOKS = 6
"""Looks at an order that was withdrawn before it is withdrawn again; fewest looks at one that seems absent."""
_MARGINS = (MINUTE, HOUR, DAY)
"""How long before an order was decided its fills are looked for, in milliseconds, look by look: clocks differ."""
_LATE_LOOKS, _LATE_S = 2, 0.25
"""Looks, and seconds between the first and the last, at an order that was sent long before this process began."""


class OrderKeeper:
    """Sees one order through; everything about it happens here, one thing after the other."""

    def __init__(self, own: OwnOrder, floor: Floor) -> None:
        self._own = own
        self._order = own.order
        self._floor = floor
        self._venue = floor.venue

    async def run(self) -> None:
        """Work until the order is done and the engine was told so."""
        own = self._own
        if own.accepted:
            await self._look()
        elif own.tried:
            await self._find()
        else:
            await self._send()
        while not own.done:
            if own.cancel_wanted:
                await self._withdraw()
            elif self._order.type is OrderType.MARKET or self._order.time_in_force is TimeInForce.IOC:
                await self._follow()
            else:
                await self._rest()

    # ---- sending -----------------------------------------------------------------------------------------------

    async def _send(self) -> None:
        """Send the order, once. What a venue surely did not get may be sent later, an entry only within seconds."""
        own, floor = self._own, self._floor
        pauses, began_s = floor.pauses(), floor.pace.monotonic()
        await self._after_the_other()
        while self._may_go():
            if own.is_entry and floor.exits_wait():
                if not await self._patience_left(began_s, _LOOK_S, "exits come first"):
                    return
                continue
            if not own.sent and not await self._recorded():
                continue
            own.tried = True
            try:
                report = await self._venue.submit(self._order)
            except OrderRejected as error:
                floor.troubles.over()
                self._end(OrderState.REJECTED, NO_STOPS if isinstance(error, NoStopsHere) else str(error))
                if not own.is_entry:
                    floor.reconcile_soon()
                return
            except (VenueUnavailable, RateLimited, AuthFailed) as error:
                own.tried = False  # it certainly did not arrive
                pause = floor.failed(error, pauses)
                if not await self._patience_left(began_s, pause, f"not sent: {error}"):
                    return
            except VenueError as error:
                floor.troubles.met(error)
                self._say(OrderState.UNKNOWN, str(error))
                await self._find()
                return
            else:
                floor.troubles.over()
                await self._accepted(report)
                return

    async def _recorded(self) -> bool:
        """See that the ledger says SENT before the venue hears of the order; False when it is withdrawn meanwhile.

        So an order that is only intended in the ledger of the next start was certainly never sent.
        """
        own, known = self._own, self._floor.engine.state.orders.get(self._order.order_id)
        if known is not None and known.state is not OrderState.INTENDED:
            own.recorded()  # an earlier try said so, and was broken off before it could go on
        else:
            self._say(OrderState.SENT)
        await self._floor.turns.until(lambda: own.sent or own.cancel_wanted)
        return own.sent

    async def _after_the_other(self) -> None:
        """Let what this order replaces be gone, and the engine know, before anything else.

        That may be more than one: an order that is itself replaced while it waits leaves those before it behind.
        """
        if self._order.replaces is None:
            return
        known, plan_id = self._floor.engine.state.orders, self._order.plan_id
        earlier = [o for o in self._floor.orders.open.values() if o.order.plan_id == plan_id and o.order.stop_price]
        before = earlier[: earlier.index(self._own)]
        for other in before:
            other.withdraw()
        gone = {other.order.order_id for other in before} | {self._order.replaces}
        await self._floor.turns.until(lambda: not gone & known.keys() or self._own.cancel_wanted)

    def _may_go(self) -> bool:
        """Tell whether the order still makes sense; end it where it does not."""
        own, state, order = self._own, self._floor.engine.state, self._order
        holding = state.holdings.get(order.plan_id)
        held = Decimal(0) if holding is None else holding.quantity
        if own.cancel_wanted:
            self._end(OrderState.CANCELLED, "withdrawn before it was sent")
        elif own.is_entry and own.late:
            self._end(OrderState.REJECTED, "never sent, and its moment has passed")
        elif order.side is Side.SELL and order.quantity > held:
            self._end(OrderState.CANCELLED, f"only {held} is held")
        return not own.done

    async def _patience_left(self, began_s: float, pause_s: float, reason: str) -> bool:
        """Wait before the next try, or give an entry up whose moment has passed; what reduces is never given up."""
        own, floor = self._own, self._floor
        if own.is_entry and floor.pace.monotonic() - began_s + pause_s > floor.waits.entry_s:
            self._end(OrderState.REJECTED, reason)
            return False
        await self._floor.pace.either(own.news, pause_s)
        own.news.clear()
        return True

    async def _accepted(self, report: OrderReport) -> None:
        own = self._own
        own.accepted = True
        own.venue_order_id = report.venue_order_id
        self._say(OrderState.ACKNOWLEDGED)
        if report.state is not OrderState.ACKNOWLEDGED:
            await self._look()
        elif self._order.time_in_force is TimeInForce.IOC and not self._venue.capabilities.ioc:
            own.cancel_wanted = True

    # ---- finding out -------------------------------------------------------------------------------------------

    async def _find(self) -> None:
        """Look for an order that the venue may have, with patience; it is never sent again."""
        floor, own = self._floor, self._own
        began_s, began_at, looks, pauses = floor.pace.monotonic(), floor.now(), 0, self._looks()
        while not own.done:
            found = await floor.ask(lambda: self._venue.lookup(self._order))
            if found is not None:
                if not await self._learn(found):
                    await self._look()
                return
            looks += 1
            here_s = floor.pace.monotonic() - began_s
            if (looks >= _LOOKS and here_s >= floor.absent_s) or self._long_gone(looks, here_s, began_at):
                await self._absent()
                return
            await floor.pace.sleep(pauses.next())

    def _long_gone(self, looks: int, here_s: float, began_at: Millis) -> bool:
        """Tell whether an earlier process sent the order so long ago that no read lags behind it any more.

        The venue's time since then becomes seconds of the wall by how fast that time has run here (`here_s` seconds
        since `began_at`); a clock that hardly runs, as one that was just corrected, tells nothing.
        """
        own, floor = self._own, self._floor
        if own.sent_at is None or own.accepted or looks < _LATE_LOOKS or here_s < _LATE_S:
            return False
        passed = floor.now() - began_at
        return passed >= here_s * 500 and (floor.now() - own.sent_at) / passed * here_s >= 2 * floor.absent_s

    async def _absent(self) -> None:
        """Conclude that the venue does not have the order, unless a fill of it says otherwise."""
        if await self._fills(self._own.venue_order_id, DAY):
            _LOG.error("order_unknown_but_filled", extra={"fields": {"order_id": self._order.order_id}})
        if self._own.done:
            return
        if self._own.accepted or self._own.filled:
            self._end(OrderState.CANCELLED, GONE)
        else:
            self._end(OrderState.REJECTED, NEVER_ACCEPTED)
        self._floor.reconcile_soon()

    async def _look(self) -> None:
        """Look what became of the order, until order and fills tell the same story."""
        pauses, margins = self._looks(), itertools.chain(_MARGINS, itertools.repeat(DAY))
        while not self._own.done:
            found = await self._floor.ask(lambda: self._venue.lookup(self._order))
            if found is None:
                await self._find()
                return
            if await self._learn(found, next(margins)):
                return
            await self._floor.pace.sleep(pauses.next())

    async def _learn(self, found: VenueOrder, margin: Millis = MINUTE) -> bool:
        """Take in what the venue tells, fills first; False when it tells of fills that it does not show yet."""
        own = self._own
        if not own.accepted:
            own.accepted = True
            own.venue_order_id = found.venue_order_id
            self._say(OrderState.ACKNOWLEDGED)
        if found.filled > own.filled:
            await self._fills(found.venue_order_id, margin)
        if own.filled < found.filled:
            return False
        if found.report.state in DONE and not own.done:
            own.done = True
            self._floor.report(own, [self._final(found.report)])
        return True

    def _final(self, report: OrderReport) -> OrderReport:
        """Put an end into the engine's words: what has filled in part was not rejected."""
        partly = report.state is OrderState.REJECTED and self._own.filled > 0
        state = OrderState.CANCELLED if partly else report.state
        return replace(report, order_id=self._order.order_id, state=state)

    async def _fills(self, venue_order_id: str | None, margin: Millis) -> list[Fill]:
        """Tell the engine what it does not know yet of the order's fills."""
        order = self._order
        since = order.placed_at - margin
        pairs = await self._floor.ask(lambda: self._venue.fills(order.symbol, None, since))
        fresh = self._own.take(
            fill
            for owner, fill in pairs
            if fill.order_id == order.client_order_id or (venue_order_id is not None and owner == venue_order_id)
        )
        self._floor.report(self._own, fresh)
        return fresh

    # ---- living ------------------------------------------------------------------------------------------------

    async def _rest(self) -> None:
        """Wait for news of an order that rests."""
        own = self._own
        own.busy = False
        self._floor.turns.stir()
        await own.news.wait()
        own.busy = True
        own.news.clear()
        if not (own.cancel_wanted or own.done):
            await self._look()

    async def _follow(self) -> None:
        """See an order through that never rests."""
        own, pauses = self._own, self._looks()
        while not (own.done or own.cancel_wanted):
            await self._look()
            if not own.done:
                await self._floor.pace.either(own.news, pauses.next())
                own.news.clear()

    async def _withdraw(self) -> None:
        """Cancel until the venue tells that the order is done, whichever way."""
        own, venue = self._own, self._venue
        await self._floor.ask(lambda: venue.cancel(self._order, own.venue_order_id))
        pauses = self._looks()
        for _ in range(_LOOKS):
            await self._look()
            if own.done:
                return
            await self._floor.pace.sleep(pauses.next())

    # ---- telling -----------------------------------------------------------------------------------------------

    def _say(self, state: OrderState, reason: str = "") -> None:
        own = self._own
        self._floor.report(
            own, [OrderReport(self._floor.now(), self._order.order_id, state, own.venue_order_id, reason)]
        )

    def _end(self, state: OrderState, reason: str) -> None:
        """Tell the end of the order; all its fills were told before."""
        self._own.done = True
        self._say(state, reason)

    def _looks(self) -> Pauses:
        return Pauses(self._floor.pace, _LOOK_S, _MOST_LOOK_S)
