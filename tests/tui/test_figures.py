from __future__ import annotations

from decimal import Decimal

import pytest

from investbot.tui import figures as fig
from investbot.tui.figures import Cell, Tone
from investbot.tui.model import Link, Snapshot
from tests.tui.fakes import WALL, row


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ("0", "0.00"),
        ("1234567.891", "1,234,567.89"),
        ("-0.5", "-0.50"),
        ("0.0034", "0.0034"),
        ("0.0000012", "0.0000012"),
    ],
)
def test_money(value: str | None, text: str) -> None:
    assert fig.money(None if value is None else Decimal(value)) == text


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("1.2", Cell("+1.20", Tone.GOOD)),
        ("-1.2", Cell("-1.20", Tone.BAD)),
        ("0.00", Cell("0.00", Tone.DIM)),
    ],
)
def test_a_gain_has_a_sign_besides_its_colour(value: str, cell: Cell) -> None:
    assert fig.gain(Decimal(value)) == cell
    assert fig.gain(None) == Cell("-", Tone.DIM)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("64000.126", "64,000.13"),
        ("2.345678", "2.34568"),
        ("0.00000812345", "0.00000812345"),
        ("0.000000000001", "0.000000000001"),
        ("0", "0.00"),
    ],
)
def test_a_price_keeps_digits_that_mean_something(value: str, text: str) -> None:
    assert fig.price(Decimal(value)) == text
    assert fig.price(None) == "-"


def test_quantities_and_fractions() -> None:
    assert fig.quantity(Decimal("0.00123000")) == "0.00123"
    assert fig.quantity(Decimal(100)) == "100"
    assert fig.quantity(Decimal("1E+2")) == "100"
    assert fig.quantity(None) == "-"
    assert fig.percent(Decimal("0.0125"), 2) == "1.25%"
    assert fig.percent(None) == "-"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0, "<2s"), (1.9, "<2s"), (2, "2s"), (59.9, "59s"), (60, "1m"), (7200, "2h"), (200_000, "2d")],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert fig.duration(seconds) == text


def test_the_first_minute_of_a_process_is_one_figure() -> None:
    assert [fig.uptime(seconds) for seconds in (None, 0.0, 59.9, 60.0, 7200.0)] == ["-", "<1m", "<1m", "1m", "2h"]


def test_an_age_grows_while_nothing_new_arrives() -> None:
    snapshot = Snapshot((), Link.UP, 100.0)
    assert fig.age_s(row(heartbeat_age_s=0.5), snapshot, 103.0) == 3.5
    assert fig.age_s(row(heartbeat_age_s=None), snapshot, 103.0) is None
    assert fig.age_s(row(), Snapshot((), Link.DOWN, 100.0), 103.0) == 3.0


@pytest.mark.parametrize(
    ("link", "state", "heartbeat", "now", "stale"),
    [
        (Link.UP, "RUNNING", 0.5, 100.0, False),
        (Link.UP, "RUNNING", 4.9, 100.0, False),
        (Link.UP, "RUNNING", 5.1, 100.0, True),
        (Link.UP, "RUNNING", None, 100.0, False),
        (Link.UP, "STOPPED", 99.0, 100.0, False),
        (Link.UP, "STOPPED", None, 106.0, True),
        (Link.LOST, "STOPPED", None, 100.0, True),
        (Link.DOWN, "STOPPED", None, 106.0, False),
    ],
)
def test_what_is_stale(link: Link, state: str, heartbeat: float | None, now: float, stale: bool) -> None:
    snapshot = Snapshot((), link, 100.0)
    assert fig.is_stale(row(state=state, heartbeat_age_s=heartbeat), snapshot, now) is stale


def test_the_last_candle_has_an_age_where_the_market_keeps_the_walls_time() -> None:
    snapshot = Snapshot((), Link.UP, 100.0, wall=WALL)
    assert fig.candle_text(row(), snapshot, 102.0) == "2026-01-02 03:03:00Z, 1m ago"
    assert fig.candle_text(row(venue="replay"), snapshot, 102.0) == "2026-01-02 03:03:00Z"
    assert fig.candle_text(row(), Snapshot((), Link.UP, 100.0), 102.0) == "2026-01-02 03:03:00Z"
    assert fig.candle_text(row(last_candle_at=None), snapshot, 102.0) == "-"


@pytest.mark.parametrize(
    ("mode", "cell"),
    [
        ("paper", Cell("PAPER", Tone.PAPER)),
        ("sandbox", Cell("SANDBOX", Tone.SANDBOX)),
        ("live", Cell("LIVE", Tone.LIVE)),
        ("", Cell("LIVE?", Tone.LIVE)),
    ],
)
def test_unknown_money_is_shown_as_live(mode: str, cell: Cell) -> None:
    assert fig.mode_badge(mode) == cell


def test_states_in_words_and_colours() -> None:
    assert fig.state_cell("FATAL") == Cell("FATAL", Tone.BAD)
    assert fig.state_cell("NEW") == Cell("NEW", Tone.PLAIN)
    assert fig.trading_cell(row(trading_state="HALTED")) == Cell("HALTED", Tone.BAD)
    assert fig.trading_cell(row(paused=["stale:BTC/USDT"])) == Cell("PAUSED", Tone.WARN)
    assert fig.trading_cell(row()) == Cell("ACTIVE", Tone.PLAIN)
    assert fig.trading_cell(row(trading_state=None)) == Cell("-", Tone.DIM)


def test_a_signal_in_a_line() -> None:
    assert fig.signal_text(row()) == "LONG BTC/USDT 0.70 pullback in an up trend"
    assert fig.signal_text(row(last_signal="flat")) == "FLAT"
    assert fig.signal_text(row(last_signal=None)) == "-"
