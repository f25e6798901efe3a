"""What the supervisor needs of the rooms it may not know: configuration, vault, ledgers. Built by bootstrap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from investbot.supervisor.lifecycle import RestartPolicy


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the supervisor has to know of an instance's configuration; `capital` in quote.

    `live`: real money; `at_venue`: its orders go to a venue's account, real or sandbox; `confirmed`: an operator has
    allowed this very version of it to trade real money.
    """

    capital: Decimal
    live: bool = False
    at_venue: bool = False
    confirmed: bool = False
    restart: RestartPolicy = field(default_factory=RestartPolicy)


class Outside(Protocol):
    """Blocking calls, made from threads; each raises InvestBotError with a sentence for the operator."""

    def names(self) -> list[str]:
        """Name all instances of the home, in alphabetical order."""
        ...

    def recipe(self, name: str) -> Recipe:
        """Read an instance's configuration; UnknownInstance, ConfigError."""
        ...

    def data_key(self, name: str) -> bytes:
        """Give the 32-byte key of an instance; VaultError."""
        ...

    def fleet_capital(self) -> Decimal | None:
        """Give what all allocations together may not exceed, in quote; None for no cap."""
        ...

    def row(self, name: str) -> dict[str, Any]:
        """Give the row of `status --json` of an instance that does not run, from its files; LedgerError."""
        ...

    def rows(self, kind: str, name: str, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Give the rows of one kind, oldest first, in the shapes of the command line; UsageError, LedgerError."""
        ...

    def allocate(self, name: str, amount: Decimal) -> None:
        """Write a new configuration version with this capital, in quote; ConfigError."""
        ...

    def flatten(self, name: str) -> dict[str, Any]:
        """Close everything an instance that does not run holds, from its ledger; give its row afterwards."""
        ...

    def admit(self, name: str, by: str, *, accept_withdrawals: bool) -> None:
        """Ask its venue whether an instance may start, then note that `by` allows it to, as it is configured now.

        AuthFailed for its key, ConfigError for its money, VenueError.
        """
        ...

    def afford(self, name: str, amount: Decimal) -> None:
        """Ask its venue whether the account bears this allocation, in quote; ConfigError, AuthFailed."""
        ...

    def prove_flat(self, name: str) -> None:
        """Ask its venue whether it has orders of a flat instance; TryAgain naming them, or why it does not say."""
        ...

    def reload(self) -> None:
        """Read vault and configuration anew; VaultError."""
        ...
