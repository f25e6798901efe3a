from __future__ import annotations

import importlib
from typing import Any

import pytest

from investbot.adapters.venues.ccxt.failures import backoff, failures, retry_after, translated
from investbot.adapters.venues.ccxt.loader import exchange_class
from investbot.domain.errors import AuthFailed, RateLimited, VenueError, VenueUnavailable


@pytest.fixture
def errors() -> Any:
    exchange_class("binance")
    return importlib.import_module("ccxt.base.errors")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("RateLimitExceeded", RateLimited),
        ("DDoSProtection", RateLimited),
        ("AuthenticationError", AuthFailed),
        ("PermissionDenied", AuthFailed),
        ("AccountSuspended", AuthFailed),
        ("RequestTimeout", VenueUnavailable),
        ("ExchangeNotAvailable", VenueUnavailable),
        ("OnMaintenance", VenueUnavailable),
        ("BadResponse", VenueUnavailable),
        ("NullResponse", VenueUnavailable),
        ("ExchangeError", VenueUnavailable),
        ("BadSymbol", VenueUnavailable),
    ],
)
def test_an_error_of_ccxt_becomes_one_of_ours(errors: Any, name: str, kind: type[VenueError]) -> None:
    error = getattr(errors, name)("binance GET\nhttps://x <html>" + "x" * 500)
    assert isinstance(error, failures())
    ours = translated(error, "binance", None)
    assert type(ours) is kind
    message = str(ours)
    assert message.startswith("binance ")
    assert name in message
    assert message.endswith(").")
    assert "\n" not in message
    assert len(message) < 260


@pytest.mark.parametrize("error", [KeyError("x"), IndexError(), TypeError(), ValueError(), OSError(), TimeoutError()])
def test_what_a_parser_trips_over_is_no_usable_answer(errors: Any, error: Exception) -> None:
    assert isinstance(error, failures())
    assert type(translated(error, "kraken", {})) is VenueUnavailable


def test_patience_is_as_long_as_the_venue_says(errors: Any) -> None:
    ours = translated(errors.RateLimitExceeded("no"), "binance", {"retry-After": "7"})
    assert isinstance(ours, RateLimited)
    assert ours.retry_after_s == 7.0
    assert "for 7 s" in str(ours)
    assert retry_after({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}) == 30.0
    assert retry_after({}) == 30.0


def test_waits_double_up_to_a_minute_and_spread_by_a_quarter() -> None:
    assert [backoff(failed, lambda: 0.5) for failed in (1, 2, 3, 6, 7, 100)] == [1, 2, 4, 32, 60, 60]
    assert backoff(3, lambda: 0.0) == 3.0
    assert backoff(3, lambda: 1.0) == 5.0
