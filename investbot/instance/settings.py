"""Another version of the configuration, taken in by an instance that runs: what decides comes as a fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from investbot.domain.errors import UsageError
from investbot.domain.facts import SettingsChanged
from investbot.domain.market import Millis
from investbot.domain.rules import CostRules, ExitRules, RiskRules


@dataclass(frozen=True, slots=True)
class NewSettings:
    """A version of the configuration: its rules, what of it is taken in, and what waits for the next start.

    Each key is told as `key: before -> after`; `by` is whose request it was.
    """

    version: int
    by: str
    costs: CostRules
    risk: RiskRules
    exits: ExitRules
    applied: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()

    def at(self, at: Millis) -> SettingsChanged:
        """Make the fact of it; `at` in milliseconds UTC."""
        return SettingsChanged(at, self.version, self.by, self.costs, self.risk, self.exits, self.applied, self.waiting)


class Settings(Protocol):
    """The configuration of the instance, read again."""

    def at_start(self, version: int, waiting: Sequence[str]) -> NewSettings | None:
        """Give what the ledger has not been told of; it knows `version`, and what of that was `waiting`."""
        ...

    def read(self, by: str) -> NewSettings:
        """Read what is in force now, for whom; ConfigError."""
        ...

    def adopt(self) -> None:
        """Follow what was read last in what is not the engine's, such as the log."""
        ...


class FixedSettings:
    """Settings that nobody can change."""

    def at_start(self, version: int, waiting: Sequence[str]) -> NewSettings | None:
        """Have nothing to tell."""
        return None

    def read(self, by: str) -> NewSettings:
        """Refuse; UsageError."""
        raise UsageError("The settings of this instance are fixed for as long as it runs.")

    def adopt(self) -> None:
        """Do nothing."""
