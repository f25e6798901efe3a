"""Projections: what each event means, and that making them again changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from investbot.adapters.storage import projections, schema
from investbot.adapters.storage.encoding import write
from investbot.adapters.storage.inspection import inspect
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.adapters.storage.sqlcipher import connect
from investbot.domain import events as ev
from investbot.domain.errors import LedgerError
from investbot.domain.market import DAY
from investbot.domain.order import OrderState, Role
from investbot.ports.ledger import Recorded
from tests.unit.adapters.storage.samples import KEY, START, Batch, Story

D = Decimal


def written(connection: Any, batches: Iterator[Batch]) -> None:
    """Write batches as the ledger does, without a file."""
    seq = 0
    for events, _ in batches:
        recorded = [Recorded(number, event) for number, event in enumerate(events, seq + 1)]
        connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", [write(r.seq, r.event) for r in recorded])
        projections.project(connection, recorded)
        seq += len(events)


def tables(connection: Any) -> dict[str, list[Any]]:
    return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in projections.TABLES}


@settings(max_examples=40)
@given(st.integers(), st.integers(min_value=0, max_value=60))
def test_made_again_from_the_events_they_are_the_same(seed: int, count: int) -> None:
    with closing(schema.scratch()) as connection:
        written(connection, Story(seed).batches(count))
        before = tables(connection)
        assert projections.check(connection) == []
        connection.execute("UPDATE snapshot SET cash = '1', trips = 99")
        connection.execute("DELETE FROM equity")
        projections.rebuild(connection)
        assert tables(connection) == before


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("UPDATE snapshot SET cash = money_add(cash, '0.00000001')", "Cash is"),
        ("UPDATE fills SET price = '1' WHERE seq = (SELECT max(seq) FROM fills)", "table fills differs"),
        ("DELETE FROM orders WHERE seq = (SELECT min(seq) FROM orders)", "table orders has"),
        ("DROP TRIGGER events_never_go; DELETE FROM events WHERE seq = 5", "some are missing"),
    ],
)
def test_whatever_was_changed_beside_the_events_is_found(harm: str, words: str) -> None:
    with closing(schema.scratch()) as connection:
        written(connection, Story(8).batches(40))
        for statement in harm.split("; "):
            connection.execute(statement)
        assert any(words in problem for problem in projections.check(connection))


def test_the_events_table_takes_additions_only() -> None:
    with closing(schema.scratch()) as connection:
        written(connection, Story(8).batches(10))
        for statement in (
            "UPDATE events SET body = '{}' WHERE seq = 1",
            "DELETE FROM events WHERE seq = 1",
            "INSERT OR REPLACE INTO events VALUES (1, 1, 'x', '{}')",
            "INSERT INTO events VALUES (999999, 1, 'x', '{}')",
        ):
            with pytest.raises(Exception, match=r"append-only|without holes"):
                connection.execute(statement)


# ---- single meanings ----


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    SqlcipherLedger.create(path, KEY, instance="alpha").close()
    return path


def told(path: Path, events: list[ev.Event]) -> SqlcipherReader:
    with closing(SqlcipherLedger.open(path, KEY)) as ledger:
        ledger.append(events, None)
    return SqlcipherReader.open(path, KEY)


def trade(at: int = START, *, close: bool = True) -> list[ev.Event]:
    """Buy 2 at 10 in two fills with 0.1 fee each; sell 1 at 12 and, when it closes, 1 at 9."""
    story = Story(1, at=at)
    entry = story.order("BTC/USDT", "1", Role.ENTRY, D(2))
    stop = story.order("BTC/USDT", "1", Role.STOP, D(2))

    def fill(order: Any, number: int, price: str) -> ev.OrderFilled:
        trade_id, fee = f"{order.order_id}.{number}", D("0.1")
        return ev.OrderFilled(
            at, order.order_id, "1", trade_id, "BTC/USDT", order.side, D(price), D(1), fee, "USDT", fee, gapped=False
        )

    events: list[ev.Event] = [
        ev.OrderPlaced(at, entry),
        fill(entry, 1, "10"),
        ev.PositionOpened(at, "1", "BTC/USDT"),
        fill(entry, 2, "10"),
        ev.OrderPlaced(at, stop),
        fill(stop, 1, "12"),
    ]
    return [*events, fill(stop, 2, "9"), story._closed("BTC/USDT", "1", D(2))] if close else events


CAPITAL = ev.CapitalAllocated(START, D(100), D(100))


def test_equity_at_a_close_is_cash_and_the_day_sums_it_up(path: Path) -> None:
    with closing(told(path, [CAPITAL, *trade(START + 1000)])) as reader:
        (trip,) = reader.rows("trips")
        assert reader.rows("equity") == [
            {"at": START, "equity": "100", "cause": "capital"},
            {"at": START + 1000, "equity": "100.6", "cause": "close"},
        ]
        assert reader.rows("positions") == []
        assert reader.rows("daily") == [
            {
                "day": START // DAY,
                "start_equity": "100",
                "end_equity": "100.6",
                "realised_pnl": trip["net_pnl"],
                "fees_quote": "0.4",
                "trips": 1,
                "wins": int(D(trip["net_pnl"]) > 0),
                "entries": 1,
            }
        ]


def test_what_is_held_counts_at_its_cost_when_capital_moves(path: Path) -> None:
    more = ev.CapitalAllocated(START + 2000, D(150), D(50))
    with closing(told(path, [CAPITAL, *trade(close=False), more])) as reader:
        snapshot = reader.snapshot()
        assert snapshot["cash"] == "141.7"
        assert (snapshot["capital"], snapshot["peak"], snapshot["day_start_equity"]) == ("150", "150", "150")
        assert reader.rows("equity")[-1] == {"at": START + 2000, "equity": "151.7", "cause": "capital"}
        (position,) = snapshot["positions"]
        assert position == {
            "plan_id": "1",
            "symbol": "BTC/USDT",
            "opened_at": START,
            "quantity": "1",
            "entry_price": "10",
            "cost": "10",
            "fees_quote": "0.3",
            "stop_price": reader.rows("orders")[1]["stop_price"],
        }


def test_a_fee_taken_in_base_shrinks_the_position_and_not_the_cash(path: Path) -> None:
    story = Story(1)
    entry = story.order("BTC/USDT", "1", Role.ENTRY, D(2))
    bought = ev.OrderFilled(
        START, entry.order_id, "1", "t1", "BTC/USDT", entry.side, D(10), D(2), D("0.002"), "BTC", D(0), gapped=False
    )
    with closing(told(path, [CAPITAL, ev.OrderPlaced(START, entry), bought])) as reader:
        assert reader.snapshot()["cash"] == "80"
        assert reader.rows("positions")[0]["quantity"] == "1.998"
    stop = story.order("BTC/USDT", "1", Role.STOP, D(1))
    sold = ev.OrderFilled(
        START, stop.order_id, "1", "t2", "BTC/USDT", stop.side, D(11), D(1), D("0.001"), "BTC", D(0), gapped=False
    )
    with closing(told(path, [ev.OrderPlaced(START, stop), sold])) as reader:
        assert reader.snapshot()["cash"] == "91"
        assert reader.rows("positions")[0]["quantity"] == "0.997"


def test_a_trip_that_earned_nothing_is_no_win(path: Path) -> None:
    for seed, pnl, wins in ((1, D("0.00"), 0), (2, D("0.01"), 1), (3, D("-0.01"), 1)):
        closed = Story(seed)._closed("BTC/USDT", str(seed), D(1))
        with closing(told(path, [ev.PositionClosed(START, replace(closed.trip, net_pnl=pnl))])) as reader:
            assert (reader.snapshot()["trips"], reader.snapshot()["wins"]) == (seed, wins)
            assert reader.rows("daily")[0]["wins"] == wins


def test_a_day_ends_with_the_rolls_equity_and_the_next_starts_with_it(path: Path) -> None:
    midnight = (START // DAY + 3) * DAY
    roll = ev.DayRolled(midnight, START // DAY, D(97))
    peak = ev.PeakRaised(midnight + 5, D(101))
    with closing(told(path, [CAPITAL, ev.PeakRaised(START + 5, D(103)), roll, peak])) as reader:
        first, second = reader.rows("daily")
        assert (first["day"], first["start_equity"], first["end_equity"]) == (START // DAY, "100", "97")
        assert (second["day"], second["start_equity"], second["end_equity"]) == (START // DAY + 3, "97", "101")
        assert [row["cause"] for row in reader.rows("equity")] == ["capital", "peak", "day", "peak"]
        assert (reader.snapshot()["peak"], reader.snapshot()["day_start_equity"]) == ("101", "97")


def test_an_entry_that_filled_after_midnight_but_before_the_roll_starts_from_the_roll(path: Path) -> None:
    midnight = (START // DAY + 1) * DAY
    roll = ev.DayRolled(midnight, START // DAY, D(98))
    with closing(told(path, [CAPITAL, *trade(midnight, close=False), roll])) as reader:
        assert [row["start_equity"] for row in reader.rows("daily")] == ["100", "98"]


def test_a_peak_that_an_operator_reset_is_kept(path: Path) -> None:
    events: list[ev.Event] = [CAPITAL, ev.PeakRaised(START + 5, D(103)), ev.PeakReset(START + 6, D(90))]
    with closing(told(path, events)) as reader:
        assert reader.snapshot()["peak"] == reader.snapshot()["equity"] == "90"


def test_an_orders_row_follows_its_events(path: Path) -> None:
    entry = Story(1).order("BTC/USDT", "1", Role.ENTRY, D(2))
    fill = trade()[1]
    events: list[ev.Event] = [
        CAPITAL,
        ev.OrderPlaced(START, entry),
        ev.OrderChanged(START + 1, entry.order_id, OrderState.ACKNOWLEDGED, "v1", ""),
        ev.OrderChanged(START + 1, entry.order_id, OrderState.ACKNOWLEDGED, "v2", ""),
        fill,
    ]
    with closing(told(path, events)) as reader:
        (order,) = reader.rows("orders")
        assert (order["state"], order["filled"], order["venue_order_id"]) == ("PARTLY_FILLED", "1", "v2")
    with closing(told(path, [ev.OrderChanged(START + 2, entry.order_id, OrderState.EXPIRED, None, "ioc")])) as reader:
        (order,) = reader.rows("orders")
        assert (order["state"], order["filled"], order["venue_order_id"]) == ("EXPIRED", "1", "v2")
        assert (order["reason"], order["state_reason"], order["changed_at"]) == ("signal", "ioc", START + 2)


def test_a_signals_row_says_what_became_of_it(path: Path) -> None:
    story = Story(4)
    events: list[ev.Event] = [CAPITAL, *story._denied("BTC/USDT"), *story._entry("BTC/USDT")]
    with closing(told(path, [*events, story.signal("BTC/USDT")])) as reader:
        rows = reader.rows("signals")
    assert [row["outcome"] for row in rows] == ["denied", "entry", ""]
    assert (rows[0]["denied_by"], rows[0]["value"], rows[0]["bound"]) == ("cash", "7", "5")
    assert rows[1]["plan_id"] == "1"
    assert all(isinstance(row["targets"], list) for row in rows)


def test_two_opinions_on_one_candle_keep_it_once(path: Path) -> None:
    story = Story(4)
    first = story.signal("BTC/USDT")
    second = ev.SignalRaised(**{name: getattr(first, name) for name in first.__slots__} | {"signal_id": "s2"})
    with closing(told(path, [CAPITAL, first, second])) as reader:
        assert len(reader.rows("signals")) == 2
        assert len(reader.rows("market_data")) == 1


def test_pauses_and_states_are_what_is_so_now(path: Path) -> None:
    events: list[ev.Event] = [
        CAPITAL,
        ev.EntriesPaused(START, "operator", "asked for"),
        ev.EntriesPaused(START + 1, "operator", "asked again"),
        ev.EntriesPaused(START + 2, "supervisor", "lost"),
        ev.EntriesResumed(START + 3, "supervisor"),
    ]
    with closing(told(path, events)) as reader:
        assert reader.snapshot()["paused"] == [{"at": START + 1, "cause": "operator", "reason": "asked again"}]


def test_a_fill_or_an_order_told_twice_stops_the_ledger_and_books_nothing(path: Path) -> None:
    with closing(SqlcipherLedger.open(path, KEY)) as ledger:
        ledger.append([CAPITAL, *trade(close=False)], None)
        before = list(ledger.events())
        for again in (before[2].event, before[1].event):
            with pytest.raises(LedgerError, match="booked twice"):
                ledger.append([again], None)
        assert list(ledger.events()) == before
        ledger.append([], None)
    assert inspect(path, KEY) == []


def test_inspection_tells_of_events_nobody_can_read(path: Path) -> None:
    with closing(connect(path, KEY)) as connection:
        connection.execute("INSERT INTO events VALUES (1, 1, 'Unheard', '{}')")
    assert inspect(path, KEY) == [
        "The ledger holds an event of the unknown kind 'Unheard'; use the version of InvestBot that wrote it."
    ]
