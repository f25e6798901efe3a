"""Ledgers, addresses and choices in memory, for the post; and an address that only notes what it is given."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from investbot.domain.errors import LedgerError, UnknownInstance
from investbot.domain.events import Event
from investbot.domain.market import DAY
from investbot.ports.ledger import Recorded
from investbot.ports.notifier import Delivery, Fate, Kind, Notice, Notifier
from investbot.supervisor.news import Route
from investbot.supervisor.notices import Subject
from investbot.supervisor.summaries import Result

NOON = 1_767_355_200_000  # 2026-01-02T12:00:00Z
TODAY = NOON // DAY


class Wall:
    """A clock that stands until it is moved."""

    def __init__(self, at: int = NOON) -> None:
        self.at = at

    def now(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return self.at / 1000


class Letterbox:
    """Notes what it is given; `fates` are given out in their order, then everything is taken."""

    def __init__(self, mark: str = "m1") -> None:
        self.mark = mark
        self.fates: deque[Delivery] = deque()
        self.given: list[list[Notice]] = []

    def fitting(self, notices: Sequence[Notice]) -> int:
        return min(3, len(notices))

    def deliver(self, notices: Sequence[Notice]) -> Delivery:
        fate = self.fates.popleft() if self.fates else Delivery(Fate.SENT)
        if fate.fate is Fate.SENT:
            self.given.append(list(notices))
        return fate

    @property
    def titles(self) -> list[str]:
        return [notice.title for batch in self.given for notice in batch]

    def route(self) -> Route:
        return Route(self.mark, "loopback", self)


class MemoryNews:
    """`supervisor.news.News` in memory."""

    def __init__(self, **routes: Notifier | Route) -> None:
        self.ledgers: dict[str, list[Event]] = {}
        self.kinds = frozenset(Kind)
        self.ways: dict[str, Route] = {}
        for name, way in routes.items():
            self.way("" if name == "fleet" else name, way)
        self.results: dict[str, Result | None] = {}
        self.broken: set[str] = set()
        self.reads = 0
        self.status = False

    def way(self, name: str, way: Notifier | Route) -> None:
        self.ways[name] = way if isinstance(way, Route) else Route(getattr(way, "mark", "m1"), "loopback", way)

    def names(self) -> list[str]:
        return sorted(self.ledgers)

    def routes(self) -> Mapping[str, Route]:
        return dict(self.ways)

    def fleet_kinds(self) -> frozenset[Kind]:
        return self.kinds

    def fleet_status(self) -> bool:
        return self.status

    def subject(self, name: str) -> Subject:
        self._found(name)
        return Subject(name, "paper", self.kinds)

    def last_seq(self, name: str) -> int:
        self.reads += 1
        return len(self._found(name))

    def events(self, name: str, after: int, kinds: Collection[str], most: int) -> list[Recorded]:
        numbered = [Recorded(seq, event) for seq, event in enumerate(self._found(name), 1)]
        return [each for each in numbered if each.seq > after and type(each.event).__name__ in kinds][:most]

    def result(self, name: str, first: int, last: int) -> Result | None:
        self._found(name)
        whole = Result("paper", "USDT", Decimal(100), Decimal(last - first + 1))
        result = self.results.get(name, whole)
        return None if result is None else replace(result)

    def _found(self, name: str) -> list[Event]:
        if name in self.broken:
            raise LedgerError(f"The ledger of {name} cannot be read.")
        if name not in self.ledgers:
            raise UnknownInstance(f"There is no instance {name!r}.")
        return self.ledgers[name]
