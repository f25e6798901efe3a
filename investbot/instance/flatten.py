"""Flattening an instance that does not run: the same start, one request, the same end."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from investbot.control.messages import InstanceRequest
from investbot.domain.errors import TryAgain
from investbot.instance import desk, recovery
from investbot.instance.journal import Journal
from investbot.instance.live import LiveMarket
from investbot.instance.parts import Parts
from investbot.instance.pumping import pump

_GROUP = 1
_FLAT_S = 60.0
"""Seconds that a live venue has to sell all of it."""


async def flatten(parts: Parts, by: str) -> dict[str, Any]:
    """Cancel all orders and sell all that is held at the last close the ledger knows; say what came of it.

    The caller holds the instance's lock. TryAgain when more than dust is left.
    """
    live: LiveMarket | None = None
    try:
        found = await recovery.recover(parts, await parts.venue.open(parts.identity.symbols))
        if isinstance(found.stream, AsyncGenerator):
            await found.stream.aclose()
        state = found.engine.state
        request = InstanceRequest(action="flatten", by=by)
        journal = Journal(parts.ledger, _nobody, _GROUP)
        if state.begun:
            journal.add(found.market.handle(desk.as_fact(request, max(state.last_at, state.last_candle_at))))
        told = journal.commit()
        if isinstance(found.market, LiveMarket):
            live = found.market
            live.committed([event for _, event in told])
            flat = live.executor.until(lambda: desk.is_settled(request, state), _FLAT_S)
            told = [*told, *await pump(live, journal, flat)]
        if not desk.is_settled(request, state):
            held = ", ".join(holding.plan.symbol for holding in state.holdings.values())
            raise TryAgain(f"{parts.identity.name} still holds {held}; start it, then flatten it again.")
        return desk.answer(request, state, told)
    finally:
        if live is not None:
            await live.executor.close()
        await parts.venue.close()
        parts.ledger.close()


def _nobody(row: dict[str, Any]) -> None:
    """Nobody listens: the ledger has it."""
