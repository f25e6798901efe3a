"""Events as rows for other programs."""

from __future__ import annotations

from decimal import Decimal

from investbot.control.rows import event_row
from investbot.domain.events import EntriesPaused, OrderPlaced, SignalRaised
from investbot.domain.order import Order, OrderType, Role, Side
from investbot.domain.signal import Direction

AT = 1_767_323_045_678


def test_an_event_is_told_flat_with_its_place_first() -> None:
    row = event_row(7, EntriesPaused(AT, "operator", "paused by ana"))
    assert list(row.items()) == [
        ("seq", 7),
        ("at", "2026-01-02T03:04:05.678Z"),
        ("kind", "EntriesPaused"),
        ("cause", "operator"),
        ("reason", "paused by ana"),
    ]


def test_moments_inside_are_told_too_and_money_stays_text() -> None:
    order = Order(
        "1-entry-1", "ib", "1", AT, "BTC/USDT", Side.BUY, OrderType.LIMIT, Role.ENTRY, Decimal("0.10"), "up", Decimal(9)
    )
    row = event_row(1, OrderPlaced(AT, order))
    assert row["order"]["placed_at"] == "2026-01-02T03:04:05.678Z"
    assert (row["order"]["quantity"], row["order"]["price"], row["order"]["stop_price"]) == ("0.10", "9", None)


def test_a_signals_candle_has_named_parts() -> None:
    one = Decimal(1)
    signal = SignalRaised(
        AT, "s1", "BTC/USDT", "1m", "ma_cross", Direction.LONG, 0.5, one, None, (), "up", (0, one, one, one, one, 2.5)
    )
    assert event_row(1, signal)["candle"] == {
        "opened_at": "1970-01-01T00:00:00Z",
        "open": "1",
        "high": "1",
        "low": "1",
        "close": "1",
        "volume": 2.5,
    }
