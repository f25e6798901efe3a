"""Flattening an instance that does not run: the same start, one request, the same end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from investbot.control.messages import InstanceRequest
from investbot.domain.errors import TryAgain
from investbot.domain.events import Event
from investbot.domain.order import OrderState
from investbot.instance import desk, recovery
from investbot.instance.journal import Journal
from investbot.instance.live import LiveMarket
from investbot.instance.parts import Parts
from investbot.instance.pumping import pump

_GROUP = 1
_IN_DOUBT = frozenset({OrderState.SENT, OrderState.UNKNOWN})
_FLAT_S = 60.0
"""Seconds that a live venue has to sell all of it."""
_CANDLES_S = 10.0
"""Seconds that candles may keep a live sale waiting: it needs none of them."""
_ROUNDS = 2
"""Times that a live venue is told to sell what it has."""
_COMPARED_S = 30.0
"""Seconds that a comparison with the venue may take at the end."""


async def flatten(parts: Parts, by: str) -> dict[str, Any]:
    """Cancel all orders and sell all that is held at the last close the ledger knows; say what came of it.

    The caller holds the instance's lock. TryAgain when more than dust is left.
    """
    live: LiveMarket | None = None
    try:
        instruments = await parts.venue.open(parts.identity.symbols)
        found = await recovery.recover(parts, instruments, candles_s=_CANDLES_S)
        if isinstance(found.stream, AsyncGenerator):
            await found.stream.aclose()
        state = found.engine.state
        request = InstanceRequest(action="flatten", by=by)
        journal = Journal(parts.ledger, _nobody, _GROUP)

        def ask() -> list[tuple[int, Event]]:
            if state.begun:
                journal.add(found.market.handle(desk.as_fact(request, max(state.last_at, state.last_candle_at))))
            return journal.commit()

        if isinstance(found.market, LiveMarket):
            live = found.market
            told = await _settled(live, journal, ask, lambda: desk.is_settled(request, state))
        else:
            told = ask()
        if not desk.is_settled(request, state):
            held = ", ".join(holding.plan.symbol for holding in state.holdings.values())
            doubt = ", ".join(name for name, o in state.orders.items() if o.state in _IN_DOUBT)
            more = f", and does not know what became of {doubt}" if doubt else ""
            raise TryAgain(f"{parts.identity.name} still holds {held}{more}; flatten it again.")
        return desk.answer(request, state, told)
    finally:
        if live is not None:
            await live.executor.close()
        await parts.venue.close()
        parts.ledger.close()


async def _settled(
    live: LiveMarket, journal: Journal, ask: Callable[[], list[tuple[int, Event]]], is_settled: Callable[[], bool]
) -> list[tuple[int, Event]]:
    """Ask for it, wait until all is sold, then compare: what the venue did not know until then is sold too."""
    told: list[tuple[int, Event]] = []
    for _ in range(_ROUNDS):
        asked = ask()
        live.committed([event for _, event in asked])
        told += [*asked, *await pump(live, journal, live.executor.until(is_settled, _FLAT_S))]
        if not is_settled():
            break
        told += await pump(live, journal, live.executor.until_compared(_COMPARED_S))
        if is_settled():
            break
    return told


def _nobody(row: dict[str, Any]) -> None:
    """Nobody listens: the ledger has it."""
