"""Ledgers and shelves of segments that are plain lists."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

from investbot.backup.chain import EventRow, Segment, SegmentName, parse, read
from investbot.backup.shipping import Shipped, ship

SEAL = bytes(range(32))
AT = 1_704_067_200_000


def event(seq: int, word: str = "") -> EventRow:
    return seq, AT + seq // 3, "PeakRaised", json.dumps({"at": AT + seq, "peak": f"{seq}{word}"})


class Events:
    """A ledger: `grow` appends one commit."""

    def __init__(self, count: int = 0, word: str = "") -> None:
        self.rows: list[EventRow] = []
        self.steps: list[tuple[int, str, int]] = []
        self.grow(count, word)

    def grow(self, count: int, word: str = "") -> None:
        last = len(self.rows)
        self.rows += [event(seq, word) for seq in range(last + 1, last + count + 1)]
        if count:
            self.steps.append((last + count, "BTC/USDT", AT + 60_000 * len(self.steps)))

    def batch(self, after: int, limit: int) -> tuple[list[EventRow], list[tuple[int, str, int]]]:
        rows = self.rows[max(0, after) : after + limit] if after >= 0 else []
        return rows, [step for step in self.steps if rows and rows[0][0] <= step[0] <= rows[-1][0]]


class Shelf:
    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.parts: dict[str, bytes] = {}

    def names(self) -> list[str]:
        return sorted(self.files)

    def put(self, name: str, text: bytes, recipients: Iterable[str], durable: Callable[[], None]) -> None:
        self.parts[name] = text
        durable()
        self.files[name] = self.parts.pop(name)

    def finish(self, name: str) -> bool:
        if name in self.parts:
            self.files[name] = self.parts.pop(name)
        return name in self.files

    def parsed(self) -> list[SegmentName]:
        return [name for name in map(parse, self.names()) if name is not None]

    def segments(self, names: Sequence[SegmentName], instance: str = "alpha") -> list[tuple[Segment, str]]:
        return [read(self.files[str(name)], name, instance, (SEAL,)) for name in names]


class Shipper:
    def __init__(self, instance: str = "alpha") -> None:
        self.instance = instance
        self.shelf = Shelf()
        self.state: Shipped | None = None

    def ship(self, source: Events, at: int = AT) -> int:
        return ship(self.instance, source, self.shelf, self.state, SEAL, ("age1",), at, self._remember)

    def _remember(self, state: Shipped) -> None:
        self.state = state
