"""Events as the ledger holds them: a kind and a JSON text, equal to `domain.codec` but made in one pass."""

from __future__ import annotations

import json
from dataclasses import fields
from decimal import Decimal
from functools import cache
from typing import Any

from investbot.domain.codec import decode, kind
from investbot.domain.errors import InvariantError
from investbot.domain.events import Event
from investbot.ports.ledger import Recorded

EventRow = tuple[int, int, str, str]
"""seq, at (milliseconds UTC), kind, JSON body."""


@cache
def _names(cls: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls))


def _plain(value: Any) -> Any:
    if type(value) is Decimal:
        return format(value, "f")
    cls: Any = type(value)
    return {name: getattr(value, name) for name in _names(cls)}


_write = json.JSONEncoder(
    default=_plain, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
).encode


def write(seq: int, event: Event) -> EventRow:
    """Turn an event into its row; InvariantError when it holds something the ledger cannot."""
    try:
        return seq, event.at, kind(event), _write(event)
    except (TypeError, ValueError) as error:
        raise InvariantError(f"An event of kind {kind(event)} cannot be written down: {error}.") from error


def read(row: EventRow) -> Recorded:
    """Turn a row back into its event; InvariantError when it is not one of ours."""
    seq, _, kind_name, body = row
    try:
        values = json.loads(body)
    except ValueError as error:
        raise InvariantError(f"Event {seq} of the ledger is not JSON; put the last good copy in its place.") from error
    return Recorded(seq, decode(kind_name, values))
