"""`investbot positions | orders | fills | events | equity`: rows of one instance, oldest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import typer

from investbot.cli.choices import Csv, Last, Name, Since
from investbot.cli.fleet import open_home
from investbot.cli.output import Row
from investbot.cli.reading import Filters, rows_of
from investbot.cli.registry import LOOK, add
from investbot.cli.session import Session
from investbot.domain.errors import UsageError

LESS = ("type", "fee_currency", "gapped", "stop_price", "filled", "role", "order_id", "quantity", "entry_price")
"""What a narrow terminal does without, the first one first."""

# Kind of row -> the head of its CSV, also when there are no rows; events have further columns of their own.
KEYS: dict[str, str] = {
    "positions": "plan_id symbol opened_at quantity entry_price cost fees_quote stop_price",
    "orders": "at order_id client_order_id venue_order_id symbol side type price stop_price quantity filled state role "
    "reason plan_id time_in_force replaces changed_at state_reason",
    "fills": "at order_id trade_id symbol side price quantity fee fee_currency fee_quote plan_id gapped",
    "trips": "opened_at closed_at symbol quantity entry_price exit_price costs net_pnl r mae mfe exit_reason gapped "
    "plan_id config_version setup",
    "events": "seq at kind",
    "equity": "at equity cause",
    "signals": "instance at signal_id symbol timeframe source direction confidence price stop targets reason outcome "
    "plan_id denied_by denial value bound setup parts levels",
}

# Kind of row -> what the command says of itself, the columns a human is shown.
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "positions": (
        "Show what is held now, with its stop.",
        ("symbol", "quantity", "entry_price", "cost", "stop_price", "opened_at"),
    ),
    "orders": (
        "Show every order with its state and why it was made.",
        ("at", "symbol", "side", "type", "role", "price", "stop_price", "quantity", "filled", "state", "reason"),
    ),
    "fills": (
        "Show what the venue executed, with every fee.",
        ("at", "order_id", "symbol", "side", "price", "quantity", "fee", "fee_currency"),
    ),
    "events": ("Show everything the engine concluded, refusals with their numbers.", ("seq", "at", "kind", "what")),
    "equity": ("Show how equity went.", ("at", "equity", "cause")),
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for kind, (summary, columns) in KINDS.items():
        examples: tuple[str, ...] = (f"investbot {kind} alpha", f"investbot {kind} alpha --last 5 --json")
        if kind == "fills":
            examples += ("investbot fills alpha --since 2026-01-02 --csv",)
        add(app, kind, *examples, panel=LOOK)(_command(kind, summary, columns))


def _command(kind: str, summary: str, columns: tuple[str, ...]) -> Callable[..., None]:
    def command(context: typer.Context, name: Name, since: Since = None, last: Last = None, csv: Csv = False) -> None:
        session: Session = context.obj
        rows = rows_of(session, open_home(session), kind, name, Filters.of(since, last))
        show(session, rows, columns, csv=csv, less=LESS, keys=KEYS[kind])

    command.__doc__ = summary
    return command


def show(
    session: Session,
    rows: list[dict[str, Any]],
    columns: tuple[str, ...],
    *,
    csv: bool,
    less: tuple[str, ...] = (),
    keys: str = "",
) -> None:
    """Print rows as the operator wants them, CSV under `keys` first; UsageError for CSV and JSON at once."""
    if csv and session.output.is_json:
        message = "--csv and --json do not go together: choose one."
        raise UsageError(message)
    if csv:
        session.output.csv(rows, _all_columns(rows, keys.split() or columns))
    elif session.output.is_json:
        session.output.rows(rows, columns)
    else:
        session.output.rows([_with_rest(row) for row in rows] if "what" in columns else rows, columns, less=less)


def _all_columns(rows: list[dict[str, Any]], keys: Iterable[str]) -> list[str]:
    """Name the keys that all rows have, then every other that occurs, in the order of the first rows."""
    return list(dict.fromkeys([*keys, *(key for row in rows for key in row)]))


def _with_rest(row: Row) -> dict[str, Any]:
    """Put what an event says besides its place and kind into one cell."""
    rest = {key: value for key, value in row.items() if key not in {"seq", "at", "kind", "candle"}}
    return {**row, "what": rest}
