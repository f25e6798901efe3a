from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from investbot.tui import holdings
from investbot.tui.figures import Cell, Tone
from investbot.tui.model import Detail, Row
from tests.tui.fakes import DETAIL, row


def stop(**changes: Any) -> dict[str, Any]:
    return dict(DETAIL.orders[1]) | changes


def test_a_position_with_its_result_and_its_stop() -> None:
    [(symbol, cells)] = holdings.positions(DETAIL, row())
    assert symbol == "BTC/USDT"
    assert [cell.text for cell in cells] == [
        "BTC/USDT",
        "0.00123",
        "+0.12",
        "stop kept in simulation at 63,200.00, target 65,000.00",
        "63,900.00",
        "64,000.00",
    ]


def test_a_position_whose_price_is_not_known_has_no_result() -> None:
    [(_, cells)] = holdings.positions(DETAIL, None)
    assert cells[2] == Cell("-", Tone.DIM)
    [(_, cells)] = holdings.positions(replace(DETAIL, positions=({"symbol": "BTC/USDT", "quantity": "x"},)), row())
    assert [cell.text for cell in cells][1:3] == ["-", "-"]


def test_the_entry_price_is_what_it_cost() -> None:
    held = replace(DETAIL, positions=({"symbol": "BTC/USDT", "quantity": "2", "cost": "100000"},))
    [(_, cells)] = holdings.positions(held, row())
    assert [cell.text for cell in cells][4] == "50,000.00"
    assert cells[2].text == "+28,000.00"


def test_a_position_without_a_stop_is_an_alarm() -> None:
    done = stop(state="CANCELLED")
    assert holdings.protection("BTC/USDT", [done], row()) == Cell("NO STOP", Tone.LIVE)
    assert holdings.protection("BTC/USDT", [stop(symbol="ETH/USDT")], row()) == Cell("NO STOP", Tone.LIVE)
    leaving = stop(role="exit", state="SENT")
    assert holdings.protection("BTC/USDT", [done, leaving], row()) == Cell("being sold", Tone.WARN)


@pytest.mark.parametrize(
    ("order", "of", "expected"),
    [
        (stop(), row(), Cell("in simulation")),
        (stop(), row(state="STOPPED"), Cell("in simulation, still", Tone.WARN)),
        (stop(), None, Cell("in simulation, still", Tone.WARN)),
        (stop(venue_order_id="77"), row(mode="live"), Cell("by binance #77", Tone.GOOD)),
        (stop(venue_order_id=None), row(mode="sandbox"), Cell("by binance #?", Tone.GOOD)),
        (stop(state="SENT"), row(mode="live"), Cell("not confirmed", Tone.WARN)),
        (stop(state="UNKNOWN"), row(mode="live"), Cell("not confirmed", Tone.WARN)),
        (stop(state="FILLED"), row(mode="live"), Cell("-", Tone.DIM)),
    ],
)
def test_who_keeps_a_stop(order: dict[str, Any], of: Row | None, expected: Cell) -> None:
    assert holdings.kept(order, of) == expected


def test_open_orders_come_first() -> None:
    cells = holdings.orders(DETAIL, row())
    assert [order_id for order_id, _ in cells] == ["1-target-1", "1-stop-1", "1-entry-1"]
    texts = [cell.text for cell in cells[1][1]]
    assert texts == [
        "01-02 03:04:05",
        "BTC/USDT",
        "stop",
        "63,200.00",
        "ACKNOWLEDGED",
        "in simulation",
        "sell",
        "0.00123",
        "stop of plan 1",
    ]


def test_fills_newest_first() -> None:
    later = replace(DETAIL, fills=(*DETAIL.fills, dict(DETAIL.fills[0]) | {"trade_id": "2", "side": "sell"}))
    cells = holdings.fills(later)
    assert [trade for trade, _ in cells] == ["2", "1-entry-1.1"]
    assert cells[0][1][2] == Cell("sell", Tone.BAD)
    assert [cell.text for cell in cells[1][1]][2:] == ["buy", "0.00123", "63,900.00", "0.08 USDT", "1-entry-1"]


def test_round_trips_net_with_their_multiple() -> None:
    [(_, cells)] = holdings.trips(DETAIL)
    assert [cell.text for cell in cells] == [
        "01-02 03:04:05",
        "BTC/USDT",
        "-4.10",
        "-1.02R",
        "stop (gap)",
        "0.20",
        "4m",
        "-",
        "-",
        "-1.10%",
        "0.20%",
    ]
    [(_, empty)] = holdings.trips(Detail("alpha", 0.0, trips=({},)))
    assert {cell.text for cell in empty} == {"-", ""}


def test_signals_say_what_came_of_them() -> None:
    [(_, cells)] = holdings.signals(DETAIL)
    assert [cell.text for cell in cells][2:] == [
        "LONG",
        "0.70",
        "denied: open_positions 1 > 1",
        "pullback in an up trend",
    ]
    taken = replace(DETAIL, signals=({"outcome": "entry"}, {"denied_by": "cooldown"}, {}))
    outcomes = [cells[4] for _, cells in holdings.signals(taken)]
    assert outcomes == [Cell("-", Tone.DIM), Cell("denied: cooldown", Tone.WARN), Cell("entry", Tone.GOOD)]


def test_the_log_newest_first() -> None:
    cells = holdings.log(DETAIL)
    assert cells[0][1][2].text == "no json"
    assert [cell.text for cell in cells[1][1]] == ["01-02 03:04:05", "warning", "candle_flagged symbol=BTC/USDT"]
    assert cells[1][1][1].tone is Tone.WARN
    grave = replace(DETAIL, log=('{"level": "error", "event": "x"}',))
    assert holdings.log(grave)[0][1][1] == Cell("error", Tone.BAD)
