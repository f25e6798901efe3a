"""Start and crash recovery are one path: replay the ledger, then let the candles it knew of warm the indicators.

Idempotent: a start that is cut short anywhere leaves nothing behind, and the next one finds the same ledger.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from investbot.domain.errors import DataError, InvariantError
from investbot.domain.market import Candle, Cursor, Instrument, Millis
from investbot.domain.times import rfc3339
from investbot.engine.engine import Engine
from investbot.engine.state import EngineState
from investbot.instance.journal import Journal
from investbot.instance.live import LiveMarket
from investbot.instance.parts import Market, Parts
from investbot.instance.pumping import pump
from investbot.ports.ledger import Ledger
from investbot.ports.venue import MarketFact

_LOG = logging.getLogger("investbot.instance")
_PAUSE_EVERY = 256
"""Events or candles between two breaths, in which heartbeats go out and a stop is heard."""
_ARM_S = 15.0
"""Seconds that stops have to arrive before a start fails that found no candles."""


async def replay(engine: Engine, ledger: Ledger) -> int:
    """Apply all recorded events to a fresh engine; return the last seq. InvariantError for a ledger not whole."""
    seq = 0
    try:
        for recorded in ledger.events():
            if recorded.seq != seq + 1:
                raise InvariantError(
                    f"The ledger has a hole after event {seq}; restore a backup, or see `investbot doctor`."
                )
            engine.apply(recorded.event)
            seq = recorded.seq
            if seq % _PAUSE_EVERY == 0:
                await asyncio.sleep(0)
    except KeyError as error:
        raise InvariantError(
            f"Event {seq + 1} of the ledger speaks of {error}, which no earlier event mentions; restore a backup."
        ) from error
    check(engine.state)
    return seq


def check(state: EngineState) -> None:
    """Refuse a state that no sequence of honest events leads to; InvariantError."""
    if not state.begun:
        return
    if state.cash < 0:
        raise InvariantError(f"The ledger adds up to {state.cash} cash, which cannot be; see `investbot doctor`.")
    if state.capital <= 0:
        raise InvariantError(f"The ledger adds up to a capital of {state.capital}, which cannot be.")
    for holding in state.holdings.values():
        # On a live venue a stop and those it replaces are open together for a moment: each is looked at alone.
        stops = [o.remaining for o in state.reducing_orders(holding.plan.plan_id) if o.order.stop_price is not None]
        if holding.quantity < 0 or holding.sold > holding.bought or any(left > holding.bought for left in stops):
            raise InvariantError(
                f"The ledger sells more {holding.plan.symbol} than plan {holding.plan.plan_id} ever bought; "
                "see `investbot doctor`."
            )


class Line:
    """The order in which the candles of several symbols are told: by closing time, then as the profile lists them."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self._places = {symbol: place for place, symbol in enumerate(symbols)}

    def place(self, mark: Candle | Cursor) -> tuple[Millis, int]:
        """Give the place of a candle or cursor in the line; DataError for a symbol that is not traded here."""
        place = self._places.get(mark.symbol)
        if place is None:
            raise DataError(
                f"The ledger goes on at {mark.symbol}, which this instance no longer trades; "
                "add it to market.symbols again with `investbot config set`."
            )
        return mark.opened_at, place


async def warm(
    engine: Engine, stream: AsyncIterator[MarketFact], line: Line, cursor: Cursor
) -> tuple[int, Sequence[MarketFact]]:
    """Feed the candles up to and including `cursor` to the engine, which decides nothing on them.

    Returns how many there were, and what came that belongs behind them (facts other than candles, and at most one
    candle). DataError when the market no longer shows what is held.
    """
    goal = line.place(cursor)
    count = 0
    later: list[MarketFact] = []
    async for fact in stream:
        if not isinstance(fact, Candle):
            later.append(fact)
            continue
        place = line.place(fact)
        if place > goal:
            later.append(fact)
            break
        engine.warm(fact)
        count += 1
        if place == goal:
            break
        if count % _PAUSE_EVERY == 0:
            await asyncio.sleep(0)
    else:
        raise DataError(
            f"The candles end before {rfc3339(cursor.opened_at)}, up to which the ledger knows {cursor.symbol}; "
            "give the instance the same data as before."
        )
    _seen(engine.state, cursor)
    return count, later


def _seen(state: EngineState, cursor: Cursor) -> None:
    for holding in state.holdings.values():
        if holding.quantity and holding.plan.symbol not in state.marks:
            raise DataError(
                f"{holding.plan.symbol} is held, but the market has no candle of it by {rfc3339(cursor.opened_at)}; "
                "give the instance the same data as before."
            )


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a start finds: engine and market as they were, the stream that goes on, what came ahead of it."""

    engine: Engine
    market: Market
    stream: AsyncIterator[MarketFact]
    later: Sequence[MarketFact]
    replayed: int
    warmed: int


def nobody(_row: dict[str, Any]) -> None:
    """Publish nothing: the ledger has it."""


async def recover(
    parts: Parts,
    instruments: Mapping[str, Instrument],
    publish: Callable[[dict[str, Any]], None] = nobody,
    *,
    candles_s: float | None = None,
) -> Recovered:
    """Replay the ledger, warm the indicators, and give the stream of what is new; InvariantError, DataError.

    On a live venue orders are found again, their fills booked and positions protected while the past is still being
    read, and whether or not it can be; nothing new is seen before both are done. `candles_s` bounds the seconds that
    the past may take from then on: work that only sells goes on without it.
    """
    engine = parts.make_engine(instruments)
    replayed = await replay(engine, parts.ledger)
    cursor = parts.ledger.cursor()
    stream = parts.venue.facts(dict(engine.state.anchors), cursor)
    market = parts.make_market(engine)

    async def relive() -> tuple[int, Sequence[MarketFact]]:
        return (0, ()) if cursor is None else await warm(engine, stream, Line(parts.identity.symbols), cursor)

    if isinstance(market, LiveMarket):
        journal = Journal(parts.ledger, publish, 1)
        orders = market.recover(instruments, parts.ledger, replayed)
        warmed, later = await _both(engine, market, journal, orders, relive(), candles_s)
    else:
        warmed, later = await relive()
    return Recovered(engine, market, stream, later, replayed, warmed)


async def _both(
    engine: Engine,
    market: LiveMarket,
    journal: Journal,
    orders: Coroutine[Any, Any, None],
    past: Coroutine[Any, Any, tuple[int, Sequence[MarketFact]]],
    candles_s: float | None,
) -> tuple[int, Sequence[MarketFact]]:
    """Find out about orders and read the past side by side; a past that fails does so once all is protected."""
    executor = market.executor
    engine.reliving(on=True)
    reading = asyncio.ensure_future(past)
    try:
        await pump(market, journal, orders)
        executor.start()
        reading.add_done_callback(lambda _: executor.floor.turns.stir())
        if candles_s is None:
            await pump(market, journal, executor.floor.turns.until(reading.done))
        else:
            await pump(market, journal, executor.until(reading.done, candles_s))
        if reading.done() and reading.exception() is not None:
            await pump(market, journal, executor.until(executor.is_quiet, _ARM_S))
        found = _read(engine, reading, bounded=candles_s is not None)
        engine.reliving(on=False)
        await pump(market, journal, executor.reconcile())
    except BaseException:
        await executor.close()
        raise
    finally:
        reading.cancel()
        await asyncio.wait((reading,))
    return found


def _read(
    engine: Engine, reading: asyncio.Future[tuple[int, Sequence[MarketFact]]], *, bounded: bool
) -> tuple[int, Sequence[MarketFact]]:
    """Give what was read of the past; where it may be missing it is left out, with all marks it had set."""
    if not bounded or (reading.done() and reading.exception() is None):
        return reading.result()
    reason = str(reading.exception()) if reading.done() else "they take too long"
    _LOG.warning("no_candles", extra={"fields": {"message": reason}})
    engine.state.marks.clear()
    return 0, ()
