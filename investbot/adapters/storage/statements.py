"""What the projections are written with: statements, and decimal text for every number of an event."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

from investbot.domain.market import DAY, Millis

Statement = tuple[str, tuple[Any, ...]]
"""SQL and its values."""

DAY_ROW = (
    "INSERT INTO daily (day, start_equity, end_equity) SELECT ?, day_start_equity, day_start_equity FROM snapshot "
    "WHERE true ON CONFLICT (day) DO NOTHING"
)
"""Makes the row of a day where it is missing."""


def plain(value: Decimal) -> str:
    """Write a Decimal with the digits it has."""
    return format(value, "f")


def optional(value: Decimal | None) -> str | None:
    """Write a Decimal that may be missing."""
    return None if value is None else plain(value)


def day_of(at: Millis) -> int:
    """Count the UTC days from the epoch to a moment in milliseconds."""
    return at // DAY


def insert(table: str, **values: object) -> Statement:
    """Make the statement that adds one row."""
    return _insert(table, tuple(values)), tuple(values.values())


@cache
def _insert(table: str, names: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - names of our own
