"""The read-only way in: shapes, bounds in time, and no way to change anything."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from investbot.adapters.storage import migrate
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.domain.errors import InvariantError, LedgerError
from investbot.domain.events import EntriesPaused
from investbot.domain.market import DAY
from investbot.ports.ledger import LedgerReader
from tests.unit.adapters.storage.samples import KEY, START, Story, filled

SHAPES = {
    "fills": ("at", "order_id", "trade_id", "symbol", "side", "price", "quantity", "fee", "fee_currency", "fee_quote"),
    "orders": (
        *("at", "order_id", "client_order_id", "venue_order_id", "symbol", "side", "type", "price", "stop_price"),
        *("quantity", "filled", "state", "role", "reason"),
    ),
    "trips": (
        *("opened_at", "closed_at", "symbol", "quantity", "entry_price", "exit_price", "costs", "net_pnl", "r", "mae"),
        *("mfe", "exit_reason", "gapped"),
    ),
    "signals": ("at", "signal_id", "symbol", "timeframe", "source", "direction", "confidence", "price", "reason"),
    "market_data": ("at", "symbol", "timeframe", "opened_at", "open", "high", "low", "close", "volume"),
    "positions": ("plan_id", "symbol", "opened_at", "quantity", "entry_price", "stop_price"),
    "equity": ("at", "equity", "cause"),
    "daily": ("day", "start_equity", "end_equity", "realised_pnl", "trips", "wins", "entries"),
    "pauses": ("at", "cause", "reason"),
}
"""What other programs rely on; more columns may follow."""
MONEY = {"price", "quantity", "fee", "fee_quote", "net_pnl", "costs", "equity", "entry_price", "start_equity", "open"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    filled(path, 2, 150)
    with closing(SqlcipherLedger.open(path, KEY)) as ledger:
        ledger.append([EntriesPaused(START + 900 * DAY, "operator", "asked for")], None)
    return path


@pytest.fixture
def reader(path: Path) -> Iterator[SqlcipherReader]:
    with closing(SqlcipherReader.open(path, KEY)) as reader:
        yield reader


@pytest.mark.parametrize("table", SHAPES)
def test_rows_have_the_shape_other_programs_rely_on(reader: LedgerReader, table: str) -> None:
    rows = reader.rows(table)
    assert rows
    for row in rows:
        assert tuple(row)[: len(SHAPES[table])] == SHAPES[table] or set(SHAPES[table]) <= set(row)
        assert all(isinstance(row[name], str) for name in MONEY & set(row) if row[name] is not None)
    if "gapped" in SHAPES[table]:
        assert {type(row["gapped"]) for row in rows} == {bool}


@pytest.mark.parametrize("table", sorted(set(SHAPES) - {"daily"}))
def test_rows_since_a_moment_are_all_rows_from_then_on(reader: LedgerReader, table: str) -> None:
    name = {"trips": "closed_at", "positions": "opened_at"}.get(table, "at")
    rows = reader.rows(table)
    moments = sorted({row[name] for row in rows})
    for since in (moments[0], moments[len(moments) // 2], moments[-1], moments[-1] + 1):
        assert reader.rows(table, since) == [row for row in rows if row[name] >= since]


def test_a_day_counts_until_it_has_ended(reader: LedgerReader) -> None:
    rows = reader.rows("daily")
    second: int = rows[1]["day"]
    assert reader.rows("daily", second * DAY) == rows[1:]
    assert reader.rows("daily", (second + 1) * DAY - 1) == rows[1:]
    assert reader.rows("daily", (second + 1) * DAY) == rows[2:]


def test_events_are_bounded_by_number_and_by_time(reader: LedgerReader) -> None:
    every = list(reader.events())
    assert list(reader.events(after=17)) == every[17:]
    middle = every[len(every) // 2].event.at
    assert list(reader.events(since=middle)) == [each for each in every if each.event.at >= middle]
    assert list(reader.events(after=len(every) - 3, since=START)) == every[-3:]


def test_a_table_there_is_not_is_a_bug(reader: LedgerReader) -> None:
    for name in ("nothing", "secrets", "meta"):
        with pytest.raises(InvariantError, match="has no table"):
            reader.rows(name)


def test_a_reader_cannot_write(reader: SqlcipherReader) -> None:
    with pytest.raises(Exception, match="readonly"):
        reader._connection.execute("DELETE FROM daily")


def test_a_snapshot_is_one_moment(reader: SqlcipherReader) -> None:
    told = reader.snapshot()
    assert told["instance"] == "alpha"
    assert told["last_seq"] == sum(1 for _ in reader.events())
    assert told["cursor"] is not None
    assert told["equity"] == reader.rows("equity")[-1]["equity"]
    assert told["last_signal_at"] == reader.rows("signals")[-1]["at"]
    assert told["positions"] == reader.rows("positions")


def test_the_snapshot_of_an_empty_ledger_says_so(tmp_path: Path) -> None:
    SqlcipherLedger.create(tmp_path / "l.db", KEY, instance="beta").close()
    with closing(SqlcipherReader.open(tmp_path / "l.db", KEY)) as reader:
        told = reader.snapshot()
    assert (told["last_seq"], told["equity"], told["equity_at"], told["cursor"]) == (0, None, None, None)
    assert (told["cash"], told["trading_state"], told["positions"], told["paused"]) == ("0", "ACTIVE", [], [])


def test_a_closed_reader_says_so(path: Path) -> None:
    reader = SqlcipherReader.open(path, KEY)
    reader.close()
    reader.close()
    with pytest.raises(LedgerError, match="closed"):
        reader.rows("fills")


def test_an_older_schema_is_named_with_what_to_do(path: Path) -> None:
    migrate.migrate(path, KEY, 1)
    with pytest.raises(LedgerError, match="older schema 1; start its instance once"):
        SqlcipherReader.open(path, KEY)


def test_readers_beside_a_busy_writer_see_whole_appends_only(path: Path) -> None:
    stop = threading.Event()
    failures: list[Any] = []

    def read() -> None:
        while not stop.is_set():
            with closing(SqlcipherReader.open(path, KEY)) as reader:
                told = reader.snapshot()
                last = list(reader.events(after=told["last_seq"] - 1))
                if not last or reader.rows("trips")[-1:] == []:
                    failures.append(told)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for each in readers:
        each.start()
    try:
        with closing(SqlcipherLedger.open(path, KEY)) as ledger:
            story = Story(9, at=START + 900 * DAY, plans=1000, signals=1000)
            for _ in range(150):
                ledger.append(*story.batch())
    finally:
        stop.set()
        for each in readers:
            each.join()
    assert failures == []
