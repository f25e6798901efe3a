"""What can go wrong on the way to an exchange, in the words of the house, and how long to wait then."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from investbot.domain.errors import AuthFailed, RateLimited, VenueError, VenueUnavailable

FIRST_S, MOST_S, DEFAULT_PATIENCE_S = 1.0, 60.0, 30.0
_LONGEST = 160


def failures() -> tuple[type[Exception], ...]:
    """List what a call of ccxt may raise: its own errors, and what its parsers trip over in an answer cut short."""
    own: type[Exception] = importlib.import_module("ccxt.base.errors").BaseError
    return (own, OSError, TimeoutError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def translated(
    error: Exception, venue: str, headers: Mapping[str, str] | None, clean: Callable[[str], str] = str
) -> VenueError:
    """Turn what ccxt raised into one sentence of ours; `headers` are the last answer's, `clean` hides secrets."""
    errors: Any = importlib.import_module("ccxt.base.errors")
    said = " ".join(clean(f"{type(error).__name__}: {error}").split())[:_LONGEST]
    if isinstance(error, errors.RateLimitExceeded | errors.DDoSProtection):
        patience = retry_after(headers or {})
        return RateLimited(f"{venue} asks for patience for {patience:g} s ({said}).", patience)
    if isinstance(error, errors.AuthenticationError):
        return AuthFailed(f"{venue} refuses the request as not allowed ({said}).")
    return VenueUnavailable(f"{venue} gives no usable answer ({said}).")


def retry_after(headers: Mapping[str, str]) -> float:
    """Read the seconds of a Retry-After header, or a patient default where there is none."""
    said = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return float(said) if said.isdecimal() else DEFAULT_PATIENCE_S


def backoff(failed: int, jitter: Callable[[], float]) -> float:
    """Tell how many seconds to wait after `failed` failures in a row: doubling, bounded, ±25 %."""
    return float(min(FIRST_S * 2.0 ** min(failed - 1, 10), MOST_S) * (0.75 + 0.5 * jitter()))


def demand_json(exchange: Any) -> None:
    """Let an answer that is no JSON raise ccxt's BadResponse: by itself ccxt takes it for an answer without content."""
    bad_response: type[Exception] = importlib.import_module("ccxt.base.errors").BadResponse
    check = exchange.handle_http_status_code

    def check_body(code: int, reason: str, url: str, method: str, body: str) -> None:
        check(code, reason, url, method, body)
        text = body.strip()
        if text[:1] + text[-1:] not in {"[]", "{}"}:
            raise bad_response(f"{code} without JSON: {text[:40]!r}")

    exchange.handle_http_status_code = check_body
