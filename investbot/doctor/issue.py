"""What a check found: fine, or what is wrong, why it matters, and the command that fixes it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is: a WARNING can wait, an ERROR keeps something from working."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Issue:
    """One line of the doctor: which check, how bad, what it saw; `why` and `fix` are empty when all is well."""

    check: str
    level: Level
    what: str
    why: str = ""
    fix: str = ""
