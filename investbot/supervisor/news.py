"""What the notices need of the rooms the supervisor may not know: addresses, choices, ledgers. Built by bootstrap."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from investbot.ports.ledger import Recorded
from investbot.ports.notifier import Board, Kind, Notifier
from investbot.supervisor.notices import Subject
from investbot.supervisor.summaries import Result


@dataclass(frozen=True, slots=True)
class Route:
    """A way out. `mark` tells one address from another; `notifier` is None when `why` says what is wrong with it."""

    mark: str
    host: str
    notifier: Notifier | None
    why: str = ""
    board: Board | None = None
    """Where it can keep one message up to date."""


class News(Protocol):
    """Blocking calls, made from one thread; each raises InvestBotError with a sentence for the operator."""

    def names(self) -> list[str]:
        """Name all instances of the home."""
        ...

    def routes(self) -> Mapping[str, Route]:
        """Give the fleet's way out as "" and those of instances that have their own."""
        ...

    def fleet_kinds(self) -> frozenset[Kind]:
        """Say which kinds of news of the fleet were chosen; ConfigError."""
        ...

    def fleet_status(self) -> bool:
        """Say whether one message is to be kept up to date with how the fleet is; ConfigError."""
        ...

    def subject(self, name: str) -> Subject:
        """Say whose money an instance moves and which kinds of news were chosen for it; ConfigError."""
        ...

    def last_seq(self, name: str) -> int:
        """Give the last seq of a ledger, 0 for an empty one; LedgerError, VaultError."""
        ...

    def events(self, name: str, after: int, kinds: Collection[str], most: int) -> list[Recorded]:
        """Read the first `most` events of these kinds with seq > `after`, oldest first; LedgerError, VaultError."""
        ...

    def result(self, name: str, first: int, last: int) -> Result | None:
        """Sum up UTC days (since the epoch) of a ledger; None when its days are not the world's, as in a replay."""
        ...
