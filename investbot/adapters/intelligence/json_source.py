"""JSON over HTTP(S): which field means what stands in the profile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from investbot.adapters.intelligence.fetching import Fetcher
from investbot.adapters.intelligence.json_text import at, parse
from investbot.adapters.intelligence.terms import Terms, collected, moment_of
from investbot.domain.errors import DataError
from investbot.domain.intelligence import IntelligenceItem, read_number
from investbot.domain.market import Millis
from investbot.ports.intelligence import Answer

_DIGITS = 12
"""Decimals of a bias: none of them is the arithmetic's own."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Where things stand in an answer, as dotted paths; an empty one: nowhere.

    `items` leads to the list (or the only item), the others lead on from an item. `low` and `high` are the numbers that
    mean a bias of -1 and 1; with low above high much is bad. `markets` says whom a symbol of the answer concerns.
    """

    items: str = ""
    bias: str = "bias"
    low: float = -1.0
    high: float = 1.0
    published_at: str = ""
    symbol: str = ""
    confidence: str = ""
    name: str = ""
    text: str = ""
    markets: Mapping[str, str] | None = None


class JsonSource:
    """`ports.IntelligenceSource` on one address."""

    def __init__(self, terms: Terms, paths: Paths, fetcher: Fetcher) -> None:
        self._terms = terms
        self._paths = paths
        self._fetcher = fetcher

    @property
    def name(self) -> str:
        """What its items call it."""
        return self._terms.name

    @property
    def every_s(self) -> float:
        """Seconds between two looks."""
        return self._terms.every_s

    @property
    def timeout_s(self) -> float:
        """Seconds that one look may take."""
        return self._terms.timeout_s

    async def look(self, now: Millis) -> Answer:
        """Give what it says at `now` (milliseconds UTC); DataError."""
        body = await self._fetcher.get()
        return await asyncio.to_thread(self.read, body, now)

    def read(self, body: bytes, now: Millis) -> Answer:
        """Read an answer; DataError for one that is none."""
        rows = at(parse(body), self._paths.items)
        if isinstance(rows, Mapping):
            rows = [rows]
        if not isinstance(rows, list):
            raise DataError("The answer holds no list of items where the profile says.")
        return collected(rows, now, lambda row: self._items(row, now))

    async def close(self) -> None:
        """Close the connection."""
        await self._fetcher.close()

    def _items(self, row: Any, now: Millis) -> Iterator[IntelligenceItem]:
        paths = self._paths
        number = read_number(at(row, paths.bias), "bias")
        bias = round(2.0 * (number - paths.low) / (paths.high - paths.low) - 1.0, _DIGITS)
        published_at = moment_of(at(row, paths.published_at)) if paths.published_at else None
        confidence = read_number(at(row, paths.confidence), "confidence") if paths.confidence else None
        name = _told(at(row, paths.name)) if paths.name else ""
        text = _told(at(row, paths.text)) if paths.text else ""
        for symbol in self._symbols(row):
            yield self._terms.item(symbol, bias, published_at, now, confidence=confidence, name=name, text=text)

    def _symbols(self, row: Any) -> tuple[str, ...]:
        if not self._paths.symbol:
            return self._terms.symbols
        named = (self._paths.markets or {}).get(_told(at(row, self._paths.symbol)).upper())
        return () if named is None else (named,)


def _told(value: Any) -> str:
    """Read a text or a number as text; DataError."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise DataError("A name or text of an item is neither a text nor a number.")
    return str(value)
