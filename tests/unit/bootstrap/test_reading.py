"""Rows and status of an instance out of its ledger, in the shapes other programs rely on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.bootstrap.reading import KINDS, at_stake, read_rows, status_row
from investbot.config.instance import InstanceConfig, load_instance, with_capital
from investbot.domain.errors import UsageError
from investbot.domain.facts import Action, Intelligence, OperatorRequest
from investbot.domain.intelligence import IntelligenceItem
from investbot.domain.market import HOUR, Cursor
from investbot.domain.times import parse_rfc3339
from tests.integration.instance_homes import KEY, make_home, replaying
from tests.unit.instance.hosts import BTC, PLAIN, Host, make_engine, make_market, walk

KEYS = {
    "positions": {"symbol", "quantity", "entry_price", "opened_at"},
    "orders": {
        "at",
        "order_id",
        "client_order_id",
        "venue_order_id",
        "symbol",
        "side",
        "type",
        "price",
        "stop_price",
        "quantity",
        "filled",
        "state",
        "role",
        "reason",
    },
    "fills": {"at", "order_id", "trade_id", "symbol", "side", "price", "quantity", "fee", "fee_currency", "fee_quote"},
    "trips": {
        "opened_at",
        "closed_at",
        "symbol",
        "quantity",
        "entry_price",
        "exit_price",
        "costs",
        "net_pnl",
        "r",
        "mae",
        "mfe",
        "exit_reason",
        "gapped",
    },
    "signals": {"at", "symbol", "timeframe", "direction", "confidence", "reason"},
    "events": {"seq", "at", "kind"},
    "equity": {"at", "equity"},
    "daily": {"day", "start_equity", "end_equity", "trips"},
    "market_data": {"at", "symbol", "timeframe", "opened_at", "open", "high", "low", "close", "volume"},
    "intelligence": {"at", "source", "symbol", "bias", "confidence", "published_at", "expires_at", "item_id", "text"},
}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance that has traded for some hours and holds something now."""
    home = make_home(tmp_path_factory.mktemp("fleet"))
    made = replaying(home, "alpha", Path("nowhere.csv"))
    engine = make_engine({BTC: PLAIN})
    market = make_market(engine)
    ledger = SqlcipherLedger.open(made.ledger, KEY)
    candles = walk(2000)
    events = engine.begin(candles[0].opened_at)
    for each in candles:
        events += market.step(each)
        if len(events) > 300 and any(holding.quantity for holding in engine.state.holdings.values()):
            break
    events += market.handle(OperatorRequest(engine.state.last_candle_at, Action.PAUSE, by="ana"))
    at = engine.state.last_candle_at
    item = IntelligenceItem("news", BTC, 0.5, 0.5, at, at + HOUR, "n1")
    events += market.handle(Intelligence(at, (item,)))
    ledger.append(events, Cursor(BTC, each.opened_at))
    ledger.close()
    return made.path


@pytest.fixture
def reader(folder: Path) -> Iterator[SqlcipherReader]:
    opened = SqlcipherReader.open(folder / "ledger.db", KEY)
    yield opened
    opened.close()


@pytest.fixture
def config(folder: Path) -> InstanceConfig:
    return load_instance(folder)


def moments(row: dict[str, Any]) -> list[Any]:
    found = []
    for name, value in row.items():
        if isinstance(value, dict):
            found += moments(value)
        elif (name == "at" or name.endswith("_at")) and value is not None:
            found.append(value)
    return found


def test_every_kind_is_known() -> None:
    assert set(KINDS) == set(KEYS)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_have_their_keys_and_tell_moments_as_text(reader: SqlcipherReader, kind: str) -> None:
    rows = read_rows(kind, reader)
    assert rows
    for row in rows:
        assert KEYS[kind] <= set(row)
        assert all(MOMENT.fullmatch(moment) for moment in moments(row)), row


@pytest.mark.parametrize(("kind", "key"), [("fills", "at"), ("trips", "closed_at"), ("events", "at"), ("equity", "at")])
def test_rows_come_oldest_first_and_the_last_ones_are_the_newest(reader: SqlcipherReader, kind: str, key: str) -> None:
    rows = read_rows(kind, reader)
    order = [row[key] for row in rows]
    assert order == sorted(order)
    assert read_rows(kind, reader, last=3) == rows[-3:]
    assert read_rows(kind, reader, last=10_000) == rows
    since = rows[len(rows) // 2][key]
    assert read_rows(kind, reader, since=parse_rfc3339(since)) == [row for row in rows if row[key] >= since]


def test_rows_of_one_symbol_or_timeframe(reader: SqlcipherReader) -> None:
    assert read_rows("signals", reader, symbol=BTC, timeframe="1m") == read_rows("signals", reader)
    assert read_rows("signals", reader, symbol="X/USDT") == []
    assert read_rows("signals", reader, timeframe="5m") == []
    kinds = {row["kind"] for row in read_rows("events", reader, symbol=BTC)}
    assert {"OrderPlaced", "PlanMade", "PositionClosed", "OrderFilled"} <= kinds
    assert "CapitalAllocated" not in kinds


def test_money_is_text(reader: SqlcipherReader) -> None:
    trip = read_rows("trips", reader, last=1)[0]
    assert all(isinstance(trip[name], str) for name in ("quantity", "entry_price", "net_pnl", "costs", "r"))
    assert trip["gapped"] in {True, False}
    assert read_rows("daily", reader)[0]["day"] == "2024-01-01"


@pytest.mark.parametrize(
    ("kind", "last", "sentence"), [("wishes", None, "no rows of the kind"), ("fills", 0, "--last")]
)
def test_what_cannot_be_read_is_refused(reader: SqlcipherReader, kind: str, last: int | None, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        read_rows(kind, reader, last=last)


def test_a_stopped_instance_adds_up(config: InstanceConfig, reader: SqlcipherReader) -> None:
    row = status_row(config, reader)
    cash = Decimal(1000)
    for fill in read_rows("fills", reader):
        notional = Decimal(fill["price"]) * Decimal(fill["quantity"])
        cash += (-notional if fill["side"] == "buy" else notional) - Decimal(fill["fee_quote"])
    assert Decimal(row["cash"]) == cash
    (held,) = read_rows("positions", reader)
    assert Decimal(row["equity"]) == cash + Decimal(held["cost"])
    assert Decimal(row["total_pnl"]) == Decimal(row["equity"]) - 1000
    assert (row["state"], row["pid"], row["open_positions"], row["trading_state"]) == ("STOPPED", None, 1, "ACTIVE")
    trips = read_rows("trips", reader)
    assert row["trips"] == len(trips)
    won = sum(Decimal(trip["net_pnl"]) > 0 for trip in trips)
    assert Decimal(row["win_rate"]) == (Decimal(won) / len(trips)).quantize(Decimal("0.0001"))
    assert row["paused"] == {"operator": "paused by ana"}
    assert row["last_candle_at"] == read_rows("events", reader)[-1]["at"]
    assert row["last_signal"]["at"] == read_rows("signals", reader)[-1]["at"]
    assert row["last_signal"]["direction"] in {"long", "short"}


def test_capital_that_waits_to_be_booked_counts(config: InstanceConfig, reader: SqlcipherReader) -> None:
    before, after = status_row(config, reader), status_row(with_capital(config, Decimal(1500)), reader)
    for name in ("capital", "cash", "equity"):
        assert Decimal(after[name]) - Decimal(before[name]) == 500
    for name in ("total_pnl", "day_pnl"):
        assert Decimal(after[name]) == Decimal(before[name])


def test_an_instance_that_never_ran_has_its_capital(tmp_path: Path) -> None:
    made = replaying(make_home(tmp_path), "beta", Path("nowhere.csv"))
    config = load_instance(made.path)
    reader = SqlcipherReader.open(made.ledger, KEY)
    row = status_row(config, reader)
    assert all(read_rows(kind, reader) == [] for kind in KINDS)
    reader.close()
    assert (row["capital"], row["cash"], row["equity"], row["total_pnl"], row["day_pnl"]) == (
        "1000",
        "1000",
        "1000",
        "0",
        "0",
    )
    assert (row["last_signal"], row["last_candle_at"], row["win_rate"], row["drawdown"]) == (None, None, None, "0.0000")


def test_a_ledger_that_cannot_be_opened_leaves_what_the_configuration_knows(config: InstanceConfig) -> None:
    row = status_row(config, None)
    assert (row["name"], row["capital"], row["equity"], row["strategy"]) == ("alpha", "1000", None, "ma_cross")


async def test_the_row_has_the_keys_of_a_running_one(config: InstanceConfig, reader: SqlcipherReader) -> None:
    host = Host(walk(50))
    host.venue.finish()
    await host.runner().run()
    running, stopped = set(host.link.rows[-1]), set(status_row(config, reader))
    assert stopped <= running
    more = {"phase", "candles", "waiting", "loop_lag_ms", "cpu_s", "health", "marks", "facts", "facts_per_s", "latency"}
    assert running - stopped == more


def test_what_is_at_stake_in_positions_that_nobody_follows() -> None:
    held = {"symbol": "BTC/USDT", "quantity": "2", "cost": "200", "stop_price": "99"}
    above, bare = held | {"stop_price": "101"}, held | {"symbol": "ETH/USDT", "stop_price": None, "cost": "50"}
    assert at_stake([held, above, bare]) == {"open_risk": "52", "exposure": {"BTC": "400", "ETH": "50"}}
    assert at_stake([]) == {"open_risk": "0", "exposure": {}}
