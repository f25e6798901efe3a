"""Orders that a restored ledger knows nothing of, because they were made after the moment it was taken back to.

Client order ids are a function of the instance's namespace and the order's own id, so the orders that must have come
next can be asked for by name. A restored instance has a namespace of its own from then on: nothing it makes is ever
taken for one of those. Until the venue has been asked entries are paused. What is found is left as it is, for a stop
among it may protect something; it is said, and entries stay paused until an operator has settled it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from decimal import Decimal

from investbot.domain.events import EntriesResumed, Event
from investbot.domain.facts import Action, OperatorRequest
from investbot.domain.market import Millis
from investbot.domain.order import DONE, Order, OrderType, Role, Side
from investbot.engine.orders import client_order_id
from investbot.instance.floor import Floor
from investbot.ports.trading import VenueOrder

_LOG = logging.getLogger("investbot.instance")
_MISSES = 3
"""Ids in a row that the venue does not know, after which no more of their kind are asked for."""
_MOST = 200
"""Plans, and orders of one role of a plan, that are asked for at most."""
_EXITS = (Role.STOP, Role.TARGET, Role.EXIT, Role.FLATTEN)
CAUSE = "restored"
"""Why entries are paused until the venue has been asked."""


@dataclass(frozen=True, slots=True)
class Restored:
    """That a ledger was taken back: its last event then, and the namespaces in which orders were made before."""

    seq: int
    namespaces: tuple[str, ...]

    def is_settled(self, events: Iterable[Event]) -> bool:
        """Tell whether the venue was asked already; `events` are those since the restore."""
        return any(isinstance(event, EntriesResumed) and event.cause == CAUSE for event in events)


def hold(floor: Floor, restored: Restored) -> None:
    """Pause entries until the venue has been asked."""
    why = f"the restore to event {restored.seq}, until the venue was asked for orders of after it"
    floor.tell(OperatorRequest(floor.now(), Action.PAUSE, by=why, cause=CAUSE))


async def settle(floor: Floor, restored: Restored) -> None:
    """Ask the venue for orders the ledger must have lost, say which, and let go of entries where there are none."""
    found = [told async for told in _look(floor, restored)]
    if found:
        sentence = " ".join(found)
        _LOG.error("orders_lost", extra={"fields": {"restored_to": restored.seq, "message": sentence}})
        why = (
            f"the restore to event {restored.seq}, whose ledger lacks {sentence} Settle that at the venue, then resume"
        )
        floor.tell(OperatorRequest(floor.now(), Action.PAUSE, by=why))
    floor.tell(OperatorRequest(floor.now(), Action.RESUME, by="the restore", cause=CAUSE))


async def _look(floor: Floor, restored: Restored) -> AsyncIterator[str]:
    """Name the orders that are open or did something."""
    state = floor.engine.state
    first = state.plans_made + 1
    for namespace in restored.namespaces:
        plans = list(state.holdings)
        async for order_id, told in _known(
            floor, namespace, (f"{n}-{Role.ENTRY}-1" for n in range(first, first + _MOST))
        ):
            plans.append(order_id.partition("-")[0])
            if _matters(told):
                yield _sentence(order_id, told)
        for plan_id in plans:
            for role in _EXITS:
                ids = (f"{plan_id}-{role}-{number}" for number in range(2, _MOST))
                async for order_id, told in _known(floor, namespace, ids):
                    if _matters(told):
                        yield _sentence(order_id, told)


async def _known(floor: Floor, namespace: str, order_ids: Iterable[str]) -> AsyncIterator[tuple[str, VenueOrder]]:
    """Give those of the orders that the venue knows and the ledger does not, until there is none for a while."""
    missed = 0
    for order_id in order_ids:
        client_id = client_order_id(namespace, order_id)
        if floor.orders.owner("", client_id, None) is not None:
            continue
        told = await _ask(floor, order_id, client_id)
        missed = 0 if told is not None else missed + 1
        if told is not None:
            yield order_id, told
        elif missed == _MISSES:
            return


def _matters(told: VenueOrder) -> bool:
    return told.filled > 0 or told.report.state not in DONE


async def _ask(floor: Floor, order_id: str, client_id: str) -> VenueOrder | None:
    for symbol in floor.engine.spec.instruments:
        order = _named(order_id, client_id, symbol, floor.engine.state.last_at)
        found = await floor.ask(lambda wanted=order: floor.venue.lookup(wanted))  # type: ignore[misc]
        if found is not None:
            return found
    return None


def _named(order_id: str, client_id: str, symbol: str, at: Millis) -> Order:
    """Make up an order that has nothing but its names: all that a venue is asked by."""
    plan, role, _ = order_id.split("-")
    side = Side.BUY if role == Role.ENTRY else Side.SELL
    return Order(order_id, client_id, plan, at, symbol, side, OrderType.MARKET, Role(role), Decimal(0), "")


def _sentence(order_id: str, found: VenueOrder) -> str:
    state = found.report.state.lower() if found.report.state in DONE else "open"
    return f"order {order_id} ({found.filled:f} of {found.quantity:f} {found.symbol} filled, {state})."
