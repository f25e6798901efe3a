"""Holding the ledger against the venue: what does not agree, each as a sentence with both numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from decimal import Decimal

from investbot.domain.order import OrderState
from investbot.engine.state import EngineState

_RESTING = frozenset({OrderState.ACKNOWLEDGED, OrderState.PARTLY_FILLED})


def differences(state: EngineState, resting: Collection[str], totals: Mapping[str, Decimal] | None) -> tuple[str, ...]:
    """Compare what is known with what the venue tells; an empty tuple when both agree.

    `resting` are the client order ids of this instance that are open at the venue, `totals` what the account has of
    each currency, free and locked together (None where it could not be asked). More than we hold is no difference: it
    may be anybody's.
    """
    told: list[str] = []
    ours = {o.order.client_order_id: o for o in state.orders.values()}
    for client_id, open_order in ours.items():
        if client_id not in resting and open_order.state in _RESTING and not open_order.cancel_asked:
            told.append(f"Order {open_order.order.order_id} is open in the ledger and not at the venue.")
    told.extend(
        f"The venue has the open order {client_id} of ours, which the ledger does not know."
        for client_id in sorted(set(resting) - set(ours))
    )
    if totals is not None:
        held: dict[str, Decimal] = defaultdict(Decimal)
        for holding in state.holdings.values():
            held[state.instruments[holding.plan.symbol].base] += holding.quantity
        for currency, quantity in held.items():
            there = totals.get(currency, Decimal(0))
            if quantity > there:
                told.append(f"The ledger holds {quantity} {currency} and the account has {there}.")
    return tuple(told)
