from __future__ import annotations

from decimal import Decimal

import pytest

from investbot.tui.model import LastSignal, Link, Row, Snapshot, decimal, moment
from tests.tui.fakes import WALL, fields, row


def test_a_row_is_read_whole() -> None:
    read = row()
    assert (read.name, read.state, read.mode, read.quote) == ("alpha", "RUNNING", "paper", "USDT")
    assert (read.equity, read.open_positions, read.rss_mb) == (Decimal("503.21"), 1, 55.0)
    assert read.marks == {"BTC/USDT": Decimal(64000)}
    assert read.last_signal == LastSignal(WALL - 65_000, "BTC/USDT", "long", 0.7, "pullback in an up trend")


def test_what_is_missing_is_unknown_and_never_a_guess() -> None:
    read = Row.of({"name": "alpha"})
    assert read.state == "?"
    assert read.mode == ""
    assert read.quote == "?"
    unknown = (read.equity, read.day_pnl, read.open_positions, read.heartbeat_age_s, read.last_candle_at, read.pid)
    assert unknown == (None,) * 6
    assert read.last_signal is None
    assert read.error == ""
    assert read.marks == {}


def test_moments_come_as_milliseconds_or_text() -> None:
    assert moment(WALL) == WALL
    assert moment("2026-01-02T03:04:05Z") == WALL
    assert moment("soon") is None
    assert moment(True) is None
    assert moment(None) is None


@pytest.mark.parametrize("text", ["NaN", "Infinity", "ten", "", None, True])
def test_what_is_no_number_is_none(text: object) -> None:
    assert decimal(text) is None


def test_symbols_may_come_as_text() -> None:
    assert row(symbols="BTC/USDT:USDT,ETH/USDT").symbols == ("BTC/USDT:USDT", "ETH/USDT")
    assert row(symbols="BTC/USDT:USDT").quote == "USDT"


def test_a_signal_may_come_as_text() -> None:
    signal = row(last_signal="LONG BTC/USDT").last_signal
    assert signal == LastSignal(None, "", "LONG BTC/USDT", None, "")
    assert row(last_signal=7).last_signal is None


@pytest.mark.parametrize(
    ("paused", "trading_state", "held"),
    [
        ({}, "ACTIVE", False),
        ({"operator": "asked"}, "ACTIVE", True),
        (["operator"], "ACTIVE", True),
        ("operator", "ACTIVE", True),
        ("", "ACTIVE", False),
        (3, "ACTIVE", False),
        ({"stale:BTC/USDT": "no candle"}, "ACTIVE", False),
        ({}, "HALTED", True),
        ({}, "REDUCING", False),
    ],
)
def test_who_waits_for_an_operator(paused: object, trading_state: str, held: bool) -> None:
    assert row(paused=paused, trading_state=trading_state).paused_by_operator is held


@pytest.mark.parametrize(
    ("state", "alive"),
    [
        ("STARTING", True),
        ("RUNNING", True),
        ("STOPPING", True),
        ("BACKOFF", False),
        ("EXITED", False),
        ("FATAL", False),
        ("STOPPED", False),
    ],
)
def test_which_states_have_a_process(state: str, alive: bool) -> None:
    assert row(state=state).alive is alive


def test_a_snapshot_finds_its_rows() -> None:
    snapshot = Snapshot((row(),), Link.UP, 0.0)
    assert snapshot.row("alpha") == Row.of(fields())
    assert snapshot.row("zulu") is None
