"""Prices between two closes: one line a venue and symbol, followed while somebody wants it, told to who can take it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from investbot.control import codec
from investbot.domain.facts import Tick
from investbot.feed.follower import Follower
from investbot.feed.stream import Subscriber

Place = tuple[str, str]
"""Market (as its key) and symbol."""


class PriceReader(Subscriber, Protocol):
    """A subscriber who is told of prices too."""

    def offer(self, line: bytes) -> bool:
        """Send one line unless an earlier one still waits; False when it was left out."""
        ...


@dataclass(slots=True)
class PriceLine:
    """One line; `seq` numbers its prices, `source` is whose venue tells them."""

    number: int
    place: Place
    seq: int = 0
    left_out: int = 0
    readers: set[PriceReader] = field(default_factory=set)
    source: Follower | None = None


class PriceBoard:
    """Who wants which prices. `look` has to come round; `monotonic` tells seconds of the machine."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lines: dict[Place, PriceLine] = {}
        self._numbers = 0

    def want(self, reader: PriceReader, places: Collection[Place]) -> list[PriceLine]:
        """Let a reader hear of these prices from now on and of no others; give their lines."""
        self.leave(reader)
        wanted = []
        for place in places:
            line = self._lines.get(place)
            if line is None:
                line = self._lines[place] = PriceLine(self._numbers, place)
                self._numbers += 1
            line.readers.add(reader)
            wanted.append(line)
        return wanted

    def leave(self, reader: object) -> None:
        """Forget a reader."""
        for line in self._lines.values():
            line.readers = {each for each in line.readers if each is not reader}

    def look(self, followers: Iterable[tuple[Place, Follower]]) -> None:
        """Let one follower of each place that is wanted tell its prices, and the others none."""
        if not self._lines:
            return
        there: dict[Place, list[Follower]] = {}
        for place, follower in followers:
            there.setdefault(place, []).append(follower)
        for line in list(self._lines.values()):
            if not line.readers:
                del self._lines[line.place]
                self._give(line, None)
                continue
            able = there.get(line.place, [])
            if line.source not in able:
                self._give(line, able[0] if able else None)

    def figures(self) -> list[dict[str, Any]]:
        """Tell every line: what it follows, for how many, how far it is."""
        return [
            {
                "symbol": line.place[1],
                "readers": len(line.readers),
                "prices": line.seq,
                "left_out": line.left_out,
            }
            for line in self._lines.values()
        ]

    def _give(self, line: PriceLine, source: Follower | None) -> None:
        if line.source is not None:
            line.source.price(None)
        line.source = source
        if source is not None:
            source.price(lambda tick: self._tell(line, tick))

    def _tell(self, line: PriceLine, tick: Tick) -> None:
        """Write it once for all; who has not taken the last one loses this one, and notices by its number."""
        line.seq += 1
        written = codec.encode({"price": [line.number, line.seq, self._monotonic(), tick.at, format(tick.price, "f")]})
        for reader in line.readers:
            if not reader.offer(written):
                line.left_out += 1
