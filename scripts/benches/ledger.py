"""From a candle in the inbox to its order durable in the encrypted ledger."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.domain.market import Candle, Cursor
from investbot.engine.engine import Engine
from investbot.engine.simulated import SimulatedMarket
from investbot.simulation.book import Book
from scripts.benches.candles import candle_file
from scripts.benches.engine import STRATEGIES, terms
from scripts.benches.figures import Figure, percentile


def measure(scratch: Path) -> Iterator[Figure]:
    """Measure every candle that led to events: queue, decision, one transaction with WAL and FULL."""
    file = candle_file(scratch)
    spec = terms(file.check())
    ledger = SqlcipherLedger.create(scratch / "ledger.db", secrets.token_bytes(32), instance="bench")
    engine = Engine(spec, STRATEGIES[0])
    market = SimulatedMarket(engine, Book(spec.costs, spec.instruments))
    candles = [candle for block in file.candles() for candle in block][:40_000]
    times = asyncio.run(_walk(market, ledger, candles))
    ledger.close()
    yield Figure("ledger", "candle in the inbox to events durable, p50", percentile(times, 0.5), "ms", None, "lower")
    yield Figure("ledger", "candle in the inbox to events durable, p99", percentile(times, 0.99), "ms", 5, "lower")
    yield Figure("ledger", "transactions measured", len(times), "", None, "higher")


async def _walk(market: SimulatedMarket, ledger: SqlcipherLedger, candles: list[Candle]) -> list[float]:
    inbox: asyncio.Queue[tuple[float, Candle]] = asyncio.Queue()
    times = []
    for candle in candles:
        inbox.put_nowait((time.perf_counter(), candle))
        arrived, fact = await inbox.get()
        events = market.step(fact)
        if events:
            ledger.append(events, Cursor(fact.symbol, fact.opened_at))
            times.append((time.perf_counter() - arrived) * 1000)
    return times
