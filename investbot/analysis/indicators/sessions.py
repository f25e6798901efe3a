"""Days and weeks as anchors: when one ends, counted from what closed."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from investbot.analysis.analyser import Times
from investbot.domain.errors import ConfigError
from investbot.domain.market import DAY, HOUR, Millis

SESSIONS: Final = {"day": DAY, "week": 7 * DAY}

# The epoch was a Thursday; weeks begin on Monday.
_FIRST: Final = {"day": 0, "week": 4 * DAY}


def checked_session(session: str, starts_at_hour: int) -> None:
    """Refuse a session that is neither day nor week, or a start outside 0..23 hours UTC; ConfigError."""
    if session not in SESSIONS:
        raise ConfigError(f"A session is a day or a week, not {session!r}.")
    if not 0 <= starts_at_hour <= 23:
        raise ConfigError(f"A session starts at an hour from 0 to 23 UTC, not {starts_at_hour}.")


def offset_of(session: str, starts_at_hour: int) -> Millis:
    """Give the milliseconds that lie between the epoch and the first start of a session, plus one.

    A bar that closes exactly at the start belongs to the session before.
    """
    return _FIRST[session] + starts_at_hour * HOUR + 1


def numbers(closed_at: Times, session: str, starts_at_hour: int) -> NDArray[np.int64]:
    """Number the session of every bar, shape (n,)."""
    found: NDArray[np.int64] = (closed_at - offset_of(session, starts_at_hour)) // SESSIONS[session]
    return found
