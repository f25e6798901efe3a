"""`investbot signals`: opinions of one instance or of all."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import typer

from investbot.cli.choices import Csv, Last, Since, complete_names
from investbot.cli.commands.rows import KEYS, show
from investbot.cli.fleet import open_home
from investbot.cli.reading import Filters, rows_of_each
from investbot.cli.registry import LOOK, add
from investbot.cli.session import Session
from investbot.domain.events import SignalRaised
from investbot.domain.signal import Direction
from investbot.domain.signal_text import sc01, sc02
from investbot.domain.times import parse_rfc3339

COLUMNS = ("at", "instance", "symbol", "timeframe", "direction", "setup", "confidence", "price", "outcome", "reason")
LESS = ("setup", "outcome", "timeframe", "confidence", "price")


class Format(StrEnum):
    """Signals as text: one line each, or a block each."""

    SC01 = "sc01"
    SC02 = "sc02"


OptionalName = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]", help="One instance; left out: all.", show_default=False, autocompletion=complete_names
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = (
        "investbot signals alpha --last 5",
        "investbot signals --last 1 --symbol BTC/USDT --timeframe 1m --json",
        "investbot signals alpha --last 1 --format sc01",
    )
    add(app, "signals", *examples, panel=LOOK)(signals)


def signals(
    context: typer.Context,
    name: OptionalName = None,
    since: Since = None,
    last: Last = None,
    symbol: Annotated[str | None, typer.Option(metavar="SYMBOL", help="Only this symbol.")] = None,
    timeframe: Annotated[str | None, typer.Option(metavar="TF", help="Only this timeframe.")] = None,
    csv: Csv = False,
    style: Annotated[
        Format | None, typer.Option("--format", help="As text for other programs: one line, or a block.")
    ] = None,
) -> None:
    """Show opinions with their confidence, reason and what became of them; without a name those of all instances."""
    session: Session = context.obj
    home = open_home(session)
    filters = Filters.of(since, last, symbol, timeframe)
    names = [name] if name is not None else home.names()
    found = rows_of_each(session, home, "signals", names, filters)
    rows = [{"instance": each, **row} for each, some in found for row in some]
    rows.sort(key=lambda row: parse_rfc3339(row["at"]))
    rows = rows[-last:] if last else rows
    if style is not None and not session.output.is_json:
        write = sc01 if style is Format.SC01 else sc02
        for row in rows:
            session.output.say(write(_raised(row)))
        return
    show(session, rows, COLUMNS, csv=csv, less=LESS, keys=KEYS["signals"])


def _raised(row: Mapping[str, Any]) -> SignalRaised:
    """Read a row back into the event it was made of, as far as it tells."""
    price = Decimal(row["price"])
    return SignalRaised(
        at=parse_rfc3339(row["at"]),
        signal_id=str(row["signal_id"]),
        symbol=row["symbol"],
        timeframe=row["timeframe"],
        source=row["source"],
        direction=Direction(row["direction"]),
        confidence=float(row["confidence"]),
        price=price,
        stop=None if row["stop"] is None else Decimal(row["stop"]),
        targets=tuple(Decimal(target) for target in row["targets"]),
        reason=row["reason"],
        candle=(0, price, price, price, price, 0.0),
    )
