"""Numbers and ages as text: money in quote, fractions shown as percentages, seconds as `12s`, `3m`, `2h`, `4d`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from investbot.domain.market import Millis
from investbot.domain.times import rfc3339
from investbot.tui.model import Link, Row, Snapshot

STALE_S = 5.0
"""Seconds without a heartbeat after which a figure is shown as stale: heartbeats come once a second."""

NONE = "-"
_OWN_TIME = frozenset({"replay", "synthetic"})
_CENT = Decimal("0.01")
_PRICE_DIGITS = 6
_MANY_DIGITS = 12


class Tone(StrEnum):
    """How a text looks; it always says the same in words, so that colours may be missing."""

    PLAIN = ""
    DIM = "dim"
    GOOD = "green"
    BAD = "red"
    WARN = "yellow"
    LIVE = "bold white on red"
    PAPER = "bold black on green"
    SANDBOX = "bold black on yellow"
    STRONG = "bold"


@dataclass(frozen=True, slots=True)
class Cell:
    """A text and its look; equal cells are never painted twice."""

    text: str
    tone: Tone = Tone.PLAIN


def money(value: Decimal | None) -> str:
    """Show an amount in quote with two decimals, more where it is less than a cent."""
    if value is None:
        return NONE
    if value and abs(value) < _CENT:
        return f"{value:.2g}" if abs(value) < Decimal("0.0001") else f"{value:.4f}"
    return f"{value:,.2f}"


def gain(value: Decimal | None) -> Cell:
    """Show a profit or loss with its sign."""
    if value is None:
        return Cell(NONE, Tone.DIM)
    if not value:
        return Cell("0.00", Tone.DIM)
    return Cell(f"+{money(value)}", Tone.GOOD) if value > 0 else Cell(money(value), Tone.BAD)


def price(value: Decimal | None) -> str:
    """Show a price with six digits that mean something, however small it is."""
    if value is None:
        return NONE
    decimals = max(2, _PRICE_DIGITS - value.adjusted() - 1) if value else 2
    return f"{value:,.{min(decimals, _MANY_DIGITS)}f}"


def quantity(value: Decimal | None) -> str:
    """Show a quantity as it is, without zeros at its end."""
    if value is None:
        return NONE
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(value: Decimal | None, decimals: int = 1) -> str:
    """Show a fraction as a percentage."""
    return NONE if value is None else f"{value * 100:.{decimals}f}%"


def duration(seconds: float | None) -> str:
    """Show how long in one unit; less than two seconds is one figure, so that a quiet screen stays quiet."""
    if seconds is None:
        return NONE
    if seconds < 2:
        return "<2s"
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds)}s"


def uptime(seconds: float | None) -> str:
    """Show how long a process has run; its first minute is one figure, so that a quiet screen stays quiet."""
    return "<1m" if seconds is not None and seconds < 60 else duration(seconds)


def clock_time(at: Millis | None) -> str:
    """Show a moment to the second, as `2026-01-02 03:04:05Z`."""
    return NONE if at is None else rfc3339(at // 1000 * 1000).replace("T", " ")


def candle_text(row: Row, snapshot: Snapshot, now: float) -> str:
    """Show when the last candle closed and, where the market's time is the wall's, how long ago that is."""
    at = row.last_candle_at
    if at is None or snapshot.wall is None or row.venue in _OWN_TIME:
        return clock_time(at)
    return f"{clock_time(at)}, {duration((snapshot.wall - at) / 1000 + now - snapshot.at)} ago"


def age_s(row: Row, snapshot: Snapshot, now: float) -> float | None:
    """Give how old a row's figures are, in seconds: the heartbeat's age grows while nothing new arrives."""
    since = max(0.0, now - snapshot.at)
    if snapshot.link is Link.DOWN:
        return since
    return None if row.heartbeat_age_s is None else row.heartbeat_age_s + since


def is_stale(row: Row, snapshot: Snapshot, now: float) -> bool:
    """Tell whether the figures of a process that should be beating are old, or nobody can tell."""
    if snapshot.link is Link.DOWN:
        return False
    if snapshot.link is Link.LOST or now - snapshot.at > STALE_S:
        return True
    age = age_s(row, snapshot, now)
    return row.alive and age is not None and age > STALE_S


def mode_badge(mode: str) -> Cell:
    """Show whose money it is; what is not known is shown as live, for that is the dangerous one."""
    if mode == "paper":
        return Cell("PAPER", Tone.PAPER)
    if mode == "sandbox":
        return Cell("SANDBOX", Tone.SANDBOX)
    return Cell("LIVE" if mode == "live" else "LIVE?", Tone.LIVE)


def state_cell(state: str) -> Cell:
    """Show the state of a process."""
    tones = {
        "RUNNING": Tone.GOOD,
        "STARTING": Tone.WARN,
        "STOPPING": Tone.WARN,
        "BACKOFF": Tone.WARN,
        "FATAL": Tone.BAD,
        "STOPPED": Tone.DIM,
        "EXITED": Tone.DIM,
    }
    return Cell(state, tones.get(state, Tone.PLAIN))


def trading_cell(row: Row) -> Cell:
    """Show what trading is allowed: the state, or that entries are paused."""
    if row.trading_state in {"REDUCING", "HALTED"}:
        return Cell(row.trading_state, Tone.BAD)
    if row.paused:
        return Cell("PAUSED", Tone.WARN)
    return Cell(row.trading_state or NONE, Tone.PLAIN if row.trading_state else Tone.DIM)


def signal_text(row: Row) -> str:
    """Show the last opinion with its reason in one line."""
    signal = row.last_signal
    if signal is None:
        return NONE
    confidence = "" if signal.confidence is None else f"{signal.confidence:.2f}"
    parts = (signal.direction.upper(), signal.symbol, confidence, signal.reason)
    return " ".join(part for part in parts if part)
