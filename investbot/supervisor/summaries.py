"""Summaries of a day and of a week, for each instance and for the fleet. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from investbot.domain.market import DAY, Millis
from investbot.domain.times import rfc3339
from investbot.ports.notifier import Kind, Notice, Tone
from investbot.supervisor.wording import plain, signed

WEEK_DAYS = 7
_MONDAY = 4
"""1970-01-01 was a Thursday: day numbers with (day - 4) % 7 == 0 are Mondays."""


@dataclass(frozen=True, slots=True)
class Result:
    """What an instance did in a span of UTC days; money in its quote currency.

    `equity` at the end and `earned` (realised and, where marked, open) are None where the ledger says nothing;
    `trips` ended in the span, `won` of them with a net gain; `open_positions` at the time of asking.
    """

    mode: str
    quote: str
    equity: Decimal | None = None
    earned: Decimal | None = None
    fees: Decimal = Decimal(0)
    trips: int = 0
    won: int = 0
    entries: int = 0
    open_positions: int = 0
    trading_state: str = ""


def is_monday(day: int) -> bool:
    """Tell whether a day (days since the epoch) is a Monday."""
    return (day - _MONDAY) % WEEK_DAYS == 0


def of_instance(kind: Kind, name: str, first: int, last: int, result: Result, at: Millis) -> Notice:
    """Sum up the days `first` to `last` (days since the epoch) of one instance."""
    quote = result.quote
    fields = [
        ("Result", f"{signed(result.earned)} {quote}" if result.earned is not None else "–"),
        ("Equity", f"{plain(result.equity)} {quote}" if result.equity is not None else "–"),
        ("Round trips", f"{result.trips} ({result.won} won)" if result.trips else "none"),
        ("Entries", str(result.entries)),
        ("Fees", f"{plain(result.fees)} {quote}"),
        ("Open positions", str(result.open_positions)),
        ("Trading", result.trading_state or "–"),
    ]
    title = f"{kind.value.capitalize()} summary of {name}, {_days(first, last)}"
    return Notice(at, kind, title, name=name, mode=result.mode, fields=tuple(fields), tone=_tone(result.earned))


def of_fleet(kind: Kind, first: int, last: int, results: Mapping[str, Result], at: Millis) -> Notice:
    """Sum up all instances: totals for each mode and quote currency, then a line an instance."""
    fields: list[tuple[str, str]] = []
    for mode, quote in sorted({(each.mode, each.quote) for each in results.values()}):
        some = [each for each in results.values() if (each.mode, each.quote) == (mode, quote)]
        earned = sum((each.earned for each in some if each.earned is not None), Decimal(0))
        trips, won = sum(each.trips for each in some), sum(each.won for each in some)
        fees = sum((each.fees for each in some), Decimal(0))
        value = f"{signed(earned)} {quote}, {trips} round trips ({won} won), fees {plain(fees)} {quote}"
        fields.append((f"{mode.upper() if mode == 'live' else mode} · {len(some)} instances", value))
    lines = [_line(name, results[name]) for name in _by_result(results)]
    title = f"{kind.value.capitalize()} summary of the fleet, {_days(first, last)}"
    tones = {_tone(each.earned) for each in results.values()} - {Tone.PLAIN}
    tone = tones.pop() if len(tones) == 1 else Tone.PLAIN
    return Notice(at, kind, title, text="\n".join(lines) or "No instances.", fields=tuple(fields), tone=tone)


def _line(name: str, result: Result) -> str:
    earned = f"{signed(result.earned)} {result.quote}" if result.earned is not None else "nothing booked"
    state = "" if result.trading_state in {"", "ACTIVE"} else f", {result.trading_state}"
    return f"{name}: {earned}, {result.trips} round trips{state}"


def _by_result(results: Mapping[str, Result]) -> Sequence[str]:
    """Worst first: the end of a long list is what may be cut."""
    return sorted(results, key=lambda name: (results[name].earned or Decimal(0), name))


def _tone(earned: Decimal | None) -> Tone:
    if not earned:
        return Tone.PLAIN
    return Tone.GAIN if earned > 0 else Tone.LOSS


def _days(first: int, last: int) -> str:
    begin, end = (rfc3339(day * DAY)[:10] for day in (first, last))
    return begin if first == last else f"{begin} to {end}"
