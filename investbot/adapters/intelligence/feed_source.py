"""RSS and Atom over HTTP(S): headlines, with a bias by the words that the profile lists."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from investbot.adapters.intelligence.feed_text import Entry, parse
from investbot.adapters.intelligence.fetching import Fetcher
from investbot.adapters.intelligence.terms import Terms, collected, moment_of
from investbot.domain.errors import DataError
from investbot.domain.intelligence import IntelligenceItem
from investbot.domain.market import Millis
from investbot.ports.intelligence import Answer

_WORD = re.compile(r"[\w$%'-]+")


@dataclass(frozen=True, slots=True)
class WordLists:
    """Words and phrases that speak for a rise and for a fall; `mentions` says by which words a symbol is meant.

    Without mentions every headline concerns the symbols of the source.
    """

    bullish: tuple[str, ...] = ()
    bearish: tuple[str, ...] = ()
    mentions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def bias(self, text: str) -> float | None:
        """Give (rises - falls) / (rises + falls) of the words found, from -1 to 1; None where none is."""
        line = _spaced(text)
        up = sum(line.count(_spaced(word)) for word in self.bullish)
        down = sum(line.count(_spaced(word)) for word in self.bearish)
        return None if not up + down else (up - down) / (up + down)

    def symbols(self, text: str) -> Iterator[str]:
        """Name the symbols that a text mentions."""
        line = _spaced(text)
        return (symbol for symbol, words in self.mentions.items() if any(_spaced(word) in line for word in words))


class FeedSource:
    """`ports.IntelligenceSource` on one feed."""

    def __init__(self, terms: Terms, words: WordLists, fetcher: Fetcher) -> None:
        self._terms = terms
        self._words = words
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
        """Read a feed; DataError for what is none."""
        return collected(parse(body), now, lambda entry: self._items(entry, now))

    async def close(self) -> None:
        """Close the connection."""
        await self._fetcher.close()

    def _items(self, entry: Entry, now: Millis) -> Iterator[IntelligenceItem]:
        text = f"{entry.title} {entry.summary}"
        bias = self._words.bias(text)
        if bias is None:
            return
        published_at = _moment(entry.published) if entry.published else None
        for symbol in self._words.symbols(text) if self._words.mentions else self._terms.symbols:
            yield self._terms.item(symbol, bias, published_at, now, name=f"{entry.name} {symbol}", text=entry.title)


def _spaced(text: str) -> str:
    """Put words in lower case, each between spaces of its own, so that whole words can be looked for."""
    return f" {'  '.join(_WORD.findall(text.lower()))} "


def _moment(text: str) -> Millis:
    """Read the moment of an entry: RFC 3339 (Atom) or RFC 822 (RSS); DataError."""
    try:
        return moment_of(text)
    except DataError:
        pass
    try:
        return int(parsedate_to_datetime(text).timestamp() * 1000)
    except (ValueError, OverflowError, TypeError):
        raise DataError("The moment of an entry is none.") from None
