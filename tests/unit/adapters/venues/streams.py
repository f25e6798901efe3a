"""Reads streams of market facts in tests."""

from __future__ import annotations

from collections.abc import Sequence

from investbot.domain.facts import SourceEnded
from investbot.domain.market import Candle, Cursor, Millis
from investbot.ports.venue import MarketFact, Venue


async def take(
    venue: Venue,
    symbols: Sequence[str],
    most: int | None = None,
    *,
    anchors: dict[str, Millis] | None = None,
    cursor: Cursor | None = None,
) -> list[MarketFact]:
    """Open a venue, read facts up to its end or `most` of them, and close it."""
    await venue.open(symbols)
    facts: list[MarketFact] = []
    stream = venue.facts(anchors or {}, cursor)
    async for fact in stream:
        facts.append(fact)
        if len(facts) == most or isinstance(fact, SourceEnded):
            break
    await venue.close()
    return facts


def candles(facts: Sequence[MarketFact]) -> list[Candle]:
    return [fact for fact in facts if isinstance(fact, Candle)]
