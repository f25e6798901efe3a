from __future__ import annotations

import pytest

from investbot.tui.columns import BY_LETTER, COLUMNS, Order, arranged, totals
from investbot.tui.figures import Cell, Tone
from investbot.tui.model import Link, Snapshot
from tests.tui.fakes import FLEET, row


def names(words: str = "", order: Order | None = None) -> list[str]:
    return [each.name for each in arranged(FLEET, words, order or Order())]


def test_every_column_has_its_own_letter() -> None:
    assert len(BY_LETTER) == len(COLUMNS)
    assert all(letter.isupper() for letter in BY_LETTER)


@pytest.mark.parametrize(
    ("letter", "descending", "expected"),
    [
        ("N", False, ["alpha", "bravo", "charlie"]),
        ("N", True, ["charlie", "bravo", "alpha"]),
        ("E", True, ["bravo", "alpha", "charlie"]),
        ("E", False, ["charlie", "alpha", "bravo"]),
        ("T", False, ["bravo", "charlie", "alpha"]),
        ("A", True, ["alpha", "charlie", "bravo"]),
        ("L", False, ["alpha", "charlie", "bravo"]),
        ("X", True, ["bravo", "alpha", "charlie"]),
    ],
)
def test_rows_in_order_and_those_without_the_figure_last(letter: str, descending: bool, expected: list[str]) -> None:
    assert names(order=Order(letter, descending)) == expected


def test_a_letter_pressed_again_turns_the_order_round() -> None:
    assert Order().pressed("E") == Order("E", descending=True)
    assert Order("E", descending=True).pressed("E") == Order("E", descending=False)
    assert Order("E", descending=True).pressed("S") == Order("S", descending=False)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", ["alpha", "bravo", "charlie"]),
        ("LIVE", ["bravo"]),
        ("paper usdt", ["alpha", "charlie"]),
        ("fatal", ["bravo"]),
        ("btc charlie", ["charlie"]),
        ("nothing", []),
    ],
)
def test_a_row_must_hold_every_word(words: str, expected: list[str]) -> None:
    assert names(words) == expected


def test_money_of_different_modes_and_currencies_is_never_added() -> None:
    assert totals([*FLEET, row(name="delta", mode="live")]) == (
        "LIVE USDC equity 1,000.00  day 0.00  total -25.50\n"
        "LIVE USDT equity 503.21  day +1.20  total +3.21\n"
        "PAPER USDT equity 600.01  day -2.00  total +0.01"
    )


def test_sums_say_what_is_missing_in_them() -> None:
    rows = [row(), row(name="b", equity=None, day_pnl=None, total_pnl=None)]
    assert totals(rows) == "PAPER USDT equity 503.21  day +1.20  total +3.21 (1 unknown)"
    assert totals([]) == ""


def test_cells_of_a_row() -> None:
    snapshot = Snapshot(FLEET, Link.UP, 100.0)
    cells = {column.title: column.cell(FLEET[0], snapshot, 100.0) for column in COLUMNS}
    assert cells["NAME"] == Cell("alpha", Tone.STRONG)
    assert cells["MODE"] == Cell("PAPER", Tone.PAPER)
    assert cells["EQUITY"] == Cell("503.21")
    assert cells["CCY"] == Cell("USDT", Tone.DIM)
    assert cells["WIN"] == Cell("61%")
    assert cells["POS"] == Cell("1")
    assert cells["AGE"] == Cell("<2s", Tone.DIM)
    assert cells["ERROR"] == Cell("-", Tone.BAD)


def test_the_breaker_of_the_venue_and_slow_answers_are_shown() -> None:
    snapshot = Snapshot((), Link.UP, 100.0)
    by_title = {column.title: column for column in COLUMNS}
    for breaker, tone in (("closed", Tone.DIM), ("half-open", Tone.WARN), ("open", Tone.BAD)):
        told = row(breaker=breaker, api_p99_ms=41.6)
        assert by_title["BREAKER"].cell(told, snapshot, 100.0) == Cell(breaker, tone)
        assert by_title["API MS"].cell(told, snapshot, 100.0).text == "42"
    assert by_title["BREAKER"].cell(row(), snapshot, 100.0).text == "-"
    assert by_title["API MS"].cell(row(), snapshot, 100.0).text == "-"


def test_a_stale_age_is_marked_in_words_too() -> None:
    age = next(column for column in COLUMNS if column.title == "AGE")
    snapshot = Snapshot(FLEET, Link.UP, 100.0)
    assert age.cell(row(heartbeat_age_s=9), snapshot, 101.0) == Cell("10s!", Tone.BAD)
    assert age.cell(row(state="STOPPED", heartbeat_age_s=None), snapshot, 101.0) == Cell("-", Tone.DIM)


def test_a_row_that_says_nothing() -> None:
    snapshot = Snapshot((), Link.UP, 100.0)
    empty = row(equity=None, open_positions=None, strategy=None, symbols=None)
    cells = {column.title: column.cell(empty, snapshot, 100.0).text for column in COLUMNS}
    assert (cells["EQUITY"], cells["POS"], cells["STRATEGY"], cells["SYMBOLS"]) == ("-", "-", "-", "-")


def test_the_age_of_the_last_verified_backup_is_shown() -> None:
    backup = next(column for column in COLUMNS if column.title == "BACKUP")
    wall = 1_767_323_045_000
    snapshot = Snapshot((), Link.UP, 100.0, wall=wall)
    hour = 3_600_000
    assert backup.cell(row(), snapshot, 100.0) == Cell("never", Tone.WARN)
    assert backup.cell(row(backup_at="2026-01-02T00:04:05Z"), snapshot, 100.0) == Cell("3h", Tone.DIM)
    assert backup.cell(row(backup_at=wall - 48 * hour), snapshot, 100.0) == Cell("2d", Tone.WARN)
    assert backup.cell(row(backup_at=wall - 48 * hour + 1), snapshot, 100.0) == Cell("1d", Tone.DIM)
    assert backup.cell(row(backup_at=wall + hour), snapshot, 100.0) == Cell("<2s", Tone.DIM)
    unclocked = Snapshot((), Link.DOWN, 100.0)
    assert backup.cell(row(backup_at=wall), unclocked, 100.0) == Cell("01-02", Tone.DIM)
