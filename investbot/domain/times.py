"""Moments as text and back: milliseconds UTC inside, RFC 3339 wherever a human or another program reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from investbot.domain.errors import UsageError
from investbot.domain.market import Millis

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(at: Millis) -> str:
    """Write milliseconds UTC as `2026-01-02T03:04:05.678Z`; whole seconds lose their fraction."""
    moment = _EPOCH + timedelta(milliseconds=at)
    text = moment.isoformat()[:19]
    millis = at % 1000
    return f"{text}.{millis:03d}Z" if millis else f"{text}Z"


def parse_rfc3339(text: str) -> Millis:
    """Read a date or a date and time, UTC where no zone is named, into milliseconds UTC; UsageError for other text."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{text!r} is not a moment; write a date such as 2026-01-02 or 2026-01-02T03:04:05Z."
        raise UsageError(message) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)
