"""What is believed of a price that a venue tells, and what is dropped."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from investbot.adapters.venues.ccxt.quotes import STALE_MS, Quotes
from investbot.domain.market import Instrument

BTC = Instrument("BTC/USDT", Decimal("0.01"), Decimal("0.00001"))
NOW = 1_700_000_000_000


def quotes() -> Quotes:
    made = Quotes()
    made.closed("BTC/USDT", Decimal(100))
    return made


@pytest.mark.parametrize(
    ("answer", "price"),
    [
        ({"bid": "101.5", "last": "102", "ask": "103"}, "101.50"),
        ({"bid": None, "last": 102.0}, "102.00"),
        ({"last": None, "close": "99"}, "99.00"),
        ({"symbol": "BTC/USDT", "bid": "100.019"}, "100.01"),
        ({"BTC/USDT": {"bid": "100"}, "ETH/USDT": {"bid": "1"}}, "100.00"),
        ([{"price": "90"}, {"price": "91", "amount": "1"}], "91.00"),
        ({"bid": "50"}, "50.00"),
        ({"bid": "150"}, "150.00"),
    ],
)
def test_the_bid_counts_and_else_what_was_paid_last(answer: Any, price: str) -> None:
    told = quotes()
    assert told.take(BTC, answer, NOW) == Decimal(price)
    assert not told.dropped


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        *(({"bid": bad, "last": "100"}, "odd") for bad in ("NaN", float("nan"), "0", "-1", "Infinity", "x", "1E+400")),
        *((bad, "odd") for bad in (None, [], {}, "text", 7, [None], {"symbol": "ETH/USDT", "bid": "100"})),
        ({"bid": "0.001"}, "odd"),
        ({"bid": "49.99"}, "wild"),
        ({"bid": "150.01"}, "wild"),
        ({"bid": "100", "timestamp": NOW - STALE_MS - 1}, "stale"),
        ({"bid": "100", "timestamp": NOW + STALE_MS + 1}, "stale"),
    ],
)
def test_a_price_that_cannot_be_is_dropped_and_counted(answer: Any, why: str) -> None:
    told = quotes()
    assert told.take(BTC, answer, NOW) is None
    assert dict(told.dropped) == {why: 1}
    assert told.take(BTC, {"bid": "100", "timestamp": NOW - STALE_MS}, NOW) == 100


def test_a_price_from_before_the_last_one_is_no_news() -> None:
    told = quotes()
    assert told.take(BTC, {"bid": "100", "timestamp": NOW - 10}, NOW)
    assert told.take(BTC, {"bid": "99", "timestamp": NOW - 10}, NOW)
    assert told.take(BTC, {"bid": "98", "timestamp": NOW - 11}, NOW) is None
    assert told.take(BTC, {"bid": "97"}, NOW) == 97
    assert dict(told.dropped) == {"stale": 1}


def test_a_venue_whose_time_runs_fast_has_as_much_of_the_walls_time() -> None:
    old = {"bid": "100", "timestamp": NOW - 10 * STALE_MS}
    assert quotes().take(BTC, old, NOW, rate=10.0) == 100
    assert quotes().take(BTC, old, NOW, rate=9.9) is None
    assert quotes().take(BTC, {"bid": "100", "timestamp": NOW - STALE_MS}, NOW, rate=0.1) == 100


def test_without_a_close_nothing_is_wild() -> None:
    assert Quotes().take(BTC, {"bid": "100000"}, NOW) == 100_000
