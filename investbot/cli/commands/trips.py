"""`investbot trips`: round trips of one instance, one by one or summed up."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from investbot.cli.choices import Csv, Last, Name, Since
from investbot.cli.commands.rows import KEYS, LESS, show
from investbot.cli.fleet import open_home
from investbot.cli.reading import Filters, rows_of
from investbot.cli.registry import LOOK, add
from investbot.cli.session import Session

_COLUMNS = (
    "closed_at", "symbol", "quantity", "entry_price", "exit_price", "net_pnl", "r", "exit_reason", "gapped", "setup",
)  # fmt: skip
_SUMS = ("trips", "win_rate", "mean_r", "net_pnl", "costs", "profit_factor")


class By(StrEnum):
    """What round trips are summed up by."""

    SETUP = "setup"
    SYMBOL = "symbol"
    EXIT_REASON = "exit_reason"


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = (
        "investbot trips alpha",
        "investbot trips alpha --last 5 --json",
        "investbot trips alpha --by setup",
    )
    add(app, "trips", *examples, panel=LOOK)(trips)


def trips(
    context: typer.Context,
    name: Name,
    since: Since = None,
    last: Last = None,
    csv: Csv = False,
    by: Annotated[
        By | None, typer.Option(help="Sum them up by this: count, win rate, mean R, net.", show_default=False)
    ] = None,
) -> None:
    """Show round trips, entry to flat, net of every cost."""
    session: Session = context.obj
    rows = rows_of(session, open_home(session), "trips", name, Filters.of(since, last))
    if by is None:
        show(session, rows, _COLUMNS, csv=csv, less=("gapped", "setup", *LESS), keys=KEYS["trips"])
        return
    from investbot.research.setups import results_by

    columns = (by.value, *_SUMS)
    show(session, results_by(by.value, rows), columns, csv=csv, keys=" ".join(columns))
