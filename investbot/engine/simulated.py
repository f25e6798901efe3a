"""The engine with its orders matched by a simulated book: the one way backtest and paper trading run."""

from __future__ import annotations

from collections.abc import Sequence

from investbot.domain.events import CancelRequested, Event, OrderPlaced
from investbot.domain.facts import Action, Fact, OperatorRequest, SettingsChanged, SourceEnded
from investbot.domain.market import Candle
from investbot.domain.order import Fill, OrderReport, OrderType
from investbot.engine.engine import Engine
from investbot.simulation.book import Book


class SimulatedMarket:
    """One candle (or other fact) in, all events of it out; everything in between happens at once."""

    def __init__(self, engine: Engine, book: Book) -> None:
        """Give `book` the orders that `engine` already knows of: after a replay both go on where they were."""
        self._engine = engine
        self._book = book
        state = engine.state
        book.restore(
            [(o.order, o.filled) for o in state.orders.values()],
            {holding.plan.plan_id: holding.quantity for holding in state.holdings.values()},
        )

    def step(self, candle: Candle) -> list[Event]:
        """Match resting orders at the open, then within the bar, then let the engine decide at the close."""
        events: list[Event] = []
        engine = self._engine
        if engine.state.orders and engine.is_news(candle):
            missed = engine.miss(candle)
            if missed:
                self._route(missed, events)
            if self._book.touched(candle):
                self._take(self._book.open(candle), events)
                self._take(self._book.within(candle), events)
        decided = engine.handle(candle)
        if decided:
            self._route(decided, events)
        return events

    def handle(self, fact: Fact) -> list[Event]:
        """Take any other fact in; market orders that it leads to, or hurries, fill at once at the last close.

        Those that a candle led to wait for the next open, however many other facts come before it.
        """
        events: list[Event] = []
        self._route(self._engine.handle(fact), events)
        if isinstance(fact, SettingsChanged):
            self._book.charge(self._engine.spec.costs)
        for symbol in self._hurried(fact, events):
            self._take(self._book.now(symbol, self._engine.state.marks[symbol], fact.at), events)
        return events

    def committed(self, events: Sequence[Event]) -> None:
        """Do nothing: the book has had its orders while they were decided, for it keeps nothing the ledger has not."""

    def _hurried(self, fact: Fact, events: Sequence[Event]) -> list[str]:
        """Name the symbols whose open market orders do not wait for the next open, oldest first."""
        new = {event.order.order_id for event in events if isinstance(event, OrderPlaced)}
        leaving = [o.order for o in self._engine.state.orders.values() if o.order.type is OrderType.MARKET]
        return [order.symbol for order in leaving if order.order_id in new or _hurries(fact, order.symbol)]

    def _take(self, reports: Sequence[Fill | OrderReport], events: list[Event]) -> None:
        if reports:
            self._route(self._engine.take(reports), events)

    def _route(self, decided: list[Event], events: list[Event]) -> None:
        """Hand orders and cancels to the book, and what it answers to the engine, until nothing is left to say.

        All of `decided` is applied already, so all of it is recorded before anything that follows from it.
        """
        events += decided
        for event in decided:
            if isinstance(event, OrderPlaced):
                self._take(self._book.submit(event.order), events)
            elif isinstance(event, CancelRequested):
                self._take(self._book.cancel(event.order_id, event.at), events)


def _hurries(fact: Fact, symbol: str) -> bool:
    """Tell whether `fact` wants to be out of `symbol` now."""
    match fact:
        case OperatorRequest(action=Action.FLATTEN) | SourceEnded(close=True):
            return True
        case OperatorRequest(action=Action.CLOSE):
            return fact.symbol == symbol
        case _:
            return False
