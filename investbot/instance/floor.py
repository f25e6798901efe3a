"""What everybody shares who looks after orders on a venue: whom to ask, whom to tell, how long to wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from investbot.domain.errors import RateLimited, VenueError
from investbot.domain.facts import Fact
from investbot.domain.market import Millis
from investbot.domain.order import Fill, OrderReport
from investbot.engine.engine import Engine
from investbot.instance.own_orders import OwnOrder, OwnOrders
from investbot.instance.patience import Pace, Pauses, Turns, Waits
from investbot.instance.troubles import Troubles
from investbot.ports.trading import TradingVenue

T = TypeVar("T")
FIRST_S, MOST_S = 1.0, 30.0
"""The shortest and the longest pause between two tries at a venue that fails, in seconds."""


class Floor:
    """One account's trading floor. `engine.state` is read here and never written; `now` is the venue's time."""

    def __init__(
        self,
        engine: Engine,
        venue: TradingVenue,
        now: Callable[[], Millis],
        tell: Callable[[Sequence[Fact]], None],
        pace: Pace,
        waits: Waits,
    ) -> None:
        self.engine = engine
        self.venue = venue
        self.now = now
        self.pace = pace
        self.waits = waits
        self.orders = OwnOrders()
        self.turns = Turns()
        self._tell = tell
        self.troubles = Troubles(engine.state, self.tell, now, pace.monotonic, waits.lost_s)
        self.reconcile_soon: Callable[[], None] = self.turns.stir
        self.look_after: Callable[[OwnOrder], None] = self.orders.add
        """Sees an order through."""

    @property
    def absent_s(self) -> float:
        """Seconds that an order must be unknown to the venue to count as never accepted: twice its read lag."""
        return max(self.waits.absent_s, 2 * self.venue.capabilities.read_lag_ms / 1000)

    def tell(self, *facts: Fact) -> None:
        """Tell the engine, in one breath."""
        if facts:
            self._tell(facts)

    def report(self, own: OwnOrder, reports: Sequence[Fill | OrderReport]) -> None:
        """Tell the engine of one order, and whoever waits for it that it may be done."""
        self.orders.remember(own.order, own.venue_order_id)
        for report in reports:
            if isinstance(report, Fill):
                self.orders.book(report.symbol, report.trade_id, report.at)
        self.tell(*reports)
        if own.done:
            own.news.set()
        self.turns.stir()

    def pauses(self) -> Pauses:
        """Give the pauses between tries at a venue that fails."""
        return Pauses(self.pace, FIRST_S, MOST_S)

    def failed(self, error: VenueError, pauses: Pauses) -> float:
        """Note a failure; give the seconds to wait before the next try."""
        self.troubles.met(error)
        return error.retry_after_s if isinstance(error, RateLimited) else pauses.next()

    async def ask(self, question: Callable[[], Awaitable[T]]) -> T:
        """Ask what may be asked again, until there is an answer."""
        pauses = self.pauses()
        while True:
            try:
                answer = await question()
            except VenueError as error:
                pause = self.failed(error, pauses)
            else:
                self.troubles.over()
                return answer
            await self.pace.sleep(pause)

    def exits_wait(self) -> bool:
        """Tell whether something is being done about an order that reduces a position."""
        return any(own.busy and not own.is_entry for own in self.orders.open.values())
