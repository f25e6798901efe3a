"""Taking in what a venue tells while there is no loop yet, or no longer: at the start and at an orderly end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from investbot.domain.events import Event
from investbot.instance.journal import Journal
from investbot.instance.live import Conclude, LiveMarket


async def pump(market: LiveMarket, journal: Journal, work: Coroutine[Any, Any, None]) -> list[tuple[int, Event]]:
    """Do `work` and conclude from what is heard meanwhile, each conclusion durable before it is acted on.

    Gives the events with their seq.

    What `work` raises comes out once all that was heard before is durable; LedgerError.
    """
    told: list[tuple[int, Event]] = []
    heard: asyncio.Queue[Conclude | None] = asyncio.Queue()
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda _: heard.put_nowait(None))
    market.hear(heard.put_nowait)
    try:
        while (conclude := await heard.get()) is not None:
            journal.add(conclude())
            durable = journal.commit()
            told += durable
            market.committed([event for _, event in durable])
    finally:
        market.hear(None)
        while not heard.empty():
            if (left := heard.get_nowait()) is not None:
                market.keep(left)
        task.cancel()
        await asyncio.wait((task,))
    task.result()
    return told
