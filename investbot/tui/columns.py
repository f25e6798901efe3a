"""The columns of the fleet table, and how rows are chosen and put in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from investbot.domain.times import rfc3339
from investbot.tui import figures as fig
from investbot.tui.figures import Cell, Tone
from investbot.tui.model import Row, Snapshot

_OLD_BACKUP_S = 2 * 86_400
"""Backups are made daily: one that is older than two days was missed."""

Key = tuple[int, Decimal | str | float]
"""What rows are sorted by: rows without the figure come last whichever way."""


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of the fleet table: its title, width in characters, looks, and what it sorts by with which letter."""

    title: str
    width: int
    cell: Callable[[Row, Snapshot, float], Cell]
    key: Callable[[Row], Decimal | str | float | None]
    letter: str = ""
    right: bool = False


def _age(row: Row, snapshot: Snapshot, now: float) -> Cell:
    age = fig.age_s(row, snapshot, now)
    if fig.is_stale(row, snapshot, now):
        return Cell(f"{fig.duration(age)}!", Tone.BAD)
    return Cell(fig.duration(age), Tone.DIM)


def _text(pick: Callable[[Row], str], tone: Tone = Tone.PLAIN) -> Callable[[Row, Snapshot, float], Cell]:
    def cell(row: Row, _snapshot: Snapshot, _now: float) -> Cell:
        return Cell(pick(row) or fig.NONE, tone)

    return cell


def _cell(show: Callable[[Row], Cell]) -> Callable[[Row, Snapshot, float], Cell]:
    def cell(row: Row, _snapshot: Snapshot, _now: float) -> Cell:
        return show(row)

    return cell


def _held(row: Row) -> str:
    return fig.NONE if row.open_positions is None else str(row.open_positions)


def _signal_at(row: Row) -> int | None:
    return row.last_signal.at if row.last_signal else None


def _symbols(row: Row) -> str:
    return " ".join(row.symbols)


def _breaker(row: Row) -> Cell:
    tones = {"closed": Tone.DIM, "half-open": Tone.WARN, "open": Tone.BAD}
    return Cell(row.breaker or fig.NONE, tones.get(row.breaker, Tone.DIM))


def _slow(row: Row) -> str:
    return fig.NONE if row.api_p99_ms is None else f"{row.api_p99_ms:.0f}"


def _backup(row: Row, snapshot: Snapshot, _now: float) -> Cell:
    if row.backup_at is None:
        return Cell("never", Tone.WARN)
    if snapshot.wall is None:
        return Cell(rfc3339(row.backup_at)[5:10], Tone.DIM)
    age_s = max(0.0, (snapshot.wall - row.backup_at) / 1000)
    return Cell(fig.duration(age_s), Tone.WARN if age_s >= _OLD_BACKUP_S else Tone.DIM)


COLUMNS: tuple[Column, ...] = (
    Column("NAME", 12, _text(lambda row: row.name, Tone.STRONG), lambda row: row.name, "N"),
    Column("MODE", 7, _cell(lambda row: fig.mode_badge(row.mode)), lambda row: row.mode, "M"),
    Column("STATE", 8, _cell(lambda row: fig.state_cell(row.state)), lambda row: row.state, "S"),
    Column("TRADING", 8, _cell(fig.trading_cell), lambda row: row.trading_state, "G"),
    Column("EQUITY", 10, _text(lambda row: fig.money(row.equity)), lambda row: row.equity, "E", right=True),
    Column("DAY", 8, _cell(lambda row: fig.gain(row.day_pnl)), lambda row: row.day_pnl, "D", right=True),
    Column("TOTAL", 8, _cell(lambda row: fig.gain(row.total_pnl)), lambda row: row.total_pnl, "T", right=True),
    Column("POS", 3, _text(_held), lambda row: row.open_positions, "P", right=True),
    Column("AGE", 4, _age, lambda row: row.heartbeat_age_s, "A", right=True),
    Column("WIN", 4, _text(lambda row: fig.percent(row.win_rate, 0)), lambda row: row.win_rate, "W", right=True),
    Column("CCY", 5, _text(lambda row: row.quote, Tone.DIM), lambda row: row.quote, "C"),
    Column("SYMBOLS", 12, _text(_symbols), _symbols, "Y"),
    Column("STRATEGY", 18, _text(lambda row: row.strategy), lambda row: row.strategy, "R"),
    Column("LAST SIGNAL", 40, _text(fig.signal_text), _signal_at, "L"),
    Column("BREAKER", 9, _cell(_breaker), lambda row: row.breaker, "B"),
    Column("API MS", 6, _text(_slow, Tone.DIM), lambda row: row.api_p99_ms, "I", right=True),
    Column("BACKUP", 6, _backup, lambda row: row.backup_at, "K", right=True),
    Column("ERROR", 60, _text(lambda row: row.error, Tone.BAD), lambda row: row.error, "X"),
)

BY_LETTER = {column.letter: column for column in COLUMNS}


@dataclass(frozen=True, slots=True)
class Order:
    """What the table is sorted by; pressing a letter again turns it round."""

    letter: str = "N"
    descending: bool = False

    def pressed(self, letter: str) -> Order:
        """Give the order after a shift-letter; figures begin with the largest, words with A."""
        if letter == self.letter:
            return Order(letter, not self.descending)
        return Order(letter, BY_LETTER[letter].right)


def arranged(rows: Iterable[Row], words: str, order: Order) -> list[Row]:
    """Keep the rows that hold every one of the `words`, in `order`; rows without the figure come last."""
    wanted = words.lower().split()
    key = BY_LETTER[order.letter].key
    chosen = sorted((row for row in rows if all(word in _haystack(row) for word in wanted)), key=lambda row: row.name)
    have = [row for row in chosen if key(row) not in {None, ""}]
    have.sort(key=lambda row: _sortable(key(row)), reverse=order.descending)
    return have + [row for row in chosen if key(row) in {None, ""}]


def _sortable(value: Decimal | str | float | None) -> Key:
    return (1, value) if isinstance(value, str) else (0, value or 0)


def _haystack(row: Row) -> str:
    words = (row.name, row.state, row.mode, row.venue, *row.symbols, row.strategy, row.profile, row.trading_state)
    return " ".join(words).lower()


def totals(rows: Sequence[Row]) -> str:
    """Sum each mode and quote currency in a line of its own; different currencies and modes are never added."""
    parts: list[str] = []
    ordered = sorted(rows, key=_purse)
    for (mode, quote), group in groupby(ordered, key=_purse):
        members = list(group)
        known = [row for row in members if row.equity is not None]
        equity = sum((row.equity for row in known if row.equity is not None), Decimal(0))
        day = sum((row.day_pnl for row in known if row.day_pnl is not None), Decimal(0))
        total = sum((row.total_pnl for row in known if row.total_pnl is not None), Decimal(0))
        missing = "" if len(known) == len(members) else f" ({len(members) - len(known)} unknown)"
        amounts = f"equity {fig.money(equity)}  day {fig.gain(day).text}  total {fig.gain(total).text}{missing}"
        parts.append(f"{(mode or 'unknown').upper()} {quote} {amounts}")
    return "\n".join(parts)


def _purse(row: Row) -> tuple[str, str]:
    return row.mode, row.quote
