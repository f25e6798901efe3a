"""What an exception or an odd answer of ccxt means for an order: the one place that decides it.

| ccxt says                                            | submit          | cancel           | lookup, other questions |
|------------------------------------------------------|-----------------|------------------|-------------------------|
| nothing was sent (no connection at all)              | VenueUnavailable| VenueUnavailable | VenueUnavailable        |
| the clock is off (InvalidNonce): refused unread      | VenueUnavailable| VenueUnavailable | VenueUnavailable        |
| the key is not accepted, also in a ban's clothes     | AuthFailed      | AuthFailed       | AuthFailed              |
| 429, 418: a limit, perhaps of a proxy                | OutcomeUnknown  | RateLimited      | RateLimited             |
| a duplicate client id, an order not found            | OutcomeUnknown  | Absent           | Absent                  |
| any other definite refusal                           | OrderRejected   | Absent           | VenueUnavailable        |
| time-out, reset, 5xx, maintenance, cut or odd answer,| OutcomeUnknown  | VenueUnavailable | VenueUnavailable        |
| an unknown error code, a parser that tripped         |                 |                  |                         |

A cancel may be repeated, so its doubt is no OutcomeUnknown. aiohttp sends a DELETE whose connection broke a second
time, so an order that a cancel does not find is a question (Absent), not an answer. A POST is never sent again: not
by aiohttp, and ccxt's own retries are switched off.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from investbot.adapters.venues.ccxt.failures import retry_after
from investbot.adapters.venues.ccxt.naming import is_about, told
from investbot.adapters.venues.ccxt.translate import settled
from investbot.domain.errors import (
    AuthFailed,
    OrderRejected,
    OutcomeUnknown,
    RateLimited,
    VenueError,
    VenueUnavailable,
)
from investbot.domain.market import Millis
from investbot.domain.order import Order, OrderReport


class Asked(Enum):
    """What the venue was asked for."""

    SUBMIT = auto()
    CANCEL = auto()
    LOOKUP = auto()
    READ = auto()


class Absent(VenueError):
    """The venue says that it has no such order, or none that is open; a question, never an answer."""


def verdict(
    error: Exception, asked: Asked, venue: str, said: str, headers: Mapping[str, str], revoked: tuple[str, ...]
) -> VenueError:
    """Decide what an exception means; `said` is its text without secrets, `revoked` texts tell of a key refused."""
    errors: Any = importlib.import_module("ccxt.base.errors")
    words = f"({type(error).__name__}: {said})."
    if never_sent(error):
        return VenueUnavailable(f"{venue} cannot be reached; nothing was sent {words}")
    if isinstance(error, errors.AuthenticationError) or any(text in str(error) for text in revoked):
        return AuthFailed(f"{venue} does not accept the key: run investbot keys check {words}")
    if isinstance(error, errors.InvalidNonce):
        return VenueUnavailable(f"{venue} finds our clock wrong and did not take the request {words}")
    if isinstance(error, errors.RateLimitExceeded | errors.DDoSProtection) and asked is not Asked.SUBMIT:
        patience = retry_after(headers)
        return RateLimited(f"{venue} asks for patience for {patience:g} s {words}", patience)
    if isinstance(error, errors.OrderNotFound | errors.OrderNotCached | errors.DuplicateOrderId):
        return _unknown(venue, words) if asked is Asked.SUBMIT else _absent(asked, venue, words)
    if definite(error):
        if asked is Asked.SUBMIT:
            return OrderRejected(f"{venue} refuses the order {words}")
        if asked is Asked.CANCEL:
            return _absent(asked, venue, words)
    if asked is Asked.SUBMIT:
        return _unknown(venue, words)
    return VenueUnavailable(f"{venue} gives no usable answer {words}")


def never_sent(error: Exception) -> bool:
    """Tell whether the connection could not even be made, so that no byte of the request has left."""
    cause = error.__cause__
    unreached: type[Exception] = importlib.import_module("aiohttp").ClientConnectorError
    return isinstance(cause, unreached) or type(cause).__name__ == "gaierror"


def behind(error: Exception) -> Exception:
    """Give the venue's own error where ccxt tripped over something while it dealt with that."""
    own: type[Exception] = importlib.import_module("ccxt.base.errors").BaseError
    first = error.__context__
    return first if isinstance(first, own) and not isinstance(error, own) else error


def definite(error: Exception) -> bool:
    """Tell whether the venue itself has read the request and refused it with a reason ccxt knows."""
    errors: Any = importlib.import_module("ccxt.base.errors")
    refusals = (
        errors.InsufficientFunds,
        errors.InvalidOrder,
        errors.BadRequest,
        errors.OperationRejected,
        errors.ArgumentsRequired,
        errors.NotSupported,
        errors.InvalidAddress,
    )
    return isinstance(error, refusals)


def limit_met(error: Exception, headers: Mapping[str, str]) -> float | None:
    """Tell the seconds of patience the venue asks for, None where the error is no limit."""
    errors: Any = importlib.import_module("ccxt.base.errors")
    limits = (errors.RateLimitExceeded, errors.DDoSProtection)
    return retry_after(headers) if isinstance(error, limits) else None


def accepted(answer: object, order: Order, venue: str, at: Millis) -> OrderReport:
    """Decide on the answer to a submit: a report, or OutcomeUnknown for an odd one, OrderRejected for a no.

    An answer cut short parses into an order without an id; one that names another order answers something else.
    """
    if not isinstance(answer, Mapping) or not told(answer, "id"):
        raise _unknown(venue, "(its answer names no order).")
    try:
        if is_about(answer, order):
            if answer.get("status") == "rejected":
                raise OrderRejected(f"{venue} refuses the order (status rejected).")
            return settled(answer, order, at)
        trouble = _unknown(venue, "(its answer is about another order).")
    except VenueUnavailable as odd:
        trouble = _unknown(venue, f"({str(odd).rstrip('.')}).")
    raise trouble


def _unknown(venue: str, words: str) -> OutcomeUnknown:
    return OutcomeUnknown(f"Nobody knows whether {venue} took the order; it is looked up, never sent again {words}")


def _absent(asked: Asked, venue: str, words: str) -> Absent:
    state = "has no such open order" if asked is Asked.CANCEL else "has no such order"
    return Absent(f"{venue} {state} {words}")
