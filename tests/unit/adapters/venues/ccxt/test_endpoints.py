from __future__ import annotations

from investbot.adapters.venues.ccxt.connection import Connection
from investbot.adapters.venues.ccxt.endpoints import KEPT, Endpoints, told
from investbot.domain.errors import RateLimited
from investbot.domain.market import Timeframe
from tests.exchange.clock import HandClock
from tests.exchange.server import LoopbackExchange

ONE = Timeframe.parse("1m")


def test_each_kind_is_counted_and_all_of_them_together() -> None:
    endpoints = Endpoints()
    assert endpoints.figures() == {}
    for millis in range(100):
        endpoints.answered("fetch_order", millis / 1000)
    endpoints.answered("create_order", 0.5)
    endpoints.failed("create_order")
    endpoints.failed("cancel_order")
    assert endpoints.figures() == {
        "all": {"answers": 101, "errors": 2, "p50_ms": 50.0, "p99_ms": 99.0},
        "fetch_order": {"answers": 100, "errors": 0, "p50_ms": 49.5, "p99_ms": 98.0},
        "create_order": {"answers": 1, "errors": 1, "p50_ms": 500.0, "p99_ms": 500.0},
        "cancel_order": {"answers": 0, "errors": 1},
    }
    assert told(endpoints.figures())["endpoint create_order"] == "answers=1 errors=1 p50_ms=500 p99_ms=500"


def test_quantiles_are_of_the_newest_answers() -> None:
    endpoints = Endpoints()
    for _ in range(KEPT):
        endpoints.answered("x", 9.0)
    for _ in range(KEPT):
        endpoints.answered("x", 0.001)
    assert endpoints.figures()["x"] == {"answers": 2 * KEPT, "errors": 0, "p50_ms": 1.0, "p99_ms": 1.0}


async def test_the_public_side_counts_and_is_left_alone_after_failures() -> None:
    clock = HandClock()
    async with LoopbackExchange(clock.now) as exchange:
        connection = Connection("binance", exchange.settings(), clock, lambda: 0.5)
        await connection.open(["BTC/USDT"], ONE)
        await connection.candles("BTC/USDT", ONE, clock.now() - 600_000, 5)
        assert connection.health()["circuit"] == "closed"
        connection.failed(RateLimited("patience", 7.0))
        assert connection.health()["circuit"] == "open"
        clock.tick(7_000)
        assert connection.health()["circuit"] == "half-open"
        connection.worked()
        assert connection.health()["circuit"] == "closed"
        assert connection.health()["endpoint fetch_ohlcv"] == "answers=1 errors=0 p50_ms=0 p99_ms=0"
        assert connection.health()["endpoint all"].startswith("answers=1 ")
        await connection.close()
