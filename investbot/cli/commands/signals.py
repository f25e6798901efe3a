"""`investbot signals`: opinions of one instance or of all."""

from __future__ import annotations

from typing import Annotated

import typer

from investbot.cli.choices import Csv, Last, Since, complete_names
from investbot.cli.commands.rows import KEYS, show
from investbot.cli.fleet import open_home
from investbot.cli.reading import Filters, rows_of_each
from investbot.cli.registry import LOOK, add
from investbot.cli.session import Session
from investbot.domain.times import parse_rfc3339

COLUMNS = ("at", "instance", "symbol", "timeframe", "direction", "confidence", "price", "outcome", "reason")
LESS = ("outcome", "timeframe", "confidence", "price")

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
) -> None:
    """Show opinions with their confidence, reason and what became of them; without a name those of all instances."""
    session: Session = context.obj
    home = open_home(session)
    filters = Filters.of(since, last, symbol, timeframe)
    names = [name] if name is not None else home.names()
    found = rows_of_each(session, home, "signals", names, filters)
    rows = [{"instance": each, **row} for each, some in found for row in some]
    rows.sort(key=lambda row: parse_rfc3339(row["at"]))
    show(session, rows[-last:] if last else rows, COLUMNS, csv=csv, less=LESS, keys=KEYS["signals"])
