from __future__ import annotations

import importlib
from typing import Any

import pytest

from investbot.adapters.venues.ccxt.doubt import Absent, Asked, accepted, behind, limit_met, never_sent, verdict
from investbot.domain.errors import (
    AuthFailed,
    OrderRejected,
    OutcomeUnknown,
    RateLimited,
    VenueError,
    VenueUnavailable,
)
from investbot.domain.order import OrderState, Role
from tests.unit.adapters.venues.ccxt.desk import order

errors: Any = importlib.import_module("ccxt.base.errors")
aiohttp: Any = importlib.import_module("aiohttp")
AT = 1_700_000_000_000

REFUSED = (OrderRejected, Absent, VenueUnavailable)
UNSURE = (OutcomeUnknown, VenueUnavailable, VenueUnavailable)
ELSEWHERE = (OutcomeUnknown, Absent, Absent)
LIMITED = (OutcomeUnknown, RateLimited, RateLimited)
LOCKED = (AuthFailed, AuthFailed, AuthFailed)
SKEWED = (VenueUnavailable, VenueUnavailable, VenueUnavailable)
MEANS: dict[str, tuple[type[VenueError], ...]] = {
    "BaseError": UNSURE,
    "ExchangeError": UNSURE,
    "AuthenticationError": LOCKED,
    "PermissionDenied": LOCKED,
    "AccountNotEnabled": LOCKED,
    "AccountSuspended": LOCKED,
    "ArgumentsRequired": REFUSED,
    "BadRequest": REFUSED,
    "BadSymbol": REFUSED,
    "OperationRejected": REFUSED,
    "NoChange": REFUSED,
    "MarginModeAlreadySet": REFUSED,
    "MarketClosed": REFUSED,
    "ManualInteractionNeeded": REFUSED,
    "RestrictedLocation": REFUSED,
    "InsufficientFunds": REFUSED,
    "InvalidAddress": REFUSED,
    "AddressPending": REFUSED,
    "InvalidOrder": REFUSED,
    "OrderNotFound": ELSEWHERE,
    "OrderNotCached": ELSEWHERE,
    "OrderImmediatelyFillable": REFUSED,
    "OrderNotFillable": REFUSED,
    "DuplicateOrderId": ELSEWHERE,
    "ContractUnavailable": REFUSED,
    "NotSupported": REFUSED,
    "InvalidProxySettings": UNSURE,
    "ExchangeClosedByUser": UNSURE,
    "OperationFailed": UNSURE,
    "NetworkError": UNSURE,
    "DDoSProtection": LIMITED,
    "RateLimitExceeded": LIMITED,
    "ExchangeNotAvailable": UNSURE,
    "OnMaintenance": UNSURE,
    "InvalidNonce": SKEWED,
    "ChecksumError": SKEWED,
    "RequestTimeout": UNSURE,
    "BadResponse": UNSURE,
    "NullResponse": UNSURE,
    "CancelPending": UNSURE,
    "UnsubscribeError": UNSURE,
}
"""What each error of ccxt means for a submit, a cancel, and a lookup."""
OTHERS = [KeyError("id"), TypeError("x"), ValueError("x"), AttributeError("x"), TimeoutError(), OSError(9, "x")]


def judged(error: Exception, asked: Asked, headers: dict[str, str] | None = None) -> VenueError:
    return verdict(error, asked, "binance", "said", headers or {}, ('"code":-2015',))


def test_every_error_of_ccxt_is_decided() -> None:
    def names(tree: dict[str, Any]) -> list[str]:
        return [name for word, below in tree.items() for name in (word, *names(below))]

    assert sorted(MEANS) == sorted(names(errors.error_hierarchy))


@pytest.mark.parametrize("name", MEANS)
def test_an_error_of_ccxt_means(name: str) -> None:
    error = getattr(errors, name)("binance said no")
    for asked, kind in zip((Asked.SUBMIT, Asked.CANCEL, Asked.LOOKUP), MEANS[name], strict=True):
        problem = judged(error, asked)
        assert type(problem) is kind, asked
        assert f"({name}: said)." in str(problem)
    assert type(judged(error, Asked.READ)) is MEANS[name][2]


@pytest.mark.parametrize("error", OTHERS, ids=repr)
def test_a_parser_that_trips_leaves_doubt(error: Exception) -> None:
    assert [type(judged(error, asked)) for asked in (Asked.SUBMIT, Asked.CANCEL, Asked.LOOKUP)] == list(UNSURE)


def test_a_revoked_key_in_the_clothes_of_a_ban_is_told_as_such() -> None:
    ban = errors.DDoSProtection('binance {"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}')
    assert [type(judged(ban, asked)) for asked in Asked] == [AuthFailed] * 4


@pytest.mark.parametrize("asked", Asked)
def test_where_no_connection_was_made_nothing_was_sent(asked: Asked) -> None:
    error = errors.ExchangeNotAvailable("binance POST")
    error.__cause__ = aiohttp.ClientConnectorError(None, OSError(111, "refused"))
    problem = judged(error, asked)
    assert type(problem) is VenueUnavailable
    assert "nothing was sent" in str(problem)


@pytest.mark.parametrize("cause", [aiohttp.ServerDisconnectedError(), aiohttp.ClientOSError(104, "reset"), None])
def test_a_connection_that_broke_may_have_sent_it(cause: Exception | None) -> None:
    error = errors.ExchangeNotAvailable("binance POST")
    error.__cause__ = cause
    assert not never_sent(error)


def test_a_parser_that_trips_over_a_refusal_does_not_hide_it() -> None:
    refusal, trip = errors.AuthenticationError("binance no"), KeyError("spot")
    assert behind(trip) is trip
    trip.__context__ = refusal
    assert behind(trip) is refusal
    refusal.__context__ = errors.ExchangeError("x")
    assert behind(refusal) is refusal
    trip.__context__ = ValueError("x")
    assert behind(trip) is trip


def test_patience_is_as_long_as_the_venue_says() -> None:
    error = errors.RateLimitExceeded("slow")
    problem = judged(error, Asked.READ, {"retry-after": "17"})
    assert isinstance(problem, RateLimited)
    assert problem.retry_after_s == limit_met(error, {"Retry-After": "17"}) == 17
    assert limit_met(errors.DDoSProtection("x"), {}) == 30
    assert limit_met(errors.BadRequest("x"), {"Retry-After": "17"}) is None


OURS = order(Role.EXIT)
FINE: dict[str, Any] = {
    "id": "7",
    "clientOrderId": OURS.client_order_id,
    "symbol": "BTC/USDT",
    "status": "open",
    "filled": "0",
    "timestamp": AT - 5,
}


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "",
        "<html>",
        [],
        {},
        {**FINE, "id": None},
        {**FINE, "id": ""},
        {**FINE, "id": "None"},
        {**FINE, "clientOrderId": "somebody else's"},
        {**FINE, "symbol": "ETH/USDT"},
        {**FINE, "filled": "NaN"},
        {**FINE, "filled": "x"},
        {**FINE, "timestamp": "Infinity"},
    ],
    ids=repr,
)
def test_an_odd_answer_to_a_submit_is_doubt(answer: object) -> None:
    with pytest.raises(OutcomeUnknown, match=r"never sent again \(.*\)\.$") as caught:
        accepted(answer, OURS, "binance", AT)
    assert caught.value.__context__ is None


def test_a_status_rejected_is_a_no() -> None:
    with pytest.raises(OrderRejected):
        accepted({**FINE, "status": "rejected"}, OURS, "binance", AT)


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, OrderState.ACKNOWLEDGED),
        ({"status": None, "clientOrderId": None, "symbol": None, "filled": None}, OrderState.ACKNOWLEDGED),
        ({"status": "closed", "filled": "0.0123"}, OrderState.ACKNOWLEDGED),
        ({"status": "expired", "filled": "0.01"}, OrderState.ACKNOWLEDGED),
        ({"status": "expired", "filled": None}, OrderState.ACKNOWLEDGED),
        ({"status": "expired"}, OrderState.EXPIRED),
        ({"status": "canceled"}, OrderState.CANCELLED),
        ({"status": "closed"}, OrderState.EXPIRED),
    ],
)
def test_a_report_never_runs_ahead_of_the_fills(change: dict[str, Any], state: OrderState) -> None:
    report = accepted({**FINE, **change}, OURS, "binance", AT)
    assert (report.state, report.order_id, report.venue_order_id, report.at) == (state, OURS.order_id, "7", AT - 5)


def test_an_answer_without_a_time_is_of_now() -> None:
    assert accepted({"id": "7"}, OURS, "binance", AT).at == AT
