"""What the rules allow to be bought, worked out from an instance's ledger and the market, without its process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import closing
from typing import Any

from investbot.adapters.clock import SystemClock
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.bootstrap.assembly import NoOpinion, engine_spec
from investbot.bootstrap.home import Home
from investbot.bootstrap.venues import make_venue
from investbot.config.fleet import load_fleet
from investbot.config.instance import InstanceConfig, load_instance
from investbot.control.messages import InstanceRequest
from investbot.domain.errors import UsageError, VenueUnavailable
from investbot.domain.market import Candle, Cursor
from investbot.engine.engine import Engine
from investbot.instance import desk
from investbot.instance.recovery import Line
from investbot.ports.venue import Venue

PATIENCE_S = 30.0
"""Seconds that a venue has to tell the last price."""


def size_stopped(place: Home, name: str, key: bytes, symbol: str, stop: str) -> dict[str, Any]:
    """Give what the running instance would answer; nothing is written.

    UnknownInstance, UsageError, DataError with the rule's own words, LedgerError, VaultError, VenueError.
    """
    folder = place.existing(name)
    config = load_instance(folder.path)
    if symbol not in config.market.symbols:
        raise UsageError(f"{name} does not trade {symbol}; it trades {', '.join(config.market.symbols)}.")
    namespace = f"{load_fleet(place.path).fleet.home_id}/{name}"
    with closing(SqlcipherReader.open(folder.ledger, key)) as reader:
        request = InstanceRequest(action="size", symbol=symbol, stop=stop, by="operator")
        return asyncio.run(_size(place, config, namespace, reader, request))


async def _size(
    place: Home, config: InstanceConfig, namespace: str, reader: SqlcipherReader, request: InstanceRequest
) -> dict[str, Any]:
    venue = make_venue(config, SystemClock(), market=place.market)
    try:
        async with asyncio.timeout(PATIENCE_S):
            instruments = await venue.open(config.market.symbols)
            engine = Engine(engine_spec(config, instruments, config.capital, namespace), NoOpinion())
            for recorded in reader.events():
                engine.apply(recorded.event)
            await _warm(engine, venue, config, reader)
    except TimeoutError:
        raise VenueUnavailable(f"{config.venue.name} does not tell the last price; try again in a moment.") from None
    finally:
        await venue.close()
    return desk.size(engine, request)


async def _warm(engine: Engine, venue: Venue, config: InstanceConfig, reader: SqlcipherReader) -> None:
    """Show the engine the market from where its series begin: up to its last candle, and to now where there is more."""
    told = reader.snapshot()["cursor"]
    line = Line(config.market.symbols)
    cursor = None if told is None else Cursor(told["symbol"], int(told["opened_at"]))
    stream = venue.facts(dict(engine.state.anchors), cursor)
    try:
        async for fact in stream:
            if not isinstance(fact, Candle):
                continue
            if not engine.state.begun:
                engine.begin(fact.opened_at)
            engine.warm(fact)
            newest = fact.closed_at + fact.timeframe.ms > venue.now() and fact.symbol == config.market.symbols[-1]
            if newest and (cursor is None or line.place(fact) >= line.place(cursor)):
                return
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()
